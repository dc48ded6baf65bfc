# HTTP/1.1 responses (RFC 9110, 9112): sans-IO, strict, bounded.
#
# Contract. One vl_http1 per connection, no allocation, no pointer into the caller's data kept.
# http1_reset() before each response; http1_feed() with whatever arrived until it says DONE or BAD;
# http1_eof() when the peer closes. The verdict depends on the bytes only, never on how they were
# cut. A line is judged when its end is here or when it is longer than HTTP1_LINE_MAX; longer lines
# are checked as they pass, never stored, and refused when they carry framing.
# Leniencies, each allowed by the RFC and seen in the wild: bare LF ends a line of a head or a
# trailer (never of chunk framing), the space after the status may lack, blanks after a chunk size.

from libc.stdlib cimport calloc, free, malloc

cdef enum:                      # what http1_feed() and http1_eof() return
    HTTP_NEED_MORE = 0
    HTTP_DONE = 1
    HTTP_BAD = 2
    HTTP_BODY = 3               # only with want_body: a span is ready, feed the rest afterwards
    HTTP_GO_ON = -1             # inside the parser: no verdict yet
    HTTP_TURN = -2              # inside the parser: the state has changed

cdef enum:
    HTTP1_LINE_MAX = 256        # a line that must be understood: ten times what servers send
    HTTP1_HEAD_MAX = 65_536     # a whole head or trailer section
    HTTP1_CHUNK_LINE_MAX = 4_096
    HTTP1_INTERIM_MAX = 16      # more 1xx than that is an attack

cdef enum:
    AT_STATUS = 0
    AT_HEADERS
    AT_TRAILERS
    AT_BODY_LENGTH
    AT_BODY_CLOSE
    AT_CHUNK_DATA
    AT_CHUNK_SIZE
    AT_CHUNK_BLANK
    AT_CHUNK_EXTENSION
    AT_CHUNK_SIZE_LF
    AT_CHUNK_DATA_CR
    AT_CHUNK_DATA_LF
    AT_DONE
    AT_BAD

cdef enum:
    CODING_NONE = 0
    CODING_CHUNKED = 1          # chunked is the last coding so far
    CODING_OTHER = 2            # something else is

cdef struct vl_http1_wanted:    # one header to keep; lines of the same name are joined by "\n"
    const char *name            # lower case; borrowed from the plan
    char *buf                   # borrowed from the slots of the VU
    uint32_t capacity
    uint32_t length             # of the value, set by the parser
    uint16_t name_length
    uint8_t truncated           # the value was longer than capacity
    uint8_t found               # it was there, perhaps empty

cdef struct vl_http1:
    uint64_t body_bytes         # decoded so far
    uint64_t content_length     # when has_length
    uint64_t body_at            # with HTTP_BODY: the span, as offset into this feed's data
    uint64_t body_span
    uint64_t left               # of the body or the chunk
    vl_http1_wanted *wanted     # borrowed from the caller until the response is over
    uint32_t head_bytes         # of this head or trailer, in earlier feeds
    uint32_t line_bytes         # of this chunk line
    uint32_t value_at           # where the value being kept began in its buffer
    uint16_t status
    uint16_t spilled
    uint8_t wanted_count
    uint8_t keeping             # index into wanted + 1, or 0
    uint8_t keep_alive          # the connection may carry another request; final once head_done
    uint8_t error               # ErrorKind when BAD
    uint8_t head_done
    uint8_t close_delimited
    uint8_t has_length
    uint8_t interim             # 1xx responses skipped
    uint8_t seen                # any byte arrived
    uint8_t want_body           # set by the caller after http1_reset()
    uint8_t head_request
    uint8_t state
    uint8_t minor               # HTTP/1.minor
    uint8_t coding
    uint8_t says_close
    uint8_t says_keep_alive
    uint8_t digits
    uint8_t long_line           # in a line that is checked as it passes
    uint8_t ends_in_cr          # of that line, the last piece
    char spill[HTTP1_LINE_MAX]  # the beginning of a line whose end is not here; last: never zeroed

cdef inline void http1_reset(vl_http1 *h, bint head_request) noexcept nogil:
    """Expect a new response. Afterwards the caller may set want_body and call http1_want()."""
    memset(h, 0, <size_t> (<char *> h.spill - <char *> h))
    h.head_request = head_request


cdef inline void http1_want(vl_http1 *h, vl_http1_wanted *rows, uint8_t count) noexcept nogil:
    """Keep the values of these headers of the final response."""
    cdef uint8_t i
    h.wanted = rows
    h.wanted_count = count
    for i in range(count):
        rows[i].length = 0
        rows[i].truncated = 0
        rows[i].found = 0


cdef inline int http1_fail(vl_http1 *h, uint8_t error) noexcept nogil:
    h.state = AT_BAD
    h.error = error
    h.keep_alive = 0
    return HTTP_BAD


cdef inline int http1_fail_line(vl_http1 *h) noexcept nogil:
    return http1_fail(h, ERR_BAD_STATUS_LINE if h.state == AT_STATUS else ERR_BAD_HEADER)


cdef int http1_span(vl_http1 *h, size_t size, size_t *at) noexcept nogil:
    """Bytes of the body, as many as are here in one stretch."""
    cdef uint64_t span = size - at[0]
    if span == 0:
        return HTTP_NEED_MORE
    if h.state != AT_BODY_CLOSE:
        span = min(span, h.left)
        h.left -= span
        if h.left == 0:
            h.state = AT_DONE if h.state == AT_BODY_LENGTH else AT_CHUNK_DATA_CR
    h.body_bytes += span
    h.body_at = at[0]
    h.body_span = span
    at[0] += span
    return HTTP_BODY if h.want_body else HTTP_TURN


cdef bint http1_chunk_digit(vl_http1 *h, char c) noexcept nogil:
    """Take a digit of the size into left. False when c is none, or one too many."""
    cdef uint64_t digit
    if c'0' <= c <= c'9':
        digit = c - c'0'
    elif c'a' <= (c | 32) <= c'f':
        digit = (c | 32) - c'a' + 10
    else:
        return False
    if h.digits == 16 or h.left >> 59:
        return False
    h.digits += 1
    h.left = h.left << 4 | digit
    return True


cdef bint http1_chunk_byte(vl_http1 *h, char c) noexcept nogil:
    """One byte between chunks. False when it may not stand here."""
    if h.state == AT_CHUNK_SIZE and http1_chunk_digit(h, c):
        return True
    if h.state == AT_CHUNK_SIZE and h.digits == 0:
        return False
    if h.state == AT_CHUNK_DATA_CR:
        h.state = AT_CHUNK_DATA_LF
        return c == c'\r'
    if h.state == AT_CHUNK_DATA_LF:
        h.state = AT_CHUNK_SIZE
        h.line_bytes = 0
        return c == c'\n'
    if h.state == AT_CHUNK_SIZE_LF:
        h.digits = 0
        h.line_bytes = 0
        h.state = AT_CHUNK_DATA if h.left else AT_TRAILERS
        return c == c'\n'
    if c == c'\r':
        h.state = AT_CHUNK_SIZE_LF
        return True
    if h.state == AT_CHUNK_EXTENSION:
        return vl_text_span(&c, 1) == 1
    h.state = AT_CHUNK_EXTENSION if c == c';' else AT_CHUNK_BLANK
    return c == c';' or http1_blank(c)


cdef int http1_between_chunks(vl_http1 *h, const char *data, size_t size,
                              size_t *at) noexcept nogil:
    while h.state >= AT_CHUNK_SIZE:
        if at[0] == size:
            return HTTP_NEED_MORE
        h.line_bytes += 1
        if h.line_bytes > HTTP1_CHUNK_LINE_MAX or not http1_chunk_byte(h, data[at[0]]):
            return http1_fail(h, ERR_BAD_CHUNK)
        at[0] += 1
    return HTTP_TURN


cdef int http1_feed(vl_http1 *h, const char *data, size_t size, size_t *used) noexcept nogil:
    """Parse on. *used bytes of data belong to this response; what follows DONE is not ours.

    With want_body each HTTP_BODY leaves a span in body_at and body_span and must be followed by
    another feed of data + *used, even when nothing is left of it.
    """
    cdef int code = HTTP_GO_ON
    used[0] = 0
    if size:
        h.seen = 1
    while code < 0:
        if h.state <= AT_TRAILERS:
            code = http1_lines(h, data, size, used)
        elif h.state <= AT_CHUNK_DATA:
            code = http1_span(h, size, used)
        elif h.state < AT_DONE:
            code = http1_between_chunks(h, data, size, used)
        else:
            code = HTTP_DONE if h.state == AT_DONE else HTTP_BAD
    return code


cdef int http1_eof(vl_http1 *h) noexcept nogil:
    """The peer closed: DONE if that was the end of the body, else BAD."""
    if h.state == AT_BODY_CLOSE:
        h.state = AT_DONE
    if h.state < AT_DONE:
        return http1_fail(h, ERR_BODY_SHORT if h.seen else ERR_CLOSED_EARLY)
    return HTTP_DONE if h.state == AT_DONE else HTTP_BAD


cdef enum:
    HTTP1_DOOR_ROWS = 4
    HTTP1_DOOR_BYTES = 1024


@cython.final
cdef class Http1Parser:
    cdef vl_http1 *h            # owned, freed in close()
    cdef char *buf              # owned, freed in close(): HTTP1_DOOR_ROWS x HTTP1_DOOR_BYTES
    cdef vl_http1_wanted rows[HTTP1_DOOR_ROWS]
    cdef tuple names            # keeps the names alive that rows point to
    cdef bytearray collected

    def __cinit__(self):
        self.h = <vl_http1 *> calloc(1, sizeof(vl_http1))
        self.buf = <char *> calloc(HTTP1_DOOR_ROWS, HTTP1_DOOR_BYTES)
        if self.h == NULL or self.buf == NULL:
            raise MemoryError()
        self.reset()

    def __dealloc__(self):
        self.close()

    def close(self):
        free(self.h)
        free(self.buf)
        self.h = NULL
        self.buf = NULL

    cdef vl_http1 *state(self) except NULL:
        if self.h == NULL:
            raise ValueError("the parser is closed")
        return self.h

    def reset(self, bint head=False, bint want_body=False, tuple wanted=(), uint32_t capacity=64):
        cdef Py_ssize_t i
        cdef bytes name
        if len(wanted) > HTTP1_DOOR_ROWS or capacity > HTTP1_DOOR_BYTES:
            raise ValueError("at most 4 wanted headers of 1024 bytes")
        http1_reset(self.state(), head)
        self.h.want_body = want_body
        self.collected = bytearray()
        self.names = wanted
        for i in range(len(wanted)):
            name = wanted[i]
            self.rows[i].name = name
            self.rows[i].name_length = <uint16_t> len(name)
            self.rows[i].buf = self.buf + i * HTTP1_DOOR_BYTES
            self.rows[i].capacity = capacity
        http1_want(self.h, self.rows, <uint8_t> len(wanted))

    def feed(self, bytes data not None):
        cdef vl_http1 *h = self.state()
        cdef size_t size = len(data)
        cdef size_t at = 0
        cdef size_t used = 0
        cdef int code = HTTP_BODY
        cdef char *copy = <char *> malloc(size or 1)    # its own block: the sanitizer sees its end
        if copy == NULL:
            raise MemoryError()
        memcpy(copy, <const char *> data, size)
        try:
            while code == HTTP_BODY:
                code = http1_feed(h, copy + at, size - at, &used)
                if code == HTTP_BODY:
                    self.collected += (copy + at + h.body_at)[:h.body_span]
                at += used
        finally:
            free(copy)
        return code, at

    def eof(self):
        return http1_eof(self.state())

    def bench(self, bytes data not None, uint64_t n):
        cdef vl_http1 *h = self.state()
        cdef const char *p = data
        cdef size_t size = len(data)
        cdef size_t used = 0
        cdef uint64_t i
        cdef int64_t start_ns
        with nogil:
            start_ns = monotonic_ns()
            for i in range(n):
                http1_reset(h, False)
                if http1_feed(h, p, size, &used) != HTTP_DONE:
                    break
            start_ns = monotonic_ns() - start_ns
        if h.state != AT_DONE:
            raise ValueError("not one complete response")
        return start_ns / 1e9

    @property
    def kept(self):
        self.state()
        return [
            (self.rows[i].buf[:self.rows[i].length], bool(self.rows[i].truncated))
            for i in range(len(self.names))
        ]

    @property
    def body(self):
        return bytes(self.collected)

    @property
    def status(self):
        return self.state().status

    @property
    def keep_alive(self):
        return bool(self.state().keep_alive)

    @property
    def error(self):
        return self.state().error

    @property
    def body_bytes(self):
        return self.state().body_bytes

    @property
    def head_done(self):
        return bool(self.state().head_done)

    @property
    def close_delimited(self):
        return bool(self.state().close_delimited)

    @property
    def content_length(self):
        return self.state().content_length if self.state().has_length else None

    @property
    def interim(self):
        return self.state().interim

    @property
    def state_bytes(self):
        return sizeof(vl_http1)
