# Requests with spans: long texts and files, sent from where they lie. Nothing of them is copied or
# rendered; the parts between them are rendered, those that are not written yet.

cdef enum:
    WRITE_BYTES = 262_144       # at most in one call: a transport that encrypts copies it
    WRITE_TURN_BYTES = 1_048_576    # of one connection, before the others have a turn


cdef inline bint request_unsent(vl_engine *e, vl_connection *c) noexcept nogil:
    """There is more to send, and the server still wants it: not after its answer of an error."""
    cdef vl_request *r
    if c.request == NONE:
        return False
    r = &e.requests[c.request]
    if c.http.head_done and c.http.status >= 400:
        return False
    return c.unsent or r.written < r.rendered


cdef uint64_t request_length(vl_engine *e, vl_request *r, vl_step *step) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i
    for i in range(step.part_first, step.part_first + step.part_count):
        total += part_length(&e.program, step, &e.program.parts[i], e.slots, r.user)
    return total


cdef const char *spans_next(vl_engine *e, vl_request *r, vl_step *step, uint32_t *following,
                            size_t *size) noexcept nogil:
    """What comes next in one stretch: the rest of a span, or of the parts up to the next one.

    `following` is the part to go on with when the stretch has been written.
    """
    cdef uint32_t end = step.part_first + step.part_count
    cdef uint32_t i = r.part
    cdef vl_part *part = &e.program.parts[i]
    cdef char *at = e.rendered
    if part.kind == PART_SPAN:
        following[0] = i + 1
        size[0] = part.length - r.part_at
        if part.slot:
            return e.program.files[part.slot - 1].data + part.offset + r.part_at
        return e.program.literals + part.offset + r.part_at
    while i < end and e.program.parts[i].kind != PART_SPAN:
        at += render_part(&e.program, step, &e.program.parts[i], e.slots, r.user, at)
        i += 1
    following[0] = i
    size[0] = at - e.rendered - r.part_at
    return e.rendered + r.part_at


cdef void spans_send(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step) noexcept nogil:
    """Send on until the kernel's buffer is full, or others have waited long enough."""
    cdef uint64_t turn = 0
    cdef uint32_t following = 0
    cdef size_t size = 0, piece
    cdef ssize_t sent
    cdef int64_t before
    cdef const char *data = NULL
    if r.rendered == 0:
        r.rendered = request_length(e, r, step)
        r.part = step.part_first
        r.part_at = 0
    while r.written < r.rendered or c.unsent:
        if r.written < r.rendered:
            data = spans_next(e, r, step, &following, &size)
        else:
            size = 0
        piece = min(size, <size_t> WRITE_BYTES)
        before = monotonic_ns()
        if not r.sent:
            sending(e, c, r, step, before)
        sent = c.transport.write(e, c, data, piece)
        if sent == FAILED:
            sending_failed(e, c, error_of(c.errno_, False), monotonic_ns())
            return
        if sent > 0:
            turn += <uint64_t> sent
            r.written += <uint64_t> sent
            r.part_at += <uint64_t> sent
            count(&e.ring, C_BYTES_OUT, <uint64_t> sent)
            if <size_t> sent == size:
                r.part = following
                r.part_at = 0
        if c.unsent or sent < <ssize_t> piece:
            return                      # the socket will say when it takes more
        if turn >= WRITE_TURN_BYTES:
            unread_push(e, c, False)
            return


cdef void sending_failed(vl_engine *e, vl_connection *c, uint8_t error, int64_t now) noexcept nogil:
    """The server takes no more. Its answer may be here already: a server that has said no closes
    while we still send, and the kernel keeps what it received before the reset."""
    cdef uint32_t generation = c.generation
    c.write_error = error
    connection_read(e, c, True)
    if c.generation == generation and c.request != NONE:
        connection_broken(e, c, error, now)
