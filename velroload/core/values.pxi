# The second ring of a segment: values that servers name in their answers (Server-Timing).
#
# Contract. It lies behind the ring of samples, and is there only when the segment's header says so.
# Same rules as for samples: one writer, one reader, free-running indices, a full ring loses and
# counts. The worker gives each name the next number as it meets it, up to VL_SERIES; names stand
# before the records. The coordinator checks every one of them.

cdef extern from *:
    """
    typedef struct {
        int64_t at_ns;           /* end of the answer, since the run's epoch */
        int64_t value_ns;
        uint16_t endpoint;
        uint16_t series;         /* index into the names of this very segment */
        uint8_t phase;
        uint8_t pad[11];
    } vl_value;
    _Static_assert(sizeof(vl_value) == 32, "a value is half a cache line");
    #define VL_VALUES_AT 40              /* header word: records of the second ring, 0 = none */
    #define VL_VALUES_HEADER_BYTES 4096
    #define VL_SERIES 32
    #define VL_SERIES_NAME_BYTES 64      /* a length byte and up to 63 letters */
    #define VL_SERIES_AT 256
    """
    ctypedef struct vl_value:
        int64_t at_ns
        int64_t value_ns
        uint16_t endpoint
        uint16_t series
        uint8_t phase
    enum:
        VL_VALUES_AT
        VL_VALUES_HEADER_BYTES
        VL_SERIES
        VL_SERIES_NAME_BYTES
        VL_SERIES_AT

cdef enum:
    VALUE_SIZE = 32

cdef struct vl_values:
    char *base                  # of the second ring: borrowed from the mapping; NULL without one
    uint64_t *head_word
    uint64_t *tail_word
    uint64_t *series_word       # how many names there are
    vl_value *slots
    uint64_t capacity           # a power of two
    uint64_t head
    uint64_t tail_seen


cdef void values_attach(vl_values *values, char *base, uint64_t samples,
                        uint64_t capacity) noexcept nogil:
    """Find the ring behind so many samples, or stay without one. Both numbers were checked."""
    memset(values, 0, sizeof(vl_values))
    if capacity == 0:
        return
    values.base = base + VL_HEADER_BYTES + samples * SAMPLE_SIZE
    values.head_word = segment_word(values.base, 0)
    values.tail_word = segment_word(values.base, 64)
    values.series_word = segment_word(values.base, 128)
    values.slots = <vl_value *> (values.base + VL_VALUES_HEADER_BYTES)
    values.capacity = capacity
    values.head = values.head_word[0]
    values.tail_seen = vl_load_acquire(values.tail_word)


cdef inline vl_value *value_slot(vl_values *values) noexcept nogil:
    """The next free record to fill in place, or NULL when the ring is full."""
    if values.head - values.tail_seen >= values.capacity:
        values.tail_seen = vl_load_acquire(values.tail_word)
        if values.head - values.tail_seen >= values.capacity:
            return NULL
    return &values.slots[values.head & (values.capacity - 1)]


cdef inline void value_publish(vl_values *values) noexcept nogil:
    values.head += 1
    vl_store_release(values.head_word, values.head)


cdef inline char *series_name(vl_values *values, uint32_t series) noexcept nogil:
    return values.base + VL_SERIES_AT + series * VL_SERIES_NAME_BYTES


cdef uint32_t series_of(vl_values *values, const char *name, size_t size) noexcept nogil:
    """The number of a name, given at its first use; VL_SERIES when it cannot have one."""
    cdef uint32_t known = <uint32_t> values.series_word[0], i
    cdef char *at
    if size >= VL_SERIES_NAME_BYTES:
        return VL_SERIES
    for i in range(known):
        at = series_name(values, i)
        if <uint8_t> at[0] == size and memcmp(at + 1, name, size) == 0:
            return i
    if known == VL_SERIES:
        return VL_SERIES
    at = series_name(values, known)
    at[0] = <char> size
    memcpy(at + 1, name, size)
    vl_store_release(values.series_word, known + 1)
    return known
