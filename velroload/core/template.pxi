# Compiled flows: what velroload/protocol/program.py writes and the core executes.
#
# A flow is a run of steps; a request step is a run of parts: literal bytes, a slot of the user's
# own (a captured token), or the length of the body that follows. Rendering is memcpy. A rendered
# request is not kept: slots do not change while it is under way, so the rest of a partial send is
# rendered again. Spans (long texts, files) are never rendered: body.pxi sends them from where they
# lie.

from libc.string cimport memcpy, memset

cdef enum:
    STEP_REQUEST = 0
    STEP_THINK = 1
    STEP_PARK = 2               # handed to Python, which completes it (Engine.resume)
    STEP_JUMP = 3               # the control steps: flow.pxi
    STEP_CHANCE = 4
    STEP_TEST = 5
    STEP_LOOP = 6
    STEP_AGAIN = 7
    STEP_ONCE = 8
    STEP_GROUP = 9
    STEP_GROUP_END = 10
    STEP_SET = 11
    STEP_END = 12
    STEP_TAKE = 13              # the next row of the data set `capture_first`
    STEP_OPS

cdef enum:
    TEST_SLOT = 0               # a TEST of the slot `capture_first`: not empty
    TEST_COMPUTED = 1           # of a condition of the worker's Python

cdef enum:
    STEP_HEAD = 1               # the answer has no body
    STEP_IDEMPOTENT = 2         # may be sent again when a reused connection turns out closed
    STEP_WANT_BODY = 4
    STEP_CLOSE = 8              # our own Connection: close
    STEP_SPANS = 16             # it has spans: sent part by part
    STEP_POST = 32              # 301 and 302 turn it into a GET
    STEP_END_ON_ERROR = 64      # its failure ends the iteration
    STEP_WANT_HEADERS = 128     # its judge reads headers

cdef enum:
    ON_ERROR_LOGIN = 1          # in `think` of a request that ends the iteration: log in again

cdef enum:
    EXTRA_COOKIES = 1           # it sends and keeps cookies
    EXTRA_DECODE = 2            # the body that it reads may be compressed
    EXTRA_VALUES = 4            # what the server says of its time is kept
    EXTRA_CACHE = 8             # its answer tells of the cache

cdef enum:
    PART_LITERAL = 0
    PART_SLOT = 1
    PART_LENGTH = 2             # decimal length of all parts after the next literal's end
    PART_SPAN = 3               # bytes of a file; of the literals when slot is 0

cdef enum:
    THINK_NONE = 0
    THINK_CONSTANT = 1
    THINK_UNIFORM = 2
    THINK_EXPONENTIAL = 3
    THINK_NORMAL = 4            # mean, deviation; below 0 is 0
    THINK_LOGNORMAL = 5         # median, deviation of the logarithm

cdef extern from *:
    """
    typedef struct {
        uint8_t op;
        uint8_t flags;
        uint16_t endpoint;
        uint16_t expect;         /* index of a status set of 128 bytes, one bit a status */
        uint8_t think;           /* THINK_* of a think step, ON_ERROR_* of a request */
        uint8_t origin;          /* where the request goes: index of an origin */
        uint32_t part_first, part_count;
        uint32_t capture_first, capture_count;  /* of what the worker's Python judges: 0 or 1 */
        int64_t timeout_ns;
        double think_a, think_b; /* ns */
        double probability;
        uint32_t body_first;     /* first part of the body; part_first + part_count without one */
        uint32_t extra;          /* index of a row of extras + 1; 0 = none: what costs nothing */
    } vl_step;
    typedef struct {
        uint32_t kind;
        uint32_t slot;           /* of a span: number of its file, from 1 */
        uint32_t offset;         /* into the literals or the file */
        uint32_t length;
    } vl_part;
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
    typedef struct {             /* what a step asks for beside its answer */
        uint32_t hop_first;      /* redirects: its step for each origin, as it is and as GET */
        uint32_t path_slot;      /* where the path of the next hop stands */
        uint16_t hop_endpoint;
        uint8_t redirects;       /* how many are followed; 0 = none */
        uint8_t flags;           /* EXTRA_* */
        uint32_t cookie_slot;    /* where the cookies for the next hop stand */
    } vl_extra;
    typedef struct {
        uint32_t kind;           /* FILL_* */
        uint32_t slot;
        int64_t a, b;            /* bounds, length, first number, unit */
        uint32_t part_first, part_count;    /* the text's parts, or the options as literals */
        uint32_t weight_first;   /* into the cumulative weights, one per option */
        uint32_t rule;           /* of what Python computes */
        uint64_t pad[3];
    } vl_fill;
    _Static_assert(sizeof(vl_extra) == 16 && sizeof(vl_fill) == 64, "program layout");
    _Static_assert(sizeof(vl_step) == 64 && sizeof(vl_part) == 16, "program layout");
    _Static_assert(sizeof(vl_address) == 128, "program layout");
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
        uint32_t extra
    ctypedef struct vl_part:
        uint32_t kind
        uint32_t slot
        uint32_t offset
        uint32_t length
    ctypedef struct vl_address:
        uint16_t family
        uint16_t length
        uint8_t raw[124]
    ctypedef struct vl_origin:
        uint32_t address_first
        uint32_t address_count
        uint8_t transport
    ctypedef struct vl_fill:
        uint32_t kind
        uint32_t slot
        int64_t a
        int64_t b
        uint32_t part_first
        uint32_t part_count
        uint32_t weight_first
        uint32_t rule
    ctypedef struct vl_extra:
        uint32_t hop_first
        uint32_t path_slot
        uint16_t hop_endpoint
        uint8_t redirects
        uint8_t flags
        uint32_t cookie_slot

cdef struct vl_file:
    const char *data            # borrowed from a buffer that Engine holds
    uint64_t size

cdef struct vl_program:
    vl_step *steps              # all arrays: borrowed from the program's bytes, held by Engine
    vl_part *parts
    vl_address *addresses
    vl_address *sources         # local ends: IPv4 first, then IPv6
    vl_origin *origins
    vl_extra *extras
    vl_fill *fills
    double *weights             # cumulative, of picks
    uint8_t *expects
    char *literals
    vl_file *files              # owned, freed in Engine.close
    vl_slot *slots              # borrowed
    vl_table *tables            # owned; the data sets
    uint32_t n_steps
    uint32_t n_parts
    uint32_t n_addresses
    uint32_t n_sources
    uint32_t n_sources_v4
    uint32_t n_origins
    uint32_t n_extras
    uint32_t n_fills
    uint32_t n_weights
    uint32_t n_expects
    uint32_t n_literals
    uint32_t n_files
    uint32_t n_slots
    uint32_t n_tables
    uint32_t user_bytes         # of a user's row: the numbers of its rows of data, its slots
    uint32_t room_most          # of its slots
    uint32_t render_bytes       # the longest request with full slots


cdef inline char *slot_at(char *slots, vl_program *program, uint32_t user,
                          uint32_t slot) noexcept nogil:
    """A slot of the user's own: a uint32 length, then the bytes."""
    return slots + <size_t> user * program.user_bytes + program.slots[slot].at


cdef inline uint32_t *rows_at(char *slots, vl_program *program, uint32_t user) noexcept nogil:
    """The numbers of the user's rows, from 1, one per data set; 0 = none yet."""
    return <uint32_t *> (slots + <size_t> user * program.user_bytes)


cdef inline const char *slot_text(char *slots, vl_program *program, uint32_t user, uint32_t slot,
                                  uint32_t *n) noexcept nogil:
    """What a slot or a cell holds, and how long it is."""
    cdef vl_slot *row = &program.slots[slot]
    cdef uint32_t number
    cdef char *own
    if row.table == 0:
        own = slot_at(slots, program, user, slot)
        n[0] = (<uint32_t *> own)[0]
        return own + 4
    number = rows_at(slots, program, user)[row.table - 1]
    n[0] = 0
    if number == 0:
        return NULL
    return cell_text(&program.tables[row.table - 1], number - 1, row.at, row.room, n)


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


cdef inline uint64_t part_length(vl_program *program, vl_step *step, vl_part *part, char *slots,
                                 uint32_t user) noexcept nogil:
    cdef char digits[20]
    cdef uint32_t n
    if part.kind == PART_SLOT:
        slot_text(slots, program, user, part.slot, &n)
        return n
    if part.kind == PART_LENGTH:
        return write_decimal(digits, body_length(program, step, slots, user))
    return part.length


cdef uint64_t body_length(vl_program *program, vl_step *step, char *slots,
                          uint32_t user) noexcept nogil:
    """Of the parts that make up the body; no PART_LENGTH is among them."""
    cdef uint64_t total = 0
    cdef uint32_t i
    for i in range(step.body_first, step.part_first + step.part_count):
        total += part_length(program, step, &program.parts[i], slots, user)
    return total


cdef inline size_t render_part(vl_program *program, vl_step *step, vl_part *part, char *slots,
                               uint32_t user, char *at) noexcept nogil:
    """Write one part that is no span; returns its length."""
    cdef const char *text
    cdef uint32_t n
    if part.kind == PART_LITERAL:
        memcpy(at, program.literals + part.offset, part.length)
        return part.length
    if part.kind == PART_SLOT:
        text = slot_text(slots, program, user, part.slot, &n)
        if n:
            memcpy(at, text, n)
        return n
    return write_decimal(at, body_length(program, step, slots, user))


cdef size_t render(vl_program *program, vl_step *step, char *slots, uint32_t user,
                   char *to) noexcept nogil:
    """Write the request of `step`, which has no spans, for `user`; its length (≤ render_bytes)."""
    cdef char *at = to
    cdef uint32_t i
    for i in range(step.part_first, step.part_first + step.part_count):
        at += render_part(program, step, &program.parts[i], slots, user, at)
    return at - to


cdef inline bint expected(vl_program *program, vl_step *step, uint16_t status) noexcept nogil:
    if status >= 1000:
        return False
    return (program.expects[step.expect * 128 + (status >> 3)] >> (status & 7)) & 1
