# Compiled flows: what velroload/protocol/program.py writes and the core executes.
#
# A flow is a run of steps; a request step is a run of parts: literal bytes, a slot of the user's
# own (a captured token), or the length of the body that follows. Rendering is memcpy. A rendered
# request is not kept: slots do not change while it is under way, so the rest of a partial send is
# rendered again.

from libc.string cimport memcpy, memset

cdef enum:
    STEP_REQUEST = 0
    STEP_THINK = 1
    STEP_PARK = 2               # handed to Python, which completes it (Engine.resume)

cdef enum:
    STEP_HEAD = 1               # the answer has no body
    STEP_IDEMPOTENT = 2         # may be sent again when a reused connection turns out closed
    STEP_WANT_BODY = 4
    STEP_CLOSE = 8              # our own Connection: close

cdef enum:
    PART_LITERAL = 0
    PART_SLOT = 1
    PART_LENGTH = 2             # decimal length of all parts after the next literal's end

cdef enum:
    THINK_NONE = 0
    THINK_CONSTANT = 1
    THINK_UNIFORM = 2
    THINK_EXPONENTIAL = 3

cdef extern from *:
    """
    typedef struct {
        uint8_t op;
        uint8_t flags;
        uint16_t endpoint;
        uint16_t expect;         /* index of a status set of 128 bytes, one bit a status */
        uint8_t think;           /* THINK_* of a think step */
        uint8_t origin;          /* where the request goes: index of an origin */
        uint32_t part_first, part_count;
        uint32_t capture_first, capture_count;
        int64_t timeout_ns;
        double think_a, think_b; /* ns */
        double probability;
        uint32_t body_first;     /* first part of the body; part_first + part_count without one */
        uint32_t pad2;
    } vl_step;
    typedef struct {
        uint32_t kind;
        uint32_t slot;
        uint32_t offset;         /* into the literals */
        uint32_t length;
    } vl_part;
    typedef struct {
        uint32_t slot;
        uint32_t rule;           /* index into the Python rules of the worker */
    } vl_capture;
    typedef struct {
        uint16_t family;
        uint16_t length;
        uint8_t raw[124];        /* struct sockaddr_in, sockaddr_in6 or sockaddr_un */
    } vl_address;
    typedef struct {
        uint32_t address_first, address_count;
        uint8_t transport;       /* TRANSPORT_* */
        uint8_t pad[7];
    } vl_origin;
    _Static_assert(sizeof(vl_step) == 64 && sizeof(vl_part) == 16, "program layout");
    _Static_assert(sizeof(vl_capture) == 8 && sizeof(vl_address) == 128, "program layout");
    _Static_assert(sizeof(vl_origin) == 16, "program layout");
    """
    ctypedef struct vl_step:
        uint8_t op
        uint8_t flags
        uint16_t endpoint
        uint16_t expect
        uint8_t think
        uint8_t origin
        uint32_t part_first
        uint32_t part_count
        uint32_t capture_first
        uint32_t capture_count
        int64_t timeout_ns
        double think_a
        double think_b
        double probability
        uint32_t body_first
    ctypedef struct vl_part:
        uint32_t kind
        uint32_t slot
        uint32_t offset
        uint32_t length
    ctypedef struct vl_capture:
        uint32_t slot
        uint32_t rule
    ctypedef struct vl_address:
        uint16_t family
        uint16_t length
        uint8_t raw[124]
    ctypedef struct vl_origin:
        uint32_t address_first
        uint32_t address_count
        uint8_t transport

cdef struct vl_program:
    vl_step *steps              # all arrays: borrowed from the program's bytes, held by Engine
    vl_part *parts
    vl_capture *captures
    vl_address *addresses
    vl_address *sources         # local ends: IPv4 first, then IPv6
    vl_origin *origins
    uint8_t *expects
    char *literals
    uint32_t n_steps
    uint32_t n_parts
    uint32_t n_captures
    uint32_t n_addresses
    uint32_t n_sources
    uint32_t n_sources_v4
    uint32_t n_origins
    uint32_t n_expects
    uint32_t n_literals
    uint32_t n_slots            # per user
    uint32_t slot_bytes         # room of one slot, length word included
    uint32_t render_bytes       # the longest request with full slots


cdef inline char *slot_at(char *slots, vl_program *program, uint32_t user,
                          uint32_t slot) noexcept nogil:
    """A slot: a uint32 length, then the bytes."""
    return slots + (<size_t> user * program.n_slots + slot) * program.slot_bytes


cdef inline size_t write_decimal(char *to, uint64_t value) noexcept nogil:
    cdef char digits[20]
    cdef size_t n = 0, i
    while True:
        digits[n] = 48 + <char> (value % 10)
        value = value // 10
        n += 1
        if value == 0:
            break
    for i in range(n):
        to[i] = digits[n - 1 - i]
    return n


cdef uint64_t body_length(vl_program *program, vl_step *step, char *slots,
                          uint32_t user) noexcept nogil:
    cdef uint64_t total = 0
    cdef vl_part *part
    cdef uint32_t i
    for i in range(step.body_first, step.part_first + step.part_count):
        part = &program.parts[i]
        if part.kind == PART_LITERAL:
            total += part.length
        elif part.kind == PART_SLOT:
            total += (<uint32_t *> slot_at(slots, program, user, part.slot))[0]
    return total


cdef size_t render(vl_program *program, vl_step *step, char *slots, uint32_t user,
                   char *to) noexcept nogil:
    """Write the request of `step` for `user`; returns its length (≤ render_bytes)."""
    cdef char *at = to
    cdef char *slot
    cdef vl_part *part
    cdef uint32_t i, n
    for i in range(step.part_first, step.part_first + step.part_count):
        part = &program.parts[i]
        if part.kind == PART_LITERAL:
            memcpy(at, program.literals + part.offset, part.length)
            at += part.length
        elif part.kind == PART_SLOT:
            slot = slot_at(slots, program, user, part.slot)
            n = (<uint32_t *> slot)[0]
            memcpy(at, slot + 4, n)
            at += n
        else:
            at += write_decimal(at, body_length(program, step, slots, user))
    return at - to


cdef inline bint expected(vl_program *program, vl_step *step, uint16_t status) noexcept nogil:
    if status >= 1000:
        return False
    return (program.expects[step.expect * 128 + (status >> 3)] >> (status & 7)) & 1
