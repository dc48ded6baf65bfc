# Failures: from errno to ErrorKind, and a few examples of each kind for whoever has to mend it.
#
# The parser's codes are ErrorKinds themselves (http1.pxi). Examples stand in the segment, behind
# the stalls: rows that the worker writes once, in order, and publishes by C_EXAMPLES; nothing is
# allocated, and a request that succeeds pays one comparison.

cdef extern from *:
    """
    typedef struct {
        int64_t at_ns;           /* end of the request, since the run's epoch */
        uint64_t received;       /* bytes of the answer so far */
        uint64_t body;           /* of its body, decoded */
        uint64_t length;         /* Content-Length, with EXAMPLE_HAS_LENGTH */
        uint64_t data_at;        /* which byte of the answer `data` begins with */
        uint32_t written;        /* bytes of the request handed to the kernel, */
        uint32_t rendered;       /* of so many */
        uint32_t user;
        int32_t number;          /* errno, 0 without one, negative for a transport's own */
        uint16_t endpoint;
        uint16_t status;
        uint16_t size;           /* of data */
        uint8_t error;           /* ErrorKind */
        uint8_t flags;
        char data[256];          /* what the server sent; as it came, to be redacted */
    } vl_example;
    _Static_assert(sizeof(vl_example) == VL_EXAMPLE_BYTES, "a row of engine/examples.py");
    """
    ctypedef struct vl_example:
        int64_t at_ns
        uint64_t received
        uint64_t body
        uint64_t length
        uint64_t data_at
        uint32_t written
        uint32_t rendered
        uint32_t user
        int32_t number
        uint16_t endpoint
        uint16_t status
        uint16_t size
        uint8_t error
        uint8_t flags
        char data[256]

cdef enum:
    EXAMPLES_EACH = 3           # of one kind at one endpoint
    EXAMPLE_DATA = 256
    EXAMPLE_BEFORE = 192        # of it, before the byte that was refused
    ERROR_KINDS_MAX = 128
    EXAMPLE_HAS_LENGTH = 1
    EXAMPLE_HAS_HEAD = 2
    EXAMPLE_NEW_CONNECTION = 4
    EXAMPLE_IS_REASON = 8       # data are our own words for what failed
    ERRNO_ROWS = 32

cdef struct vl_errno_row:
    int number
    uint8_t before              # ErrorKind while connecting: nothing was sent
    uint8_t after               # once the request may have reached the server

cdef vl_errno_row errno_rows[ERRNO_ROWS]

ERRNO_KINDS = {
    ECONNREFUSED: (ERR_CONNECT_REFUSED, ERR_TRANSFER_FAILED),
    ETIMEDOUT: (ERR_CONNECT_TIMEOUT, ERR_TRANSFER_FAILED),
    ENETUNREACH: (ERR_CONNECT_UNREACHABLE, ERR_TRANSFER_FAILED),
    EHOSTUNREACH: (ERR_CONNECT_UNREACHABLE, ERR_TRANSFER_FAILED),
    EHOSTDOWN: (ERR_CONNECT_UNREACHABLE, ERR_TRANSFER_FAILED),
    ENETDOWN: (ERR_CONNECT_UNREACHABLE, ERR_TRANSFER_FAILED),
    ECONNRESET: (ERR_CONNECT_RESET, ERR_RESET),
    ECONNABORTED: (ERR_CONNECT_RESET, ERR_RESET),
    EPIPE: (ERR_CONNECT_RESET, ERR_BROKEN_PIPE),
    EMFILE: (ERR_NO_DESCRIPTOR, ERR_TRANSFER_FAILED),
    ENFILE: (ERR_NO_DESCRIPTOR, ERR_TRANSFER_FAILED),
    EADDRNOTAVAIL: (ERR_NO_PORT, ERR_TRANSFER_FAILED),
    EADDRINUSE: (ERR_NO_PORT, ERR_TRANSFER_FAILED),
    ENOBUFS: (ERR_NO_MEMORY, ERR_TRANSFER_FAILED),
    ENOMEM: (ERR_NO_MEMORY, ERR_TRANSFER_FAILED),
    EACCES: (ERR_LOCAL_FAILED, ERR_TRANSFER_FAILED),
    EPERM: (ERR_LOCAL_FAILED, ERR_TRANSFER_FAILED),
    ENOSPC: (ERR_LOCAL_FAILED, ERR_TRANSFER_FAILED),
}

for row, (number, (before, after)) in enumerate(ERRNO_KINDS.items()):
    errno_rows[<int> row].number = number
    errno_rows[<int> row].before = before
    errno_rows[<int> row].after = after
del row, number, before, after


cdef uint8_t error_of(int number, bint connecting) noexcept nogil:
    """The one way from errno to ErrorKind; a transport's own kinds come as negative numbers.

    What was sent never gets a kind that says it was not; what the table does not know is
    CONNECT_FAILED or TRANSFER_FAILED.
    """
    cdef int i
    if number < 0:
        return <uint8_t> -number
    for i in range(ERRNO_ROWS):
        if errno_rows[i].number == number and number:
            return errno_rows[i].before if connecting else errno_rows[i].after
    return ERR_CONNECT_FAILED if connecting else ERR_TRANSFER_FAILED


def error_kind(int number, bint connecting):
    return error_of(number, connecting)


cdef void example_keep(vl_engine *e, vl_connection *c, vl_request *r, uint8_t error,
                       uint16_t status) noexcept nogil:
    """Write down what a failed request looked like, unless there are enough of its kind."""
    cdef uint16_t endpoint = e.program.steps[r.step].endpoint
    cdef uint8_t *kept = &e.examples_kept[<size_t> endpoint * ERROR_KINDS_MAX + error]
    cdef uint64_t n = e.ring.counters[C_EXAMPLES]
    cdef vl_example *x = <vl_example *> (e.ring.base + VL_EXAMPLES_AT) + n
    if kept[0] == EXAMPLES_EACH or n >= <uint64_t> VL_EXAMPLES:
        return
    kept[0] += 1
    x.at_ns = r.end_ns - e.epoch_ns
    x.received = r.bytes_in
    x.body = c.http.body_bytes
    x.length = c.http.content_length
    x.written = r.written
    x.rendered = r.rendered
    x.user = r.user * e.workers + e.worker
    x.number = c.errno_
    x.endpoint = endpoint
    x.status = status if status else c.http.status
    x.error = error
    x.flags = (EXAMPLE_HAS_LENGTH * c.http.has_length | EXAMPLE_HAS_HEAD * c.http.head_done
               | EXAMPLE_NEW_CONNECTION * (r.flags & FLAG_NEW_CONNECTION != 0))
    if c.errno_ < 0:
        x.size = <uint16_t> tls_reason(e, x.data, EXAMPLE_DATA)
        x.flags |= EXAMPLE_IS_REASON
    else:
        example_fill(e, c, r, x)
    vl_store_release(&e.ring.counters[C_EXAMPLES], n + 1)


cdef void example_fill(vl_engine *e, vl_connection *c, vl_request *r,
                       vl_example *x) noexcept nogil:
    """Copy what the server sent: its first bytes, those around the refused one, or the piece of a
    line that the parser holds. What came in earlier reads is gone."""
    cdef const char *data = e.receive
    cdef size_t size = e.read_bytes, at = 0
    if size == 0:                       # `receive` holds another's, and read_used is as old
        data = c.http.spill
        size = 0 if c.http.long_line else c.http.spilled
    elif x.error >= FIRST_JUDGED_ERROR:
        size = size if r.bytes_in == size else 0
    elif e.read_used > EXAMPLE_BEFORE:
        at = e.read_used - EXAMPLE_BEFORE
    x.data_at = r.bytes_in - size + at
    x.size = <uint16_t> min(size - at, <size_t> EXAMPLE_DATA)
    memcpy(x.data, data + at, x.size)
