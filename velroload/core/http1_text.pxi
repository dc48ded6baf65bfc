# Text of HTTP messages: what a token and a line may hold, and comma lists. Nothing here reads past
# the size it is given.

from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "counted from the low end");
    static const uint8_t vl_token_char[256] = {
        ['!'] = 1, ['#' ... '\\''] = 1, ['*' ... '+'] = 1, ['-' ... '.'] = 1, ['0' ... '9'] = 1,
        ['A' ... 'Z'] = 1, ['^' ... 'z'] = 1, ['|'] = 1, ['~'] = 1,
    };
    typedef uint8_t vl_bytes16 __attribute__((vector_size(16)));

    /* Index of the first byte that is set in a comparison's result, 16 if none is. */
    static inline size_t vl_first_byte(vl_bytes16 set) {
    #ifdef __SSE2__
        return (size_t) __builtin_ctz(0x10000u | (unsigned) _mm_movemask_epi8((__m128i) set));
    #else
        uint64_t half[2];
        memcpy(half, &set, 16);
        if (half[0])
            return (size_t) __builtin_ctzll(half[0]) >> 3;
        return half[1] ? 8 + ((size_t) __builtin_ctzll(half[1]) >> 3) : 16;
    #endif
    }
    static inline size_t vl_token_span(const char *p, size_t n) {
        size_t i = 0;
        for (; i + 16 <= n; i += 16) {
            vl_bytes16 x, letter;
            size_t first;
            memcpy(&x, p + i, 16);
            letter = (x | 0x20) - 'a';
            first = vl_first_byte(~(vl_bytes16) ((letter < 26) | (x == '-') | (x - '0' < 10)));
            if (first < 16) {
                i += first;
                break;
            }
        }
        while (i < n && vl_token_char[(uint8_t) p[i]])
            i++;
        return i;
    }
    static inline size_t vl_text_span(const char *p, size_t n) {
        size_t i = 0;
        for (; i + 16 <= n; i += 16) {
            vl_bytes16 x;
            size_t first;
            memcpy(&x, p + i, 16);
            first = vl_first_byte((vl_bytes16) (((x < 0x20) & (x != '\\t')) | (x == 0x7f)));
            if (first < 16)
                return i + first;
        }
        for (; i < n; i++) {
            uint8_t c = (uint8_t) p[i];
            if ((c < 0x20 && c != '\\t') || c == 0x7f)
                break;
        }
        return i;
    }
    static inline uint64_t vl_lower8(const char *p) {
        uint64_t x;
        memcpy(&x, p, 8);
        return x | 0x2020202020202020ULL;
    }
    /* Equal but for case: text of at least 8 bytes without control characters, against a name of
       lower-case letters and '-' only (only control characters and capitals share their bits). */
    static inline int vl_same_name(const char *text, const char *name, size_t n) {
        size_t i;
        for (i = 0; i + 8 < n; i += 8)
            if (vl_lower8(text + i) != vl_lower8(name + i))
                return 0;
        return vl_lower8(text + n - 8) == vl_lower8(name + n - 8);
    }
    """
    # how many of the first bytes are tchar; are tab, blank, VCHAR or obs-text
    size_t vl_token_span(const char *text, size_t size) noexcept nogil
    size_t vl_text_span(const char *text, size_t size) noexcept nogil
    bint vl_same_name(const char *text, const char *name, size_t size) noexcept nogil

cdef struct vl_span:
    const char *at              # borrowed from the line at hand
    size_t size


cdef inline bint http1_same(const char *text, const char *lower, size_t size) noexcept nogil:
    """Equal but for case, which is ASCII's only."""
    cdef size_t i
    cdef char c
    for i in range(size):
        c = text[i]
        if c'A' <= c <= c'Z':
            c += 32
        if c != lower[i]:
            return False
    return True


cdef inline bint http1_blank(char c) noexcept nogil:
    return c == c' ' or c == c'\t'


cdef inline void http1_trim(vl_span *text) noexcept nogil:
    while text.size and http1_blank(text.at[0]):
        text.at += 1
        text.size -= 1
    while text.size and http1_blank(text.at[text.size - 1]):
        text.size -= 1


cdef inline bint http1_next_item(vl_span *rest, vl_span *item) noexcept nogil:
    """Split the next item off a comma list, trimmed. False when the list is at its end."""
    cdef const char *comma
    if rest.at == NULL:
        return False
    comma = <const char *> memchr(rest.at, c',', rest.size)
    item.at = rest.at
    if comma == NULL:
        item.size = rest.size
        rest.at = NULL
    else:
        item.size = comma - rest.at
        rest.size -= item.size + 1
        rest.at = comma + 1
    http1_trim(item)
    return True
