# What fills a slot: generated values, texts with slots in them, and what Python computes.
#
# Everything random comes from the user's own state, so that a run can be made again from its seed.
# A value that is longer than its slot leaves it empty and is counted.

cdef extern from *:
    """
    #include <stdio.h>
    #include <time.h>

    /* RFC 3339 in UTC with milliseconds; 24 bytes. */
    static void vl_write_iso(char *to, int64_t unix_ns) {
        char text[32];
        time_t seconds = unix_ns / 1000000000;
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text + 19, sizeof text - 19, ".%03dZ", (int) (unix_ns / 1000000 % 1000));
        memcpy(to, text, 24);
    }
    static const char VL_HEX[] = "0123456789abcdef";
    static const char VL_BASE64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    """
    void vl_write_iso(char *to, int64_t unix_ns) noexcept nogil
    const char *VL_HEX
    const char *VL_BASE64

cdef enum:
    FILL_UUID = 0
    FILL_SEQUENCE              # a + the how-manieth of all workers
    FILL_INT                   # a to b
    FILL_RANDOM_TEXT           # a characters of the alphabet, its one part
    FILL_PICK                  # one of the parts
    FILL_NOW                   # a: 0 s, 1 ms, 2 RFC 3339
    FILL_TEXT                  # the parts, rendered
    FILL_BASE64                # the same, encoded
    FILL_COMPUTED
    FILL_ITERATION             # from 0
    FILLS

cdef enum:
    UUID_BYTES = 36
    ISO_BYTES = 24
    NUMBER_BYTES = 20


cdef inline size_t write_signed(char *to, int64_t value) noexcept nogil:
    if value >= 0:
        return write_decimal(to, <uint64_t> value)
    to[0] = 45
    return 1 + write_decimal(to + 1, <uint64_t> 0 - <uint64_t> value)


cdef void write_uuid(char *to, uint64_t *random) noexcept nogil:
    """Version 4 (RFC 9562 section 5.4)."""
    cdef uint64_t high = (random_u64(random) & ~<uint64_t> 0xF000) | 0x4000
    cdef uint64_t low = (random_u64(random) & ~(<uint64_t> 3 << 62)) | (<uint64_t> 1 << 63)
    cdef int i, at = 0
    for i in range(32):
        if i == 8 or i == 12 or i == 16 or i == 20:
            to[at] = 45
            at += 1
        to[at] = VL_HEX[((high if i < 16 else low) >> (60 - 4 * (i % 16))) & 15]
        at += 1


cdef size_t write_base64(char *to, const uint8_t *data, size_t n) noexcept nogil:
    cdef size_t i, out = 0
    cdef uint32_t word
    for i in range(0, n, 3):
        word = <uint32_t> data[i] << 16
        if i + 1 < n:
            word |= <uint32_t> data[i + 1] << 8
        if i + 2 < n:
            word |= data[i + 2]
        to[out] = VL_BASE64[word >> 18]
        to[out + 1] = VL_BASE64[(word >> 12) & 63]
        to[out + 2] = VL_BASE64[(word >> 6) & 63] if i + 1 < n else 61
        to[out + 3] = VL_BASE64[word & 63] if i + 2 < n else 61
        out += 4
    return out


cdef uint32_t weighted(const double *cumulative, uint32_t n, double at) noexcept nogil:
    """The first option whose cumulative weight is above `at`; the last is 1."""
    cdef uint32_t low = 0, high = n - 1, middle
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > at:
            high = middle
        else:
            low = middle + 1
    return low


cdef size_t parts_most(vl_engine *e, uint32_t u, vl_fill *value) noexcept nogil:
    """How long the value's text is."""
    cdef size_t total = 0
    cdef uint32_t i
    for i in range(value.part_first, value.part_first + value.part_count):
        total += part_length(&e.program, NULL, &e.program.parts[i], e.slots, u)
    return total


cdef size_t text_write(vl_engine *e, uint32_t u, vl_fill *value, size_t room,
                       char *to) noexcept nogil:
    """A text with slots; 0, and counted, when there is no room for it."""
    cdef size_t n = parts_most(e, u, value), at = 0
    cdef size_t needs = (n + 2) // 3 * 4 if value.kind == FILL_BASE64 else n
    cdef uint32_t i
    if needs > room:
        count(&e.ring, C_VALUES_TOO_LONG, 1)
        return 0
    for i in range(value.part_first, value.part_first + value.part_count):
        at += render_part(&e.program, NULL, &e.program.parts[i], e.slots, u, e.scratch + at)
    if value.kind == FILL_BASE64:
        return write_base64(to, <uint8_t *> e.scratch, n)
    memcpy(to, e.scratch, n)
    return n


cdef size_t pick_write(vl_engine *e, vl_user *user, vl_fill *value, char *to) noexcept nogil:
    cdef uint32_t i
    cdef vl_part *part
    if value.weight_first == NONE:
        i = <uint32_t> random_below(&user.random, value.part_count)
    else:
        i = weighted(e.program.weights + value.weight_first, value.part_count,
                     random_double(&user.random))
    part = &e.program.parts[value.part_first + i]
    memcpy(to, e.program.literals + part.offset, part.length)
    return part.length


cdef size_t now_write(int64_t unit, char *to) noexcept nogil:
    cdef int64_t now = clock_ns(CLOCK_REALTIME)
    if unit == 2:
        vl_write_iso(to, now)
        return ISO_BYTES
    return write_signed(to, now // (1_000_000 if unit else 1_000_000_000))


cdef size_t random_text_write(vl_engine *e, vl_user *user, vl_fill *value,
                              char *to) noexcept nogil:
    cdef vl_part *alphabet = &e.program.parts[value.part_first]
    cdef int64_t i
    for i in range(value.a):
        to[i] = e.program.literals[alphabet.offset + random_below(&user.random, alphabet.length)]
    return <size_t> value.a


cdef void fill_slot(vl_engine *e, uint32_t u, vl_fill *value) noexcept nogil:
    """Fill the value's slot. What may be long was measured against the slot at the door."""
    cdef vl_user *user = &e.users[u]
    cdef char *slot = slot_at(e.slots, &e.program, u, value.slot)
    cdef char *to = slot + 4
    cdef size_t n = 0
    if value.kind == FILL_UUID:
        write_uuid(to, &user.random)
        n = UUID_BYTES
    elif value.kind == FILL_SEQUENCE:
        n = write_signed(to, <int64_t> (<uint64_t> value.a + e.worker
                                        + e.sequences[value - e.program.fills] * e.workers))
        e.sequences[value - e.program.fills] += 1
    elif value.kind == FILL_INT:
        n = write_signed(to, value.a + <int64_t> random_below(
            &user.random, <uint64_t> value.b - <uint64_t> value.a + 1))
    elif value.kind == FILL_RANDOM_TEXT:
        n = random_text_write(e, user, value, to)
    elif value.kind == FILL_PICK:
        n = pick_write(e, user, value, to)
    elif value.kind == FILL_NOW:
        n = now_write(value.a, to)
    elif value.kind == FILL_ITERATION:
        n = write_decimal(to, user.iteration - (user.iteration > 0))
    elif value.kind == FILL_COMPUTED:
        compute(e, u, value.rule, value.slot)
        return
    else:
        n = text_write(e, u, value, e.program.slots[value.slot].room, to)
    (<uint32_t *> slot)[0] = <uint32_t> n


cdef bint compute(vl_engine *e, uint32_t u, uint32_t rule, uint32_t into) noexcept with gil:
    """Ask the worker's Python: the truth of a condition, or a value for the slot `into`.

    Slots are handed over as texts. What fails is false or empty, and counted.
    """
    cdef Engine engine = <Engine> e.owner
    cdef bytes value
    try:
        reads, function = engine.computed[rule]
        result = function(*slot_texts(e, u, reads))
        if into == NONE:
            return bool(result)
        (<uint32_t *> slot_at(e.slots, &e.program, u, into))[0] = 0
        value = result.encode("utf-8", "surrogateescape")
        if has_control(value, len(value)):      # it may stand in a header
            count(&e.ring, C_EXPRESSIONS_FAILED, 1)
        elif not slot_put(e, u, into, value):
            count(&e.ring, C_VALUES_TOO_LONG, 1)
    except Exception:
        count(&e.ring, C_EXPRESSIONS_FAILED, 1)
        if into != NONE:
            (<uint32_t *> slot_at(e.slots, &e.program, u, into))[0] = 0
    return False
