# The life of a request: begin -> connect -> send -> read -> complete.

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


cdef inline void response_expect(vl_engine *e, vl_connection *c, vl_step *step) noexcept nogil:
    http1_reset(&c.http, step.flags & STEP_HEAD)
    c.http.want_body = (step.flags & STEP_WANT_BODY) != 0
    if step.extra or step.flags & STEP_WANT_HEADERS:
        headers_want(e, c)


cdef void request_begin(vl_engine *e, uint32_t u, int64_t now) noexcept nogil:
    """Find a connection for the user's step, or let it wait for one of the pool."""
    cdef vl_user *user = &e.users[u]
    cdef uint32_t i = u
    if e.pooled:
        i = connections_pop(e, &e.pool)
        if i == NONE:
            user_state(e, user, USER_WAITING)
            user.waiting_ns = now
            users_push(e, &e.waiting, u)
            count(&e.ring, C_WAITING, 1)
            return
        e.connections[i].idle_queued = 0
    request_start(e, u, i, now)


cdef void request_start(vl_engine *e, uint32_t u, uint32_t i, int64_t now) noexcept nogil:
    """A user and a connection are together: from here on the request counts as started."""
    cdef vl_user *user = &e.users[u]
    cdef vl_connection *c = &e.connections[i]
    cdef uint32_t at = e.free_request
    cdef vl_request *r = &e.requests[at]
    cdef vl_step *step = &e.program.steps[user.pc]
    cdef int64_t waited = user.available_ns - user.scheduled_ns
    e.free_request = r.next
    memset(r, 0, sizeof(vl_request))
    r.scheduled_ns = user.scheduled_ns
    r.begun_ns = now
    r.user = u
    r.step = user.pc
    r.phase = user.phase
    r.capture = NONE
    r.wait_us = <uint32_t> (waited // 1000) if waited > 0 else 0
    if user.section != SECTION_FLOW:
        r.flags = FLAG_SETUP
    user_state(e, user, USER_BUSY)
    user.connection = i
    c.request = at
    count(&e.ring, C_REQUESTS_STARTED, 1)
    if step.extra:
        extra_begin(e, r, step, now)
    response_expect(e, c, step)
    if c.state != CONN_CLOSED and c.origin != step.origin:
        connection_drop(e, c)
    if c.state == CONN_CLOSED:
        connection_open(e, c, now)
    else:
        r.flags |= age_flags(now - c.opened_ns)
        request_send(e, c)


cdef inline uint16_t age_flags(int64_t age_ns) noexcept nogil:
    """The class of a connection's age when a request takes it: < 1 s, < 10 s, < 100 s, older."""
    cdef int64_t age_s = age_ns // 1_000_000_000
    cdef int class_ = 0
    if age_s > 0:
        class_ = 1 if age_s < 10 else 2 if age_s < 100 else 3
    return <uint16_t> (class_ << AGE_SHIFT)


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


cdef inline void sending(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step,
                         int64_t now) noexcept nogil:
    """The first byte is about to go: from here on the request counts as sent."""
    r.sent = 1
    r.sent_ns = now
    count(&e.ring, C_REQUESTS_SENT, 1)
    in_flight_change(e, now, 1)
    deadline_set(e, c, now + step.timeout_ns)
    if r.hops:
        chain_sending(e, c, r)


cdef inline void unsend(vl_engine *e, vl_request *r, int64_t now) noexcept nogil:
    """As if it had not been sent: it is going to be sent again, or elsewhere."""
    in_flight_change(e, now, -1)
    count(&e.ring, C_IN_FLIGHT_INTEGRAL, <uint64_t> (r.sent_ns - now))
    count(&e.ring, C_REQUESTS_SENT, <uint64_t> -1)
    if r.hops:
        count(&e.ring, C_IN_FLIGHT_INTEGRAL, <uint64_t> -chain_of(e, r).served_ns)


cdef void request_send(vl_engine *e, vl_connection *c) noexcept nogil:
    """Render and send. A partial send is taken up again when the socket is writable."""
    cdef vl_request *r = &e.requests[c.request]
    cdef vl_step *step = &e.program.steps[r.step]
    cdef vl_part *first = &e.program.parts[step.part_first]
    cdef char *data = e.program.literals + first.offset
    cdef int64_t before, after
    cdef ssize_t sent
    if r.warming:
        warm_ready(e, c)
        return
    if step.flags & STEP_SPANS:
        spans_send(e, c, r, step)
        return
    if step.part_count == 1 and first.kind == PART_LITERAL:
        r.rendered = first.length
    else:
        data = e.rendered
        r.rendered = render(&e.program, step, e.slots, r.user, data)
    before = monotonic_ns()
    if not r.sent:
        sending(e, c, r, step, before)
    sent = c.transport.write(e, c, data + r.written, r.rendered - r.written)
    after = monotonic_ns()
    if sent == FAILED:
        sending_failed(e, c, error_of(c.errno_, False), after)
        return
    if after - before > 50_000:
        r.flags |= FLAG_PREEMPTED
    if sent > 0:
        r.written += <uint64_t> sent
        count(&e.ring, C_BYTES_OUT, <uint64_t> sent)


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
