# Warming up: every connection is opened before the first request, a few at a time.
#
# A warm-up is a request that is never sent: it has a row of the requests, takes the way of any
# other through connect and handshake, and ends where it would be rendered (warm_ready) or where it
# would fail (warm_failed). No sample tells of it, no counter of requests moves.

cdef enum:
    WARM_AT_ONCE = 64           # connects under way: a listen backlog of 128 carries two workers


cdef void warm_start(vl_engine *e, int64_t now) noexcept nogil:
    e.warm.left = e.n_connections
    e.warm.last_ns = now


cdef void warm_open(vl_engine *e, int64_t now) noexcept nogil:
    """Open the next connections, unless the last failure asks for a pause."""
    cdef vl_connection *c
    while e.warm.left > e.warm.pending and e.warm.pending < WARM_AT_ONCE \
            and now >= e.warm.hold_until_ns:
        c = &e.connections[e.warm.cursor]
        e.warm.cursor = (e.warm.cursor + 1) % e.n_connections
        if not c.warmed and c.request == NONE:
            warm_begin(e, c, now)


cdef void warm_begin(vl_engine *e, vl_connection *c, int64_t now) noexcept nogil:
    cdef uint32_t at = e.free_request
    cdef vl_request *r = &e.requests[at]
    e.free_request = r.next
    memset(r, 0, sizeof(vl_request))
    r.begun_ns = now
    r.user = 0 if e.pooled else <uint32_t> (c - e.connections)
    r.step = warm_step(e, r.user)
    r.capture = NONE
    r.warming = 1
    c.request = at
    e.warm.pending += 1
    connection_open(e, c, now)


cdef uint32_t warm_step(vl_engine *e, uint32_t u) noexcept nogil:
    """The first request of the user's scenario: the connection goes where that one will."""
    cdef vl_scenario *s
    cdef uint32_t i, pc
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        if s.user_first <= u < s.user_first + s.user_count:
            for pc in range(s.setup_first, s.setup_first + s.setup_count):
                if e.program.steps[pc].op == STEP_REQUEST:
                    return pc
            for pc in range(s.flow_first, s.flow_first + s.flow_count):
                if e.program.steps[pc].op == STEP_REQUEST:
                    return pc
    return e.scenarios[0].flow_first


cdef void warm_release(vl_engine *e, vl_connection *c) noexcept nogil:
    e.requests[c.request].next = e.free_request
    e.free_request = c.request
    c.request = NONE
    e.warm.pending -= 1


cdef void warm_ready(vl_engine *e, vl_connection *c) noexcept nogil:
    """The connection is open; it waits for its first request."""
    cdef int64_t now = monotonic_ns()
    warm_release(e, c)
    c.warmed = 1
    c.freed_ns = now
    deadline_set(e, c, now + e.idle_timeout_ns if e.idle_timeout_ns else INT64_MAX)
    e.warm.left -= 1
    e.warm.failures = 0
    e.warm.last_ns = now
    count(&e.ring, C_CONNECTIONS_WARMED, 1)


cdef void warm_failed(vl_engine *e, vl_connection *c, uint8_t error, int64_t now) noexcept nogil:
    """It is tried again after the back-off of all connections, 10 ms to 1 s."""
    warm_release(e, c)
    connection_drop(e, c)
    e.warm.error = error
    e.warm.failures += e.warm.failures < 20
    e.warm.hold_until_ns = now + back_off_ns(e.warm.failures)


cdef void warm_settle(vl_engine *e) noexcept nogil:
    """The start: give up what is still under way (the run was stopped), and learn which connections
    the server has closed since, before requests are sent on them."""
    cdef uint32_t turns = e.n_connections // e.max_events + 1
    cdef uint32_t i
    cdef int n
    for i in range(e.n_connections):
        if e.connections[i].request != NONE:
            warm_release(e, &e.connections[i])
            connection_drop(e, &e.connections[i])
    n = epoll_wait(e.epoll, e.events, <int> e.max_events, 0)
    while n > 0 and turns:
        events_serve(e, n, 0)
        n = epoll_wait(e.epoll, e.events, <int> e.max_events, 0)
        turns -= 1
    if n > 0:
        events_serve(e, n, 0)           # handed out once, and never again


cdef inline int64_t warm_due(vl_engine *e) noexcept nogil:
    """When something has to be done without an event."""
    cdef int64_t due = min(timer_next(&e.timers), e.warm.last_ns + e.connect_timeout_ns)
    if e.handshakes.head != NONE:
        return 0
    if e.warm.left > e.warm.pending and e.warm.pending < WARM_AT_ONCE:
        due = min(due, e.warm.hold_until_ns)
    return due


cdef int warm_run(vl_engine *e, int64_t budget_ns) noexcept nogil:
    """Warm up for about `budget_ns`. Done when all are open, and when none could be opened for as
    long as one may take."""
    cdef int64_t now = clock_sync(&e.clock)
    cdef int64_t until = now + budget_ns
    cdef int64_t due
    cdef uint64_t one = 1
    cdef int n
    while True:
        timers_fire(e, now)
        warm_open(e, now)
        if e.warm.left == 0 or (e.warm.failures and now >= e.warm.last_ns + e.connect_timeout_ns):
            return POLL_DONE
        if e.control_ready or now >= until:
            e.control_ready = 0
            write(e.wake, &one, 8)
            return POLL_GO_ON
        due = min(until, warm_due(e))
        if due > now:
            vl_arm(e.timer, due)
        n = epoll_wait(e.epoll, e.events, <int> e.max_events,
                       <int> ((due - now + 999_999) // 1_000_000) if due > now else 0)
        if n > 0:
            events_serve(e, n, until)
        handshake_serve(e)
        now = clock_sync(&e.clock)
