# The life of a request up to its last byte on the wire: begin, start, send. What comes back is read
# in connection.pxi and completed in response.pxi.


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
