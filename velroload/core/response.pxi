# The end of a request: judge the response, write the sample, let connection and user go on.


cdef inline uint32_t saturate(int64_t value) noexcept nogil:
    if value <= 0:
        return 0
    if value > UINT32_MAX:
        return UINT32_MAX
    return <uint32_t> value


cdef void request_fail(vl_engine *e, vl_connection *c, uint8_t error, int64_t now) noexcept nogil:
    """The request ended without a complete response; so does its connection."""
    cdef vl_request *r = &e.requests[c.request]
    if r.warming:
        warm_failed(e, c, error, now)
        return
    if r.end_ns == 0:
        r.end_ns = now
    r.flags &= <uint16_t> ~FLAG_USER_CLOCK          # no stamp by kind, not for want of one
    c.http.keep_alive = 0
    request_end(e, c, error, 0, now)


cdef void request_complete(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """A whole response of any status: judge it, take what it is asked for."""
    cdef vl_request *r = &e.requests[c.request]
    cdef vl_step *step = &e.program.steps[r.step]
    cdef uint8_t error = ERR_NONE
    if step.extra and extra_take(e, c, r, step, now):
        return
    if not expected(&e.program, step, c.http.status):
        error = ERR_STATUS
    elif step.capture_count:
        error = <uint8_t> response_judge(e, c, r, step)
    c.served += 1
    request_end(e, c, error, c.http.status, now)


cdef inline int64_t generator_lag(vl_engine *e, vl_request *r) noexcept nogil:
    """What we added before sending, as the sample says it; between redirects too."""
    cdef int64_t sent = r.sent_ns if r.sent else r.begun_ns
    cdef int64_t target_us = <int64_t> r.wait_us + r.connect_us + r.tls_us
    cdef vl_chain *chain
    if r.hops:
        chain = chain_of(e, r)
        sent -= chain.served_ns
        target_us += <int64_t> chain.wait_us + chain.connect_us + chain.tls_us
    return max(sent - r.scheduled_ns - 1000 * target_us, 0)


cdef inline bint connection_spent(vl_engine *e, vl_connection *c, vl_step *step) noexcept nogil:
    """It carries no request after this one: the server's word, the step's, or our limit."""
    return not c.http.keep_alive or step.flags & STEP_CLOSE != 0 \
        or (e.requests_most and c.served >= e.requests_most)


cdef void request_end(vl_engine *e, vl_connection *c, uint8_t error, uint16_t status,
                      int64_t now) noexcept nogil:
    """Write the sample, let go of the connection, let the user go on."""
    cdef uint32_t at = c.request
    cdef vl_request *r = &e.requests[at]
    cdef uint32_t u = r.user
    cdef vl_user *user = &e.users[u]
    if r.hops:
        hop_push(e, c, r, error, status, now)
    sample_push(e, c, r, error, status, now)
    if error:
        example_keep(e, c, r, error, status)
    if r.sent:
        in_flight_change(e, now, -1)
    if r.capture != NONE:
        body_release(e, r.capture)
    if e.scenarios[user.scenario].open:
        user.late_ns += generator_lag(e, r)
    user.freed_ns = r.end_ns
    user.failures = 0 if status else user.failures + (user.failures < 20)
    c.freed_ns = r.end_ns
    c.late_ns = user.late_ns
    c.request = NONE
    r.next = e.free_request
    e.free_request = at
    if connection_spent(e, c, &e.program.steps[r.step]):
        connection_drop(e, c)
    else:
        deadline_set(e, c, now + e.idle_timeout_ns if e.idle_timeout_ns else INT64_MAX)
    connection_release(e, c, now)
    user_proceed(e, u, error, status)


cdef void connection_release(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    """Give a pooled connection to the user who has waited longest, or back to the pool."""
    cdef uint32_t i = <uint32_t> (c - e.connections)
    cdef uint32_t u
    cdef vl_user *user
    cdef int64_t ours
    if not e.pooled:
        return
    u = users_pop(e, &e.waiting)
    if u == NONE:
        c.idle_queued = 1
        connections_push(e, &e.pool, i)
        return
    user = &e.users[u]
    count(&e.ring, C_WAITING, <uint64_t> -1)
    # Ours: what went before it stood in line, or what the connection was later than the user.
    ours = max(user.waiting_ns - user.available_ns, c.late_ns - user.late_ns, 0)
    if c.freed_ns - ours > user.available_ns:
        user.available_ns = c.freed_ns - ours
    user.connection = i                 # handed over; taken up when the ready queue is served
    c.idle_queued = 0
    user_ready(e, u)


cdef void sample_push(vl_engine *e, vl_connection *c, vl_request *r, uint8_t error,
                      uint16_t status, int64_t now) noexcept nogil:
    cdef vl_sample *s = ring_slot(&e.ring)
    if s == NULL:
        count(&e.ring, C_LOST_REQUESTS, 1)
        return
    sample_fill(e, c, r, s, error, status, now)
    if r.hops:
        chain_add(e, r, s)
    ring_publish(&e.ring)


cdef inline void sample_fill(vl_engine *e, vl_connection *c, vl_request *r, vl_sample *s,
                             uint8_t error, uint16_t status, int64_t now) noexcept nogil:
    cdef vl_user *user = &e.users[r.user]
    s.scheduled_ns = r.scheduled_ns - e.epoch_ns
    s.sent_ns = (r.sent_ns if r.sent else r.begun_ns) - e.epoch_ns
    s.end_ns = r.end_ns - e.epoch_ns
    s.first_byte_us = saturate((r.first_byte_ns - r.sent_ns) // 1000) if r.first_byte_ns else 0
    s.wait_us = r.wait_us
    s.connect_us = r.connect_us
    s.tls_us = r.tls_us
    s.read_lag_ns = saturate(now - r.end_ns)
    s.bytes_in = saturate(<int64_t> r.bytes_in)
    s.user_address = ((r.user * e.workers + e.worker) & 0xFFFFFF) | (<uint32_t> c.address << 24)
    s.iteration = user.iteration
    s.endpoint = e.program.steps[r.step].endpoint
    s.status = status
    s.error = error
    s.phase = r.phase
    s.flags = r.flags


cdef bint came_before(vl_engine *e, vl_request *r, int64_t stamp) noexcept nogil:
    """These bytes had arrived before the request was sent: they cannot answer it."""
    cdef int64_t at = stamp - e.clock.offset_ns
    return stamp != 0 and e.clock.distrust_until_ns < at < r.sent_ns - DISORDER_LIMIT_NS


cdef int body_feed(vl_engine *e, vl_connection *c, vl_request *r, size_t size,
                   size_t *done) noexcept nogil:
    """Feed the codec `size` received bytes, keeping those of a body that the step reads."""
    cdef size_t used = 0
    cdef int said = http1_feed(&c.http, e.receive, size, &used)
    while said == HTTP_BODY:
        if not body_add(e, r, e.receive + done[0] + c.http.body_at, c.http.body_span):
            c.http.error = ERR_BODY_TOO_LARGE
            return HTTP_BAD
        done[0] += used
        said = http1_feed(&c.http, e.receive + done[0], size - done[0], &used)
    done[0] += used
    return said


cdef bint body_add(vl_engine *e, vl_request *r, const char *data, size_t size) noexcept nogil:
    """Keep a piece of a body that a capture asked for; False when that is more than it may take.
    Buffers grow once and are used again."""
    cdef vl_body *body
    cdef char *grown
    cdef size_t room
    if r.capture == NONE:
        r.capture = e.free_body         # there are as many as connections
        e.free_body = e.bodies[r.capture].next
        e.bodies[r.capture].size = 0
    body = &e.bodies[r.capture]
    if body.size + size > e.body_limit:
        return False
    if body.size + size > body.room:
        room = 2 * (body.size + size)
        if e.bodies_room - body.room + room > e.bodies_limit:
            return False
        grown = <char *> realloc(body.data, room)
        if grown == NULL:
            return False
        e.bodies_room += room - body.room
        body.data = grown
        body.room = room
    memcpy(body.data + body.size, data, size)
    body.size += size
    return True


cdef void body_release(vl_engine *e, uint32_t i) noexcept nogil:
    """Back to the free bodies; where memory is getting short, its own goes back too."""
    cdef vl_body *body = &e.bodies[i]
    if e.bodies_room > e.bodies_limit // 2:
        free(body.data)
        e.bodies_room -= body.room
        body.data = NULL
        body.room = 0
    body.next = e.free_body
    e.free_body = i
