# The life of a connection: open, read, break, close. What it carries is in request.pxi.

cdef enum:
    BACKLOG_AGAIN_NS = 1_000_000


cdef inline void in_flight_change(vl_engine *e, int64_t now, int64_t by) noexcept nogil:
    """Advance the exact integral of requests in flight over time, then change their number."""
    cdef uint64_t *counters = e.ring.counters
    cdef int64_t since = <int64_t> counters[C_IN_FLIGHT_SINCE]
    if now > since:
        count(&e.ring, C_IN_FLIGHT_INTEGRAL, counters[C_IN_FLIGHT] * <uint64_t> (now - since))
        vl_store_relaxed(&counters[C_IN_FLIGHT_SINCE], <uint64_t> now)
    vl_store_relaxed(&counters[C_IN_FLIGHT], counters[C_IN_FLIGHT] + <uint64_t> by)


cdef inline void deadline_set(vl_engine *e, vl_connection *c, int64_t at_ns) noexcept nogil:
    """Set what may run out; the heap is touched only when the new deadline is the earlier one."""
    cdef uint32_t owner = e.n_users + <uint32_t> (c - e.connections)
    cdef uint32_t place = e.timers.place[owner]
    c.deadline_ns = at_ns
    if at_ns == INT64_MAX:
        return
    if place == TIMER_UNSET or e.timers.heap[place].at_ns > at_ns:
        timer_set(&e.timers, owner, at_ns)


cdef void connection_open(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    cdef vl_request *r = &e.requests[c.request]
    cdef ssize_t state
    c.origin = e.program.steps[r.step].origin
    c.transport = transport_of(e, c.origin)
    address_turn(e, c)
    c.opened_ns = now
    c.served = 0
    c.write_error = ERR_NONE
    c.errno_ = 0
    c.truncated = 0
    r.flags = (r.flags & <uint16_t> ~AGE_MASK) | FLAG_NEW_CONNECTION
    state = c.transport.open(e, c)
    if c.fd >= 0:
        count(&e.ring, C_CONNECTIONS_OPENED, 1)
        count(&e.ring, C_CONNECTIONS_OPEN, 1)
    if state == FAILED:
        request_fail(e, c, error_of(c.errno_, True), monotonic_ns())
    elif state == WANT_WRITE:
        c.state = CONN_CONNECTING
        if not wait_again(e, c, now):
            deadline_set(e, c, now + e.connect_timeout_ns)
    else:
        connection_made(e, c, monotonic_ns())


cdef bint connection_progress(vl_engine *e, vl_connection *c) noexcept nogil:
    """A connecting socket has news; returns False when it is still connecting."""
    cdef ssize_t state = c.transport.established(e, c)
    if state == WANT_WRITE:
        return False
    if state == FAILED:
        request_fail(e, c, error_of(c.errno_, True), monotonic_ns())
    else:
        connection_made(e, c, monotonic_ns())
    return True


cdef void connection_made(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """Connected: shake hands where the transport does, else send."""
    cdef vl_request *r = &e.requests[c.request]
    r.connect_us = saturate((now - c.opened_ns) // 1000)
    if c.transport.secure == NULL:
        c.state = CONN_OPEN
        request_send(e, c)
        return
    c.state = CONN_SECURING
    c.connected_ns = now
    c.queue_ns = 0
    c.queued_ns = 0
    deadline_set(e, c, c.opened_ns + e.connect_timeout_ns)
    handshake_queue(e, c, now)


cdef int64_t stamp_to_monotonic(vl_engine *e, vl_request *r, int64_t stamp,
                                int64_t now) noexcept nogil:
    """The kernel's receive time on our clock; `now`, flagged, where there is none to trust."""
    cdef int64_t at
    if stamp == 0:
        r.flags |= FLAG_USER_CLOCK
        return now
    at = stamp - e.clock.offset_ns
    if at <= e.clock.distrust_until_ns:
        r.flags |= FLAG_USER_CLOCK
        return now
    if at > now:
        return now
    return at if at > r.sent_ns else r.sent_ns


cdef void connection_read(vl_engine *e, vl_connection *c, bint hung_up) noexcept nogil:
    """Read until a short read, the end of the stream or nothing more; feed the codec."""
    cdef int64_t stamp = 0, now
    cdef ssize_t got
    cdef uint32_t generation = c.generation
    cdef int reads = 0
    while c.state == CONN_OPEN and c.generation == generation:
        got = c.transport.read(e, c, e.receive, RECEIVE_BYTES, &stamp)
        now = monotonic_ns()
        if got == WANT_READ:
            return
        if got == FAILED:
            connection_broken(e, c, error_of(c.errno_, False), now)
            return
        if got == 0:
            connection_ended(e, c, now)
            return
        if c.request == NONE:
            connection_close(e, c)      # bytes nobody asked for: the stream is out of step
            return
        e.read_bytes = <uint32_t> got
        connection_feed(e, c, <size_t> got, stamp, now)
        e.read_bytes = 0
        if not c.more and not hung_up:
            return
        reads += 1
        if reads == UNREAD_READS:
            unread_push(e, c, hung_up)
            return


cdef void unread_push(vl_engine *e, vl_connection *c, bint hung_up) noexcept nogil:
    """It has had its turn, and there is more to read or to send."""
    if not c.unread:
        c.unread = 1 + hung_up
        c.next_unread = e.unread
        e.unread = <uint32_t> (c - e.connections)


cdef void connection_feed(vl_engine *e, vl_connection *c, size_t size, int64_t stamp,
                          int64_t now) noexcept nogil:
    """Hand `size` received bytes to the codec and act on what it says."""
    cdef vl_request *r = &e.requests[c.request]
    cdef int64_t at = stamp_to_monotonic(e, r, stamp, now)
    cdef size_t done = 0
    cdef int said
    if r.first_byte_ns == 0:
        if c.served and came_before(e, r, stamp):
            r.bytes_in = size
            e.read_used = 0
            connection_broken(e, c, ERR_EXTRA_BYTES, now)
            return
        r.first_byte_ns = at
    elif at < r.first_byte_ns:
        at = r.first_byte_ns
    r.bytes_in += size
    said = body_feed(e, c, r, size, &done)
    if said == HTTP_NEED_MORE:
        r.flags &= <uint16_t> ~FLAG_USER_CLOCK      # only the last read's clock counts
        return
    if r.first_byte_ns == at:
        r.flags |= FLAG_COALESCED
    e.read_used = <uint32_t> done
    if said == HTTP_BAD:
        request_fail(e, c, c.http.error, now)
        return
    r.end_ns = at
    # Extra bytes, or an answer before all was sent: the stream cannot be used again.
    if done < size or r.written < r.rendered or c.unsent:
        c.http.keep_alive = 0
    request_complete(e, c, now)


cdef void connection_ended(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """The server closed its side. A FIN has no stamp: a response that it ends has our clock."""
    cdef vl_request *r
    count(&e.ring, C_CONNECTIONS_CLOSED_BY_SERVER, 1)
    if c.request == NONE:
        if c.served:
            ring_idle_close(&e.ring, now - c.freed_ns)
        connection_close(e, c)
        return
    r = &e.requests[c.request]
    if http1_eof(&c.http) == HTTP_DONE:
        if c.truncated:
            request_fail(e, c, ERR_TLS_BROKEN, now)
            return
        c.http.keep_alive = 0
        r.end_ns = now
        request_complete(e, c, now)
    else:
        connection_broken(e, c, c.http.error, now)


cdef void connection_broken(vl_engine *e, vl_connection *c, uint8_t error,
                            int64_t now) noexcept nogil:
    """The connection failed under a request, or while idle.

    An idempotent request on a reused connection that brought no byte of an answer is sent once
    more on a new one (RFC 9110 section 9.2.2, as browsers do); the time stays in its response.
    """
    cdef vl_request *r
    if c.request == NONE:
        connection_close(e, c)
        return
    r = &e.requests[c.request]
    if c.write_error:
        error = c.write_error           # what was seen first
    if not (e.program.steps[r.step].flags & STEP_IDEMPOTENT and not r.retried
            and not r.flags & FLAG_NEW_CONNECTION and r.first_byte_ns == 0):
        request_fail(e, c, error, now)
        return
    if r.sent:                          # the sample tells of the retry
        unsend(e, r, now)
    count(&e.ring, C_RETRIES, 1)
    r.wait_us = saturate(r.wait_us + (now - r.begun_ns) // 1000)    # it was the target's doing
    r.begun_ns = now
    r.retried = 1
    r.sent = 0
    r.written = 0
    r.rendered = 0
    r.bytes_in = 0
    e.read_bytes = 0
    r.flags |= FLAG_RETRIED
    connection_drop(e, c)
    response_expect(e, c, &e.program.steps[r.step])
    connection_open(e, c, now)


cdef void connection_expired(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """A deadline came up. It may have moved; and what waits in the kernel's buffer is read first:
    after a pause of ours the answer may long be there."""
    cdef vl_request *r
    if c.deadline_ns > now:
        deadline_set(e, c, c.deadline_ns)
        return
    if c.state == CONN_OPEN:
        connection_read(e, c, False)
        if c.state == CONN_CLOSED or c.deadline_ns > now:
            deadline_set(e, c, c.deadline_ns)
            return
        now = monotonic_ns()            # the end may not lie before what was just read
    elif c.state == CONN_CONNECTING and (connection_progress(e, c) or wait_again(e, c, now)):
        return
    elif c.state == CONN_SECURING:
        handshake_step(e, c)
        if c.state != CONN_SECURING:
            return
    if c.request == NONE:
        connection_close(e, c)          # idle for too long
        return
    r = &e.requests[c.request]
    if c.state == CONN_CONNECTING:
        request_fail(e, c, ERR_CONNECT_TIMEOUT, now)
        return
    if c.state == CONN_SECURING:
        request_fail(e, c, ERR_TLS_TIMEOUT, now)
        return
    r.flags |= FLAG_CENSORED
    request_fail(e, c, ERR_TIMEOUT, now)


cdef bint wait_again(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """The backlog of a unix socket is full: it is asked again every millisecond."""
    if e.program.addresses[c.address].family != AF_UNIX \
            or now - c.opened_ns >= e.connect_timeout_ns:
        return False
    deadline_set(e, c, now + BACKLOG_AGAIN_NS)
    return True


cdef void connection_drop(vl_engine *e, vl_connection *c) noexcept nogil:
    """Close the descriptor; the row stays with whoever holds it."""
    if c.fd >= 0:
        count(&e.ring, C_CONNECTIONS_OPEN, <uint64_t> -1)
    c.transport.close(e, c)
    c.state = CONN_CLOSED
    c.generation += 1
    deadline_set(e, c, INT64_MAX)


cdef void connection_close(vl_engine *e, vl_connection *c) noexcept nogil:
    """Close a connection that no request holds; it stays in the pool, to be opened again."""
    connection_drop(e, c)


cdef void connection_leave(vl_engine *e, vl_connection *c) noexcept nogil:
    """Close a connection for good: its user leaves, or the run is over."""
    if e.reset_at_end and c.fd >= 0:
        vl_reset_on_close(c.fd)
    connection_drop(e, c)
