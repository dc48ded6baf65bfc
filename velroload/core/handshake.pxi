# The handshakes of transports that have one. A step takes up to a millisecond of ours, so they wait
# in line and the loop serves one per turn; what a connection waits there is our delay.


cdef void handshake_queue(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """A handshake step takes long: they wait in line, and the loop serves one per turn."""
    cdef uint32_t i = <uint32_t> (c - e.connections)
    if c.secure_queued:
        return
    c.secure_queued = 1
    c.queued_ns = now
    c.next_secure = NONE
    if e.handshakes.tail == NONE:
        e.handshakes.head = i
    else:
        e.connections[e.handshakes.tail].next_secure = i
    e.handshakes.tail = i


cdef void handshake_serve(vl_engine *e) noexcept nogil:
    """The next handshake's next step."""
    cdef uint32_t i = e.handshakes.head
    cdef vl_connection *c
    if i == NONE:
        return
    c = &e.connections[i]
    e.handshakes.head = c.next_secure
    if e.handshakes.head == NONE:
        e.handshakes.tail = NONE
    c.secure_queued = 0
    if c.state == CONN_SECURING:        # it may have timed out meanwhile
        handshake_step(e, c)


cdef void handshake_step(vl_engine *e, vl_connection *c) noexcept nogil:
    cdef int64_t now = monotonic_ns()
    cdef ssize_t state
    if c.queued_ns:
        c.queue_ns += now - c.queued_ns
        c.queued_ns = 0
    state = c.transport.secure(e, c)
    if state == WANT_READ:
        if c.more:
            handshake_queue(e, c, monotonic_ns())
    elif state == FAILED:
        request_fail(e, c, error_of(c.errno_, True), monotonic_ns())
    else:
        now = monotonic_ns()
        e.requests[c.request].tls_us = saturate((now - c.connected_ns - c.queue_ns) // 1000)
        c.state = CONN_OPEN
        request_send(e, c)
