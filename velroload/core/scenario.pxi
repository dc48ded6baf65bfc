# Scenarios against the clock: who joins and leaves, which iterations start, when it is over, and
# the account of what was planned and will not be done.


cdef void starts_serve(vl_engine *e, uint16_t scenario, int64_t now) noexcept nogil:
    """Open model: give every start that is due to the user who has been idle longest.

    With no idle user a new one begins, where users begin on demand; else the start is dropped, or
    it stays with the pacer and its response time runs from when it was due.
    """
    cdef vl_scenario *s = &e.scenarios[scenario]
    cdef vl_start start
    cdef uint32_t u
    while e.epoch_ns + pacer_due(&s.starts) <= now and pacer_due(&s.starts) != NEVER_NS \
            and s.budget != 0:
        u = idle_pop(e, s)
        if u == NONE and s.on_demand and s.begun_on_demand < s.user_count:
            u = s.user_first + s.begun_on_demand
            s.begun_on_demand += 1
        if u == NONE and not s.drop_late:
            return
        pacer_take(&s.starts, &start)
        if u == NONE:
            start_drop(e, s, &start)
        else:
            start_give(e, scenario, u, e.epoch_ns + start.due_ns, now)


cdef void start_drop(vl_engine *e, vl_scenario *s, vl_start *start) noexcept nogil:
    count(&e.ring, C_ITERATIONS_DROPPED, 1)
    count(&e.ring, C_REQUESTS_DROPPED, s.flow_requests)
    count(&e.ring, C_REQUESTS_PLANNED, s.flow_requests)
    phase_count(e, phase_at(e, e.epoch_ns + start.due_ns), PHASE_DROPPED)


cdef void start_give(vl_engine *e, uint16_t scenario, uint32_t u, int64_t due,
                     int64_t now) noexcept nogil:
    cdef vl_user *user = &e.users[u]
    if user.state == USER_OFF:              # begun on demand
        user.has_start = 1
        user.iteration_ns = due
        user_join(e, scenario, u, due)
        if user.section == SECTION_SETUP or user.state == USER_OFF:
            return                          # the start waits for the log-in, or is never begun
        user.queued = 0
        idle_pop(e, &e.scenarios[scenario])
    elif user.login_due:
        user.has_start = 1
        user.iteration_ns = due
        user.scheduled_ns = due
        user.available_ns = waited_until(&e.pauses, due, user.freed_ns - user.late_ns)
        session_begin(e, u, SECTION_SETUP, due)
        return
    user.has_start = 1                      # of a user without a row: unstarted
    if rows_begin(e, u):
        iteration_begin(e, u, due)
        user_step(e, u, now)


cdef uint32_t idle_pop(vl_engine *e, vl_scenario *s) noexcept nogil:
    """The user who has been idle longest; those who have left meanwhile are passed over."""
    cdef uint32_t u = users_pop(e, &s.idle)
    while u != NONE:
        e.users[u].queued = 0
        if e.users[u].state == USER_IDLE:
            return u
        u = users_pop(e, &s.idle)
    return NONE


cdef void users_pace(vl_engine *e, int64_t now) noexcept nogil:
    """Let users join and leave, and iterations start, as the schedule says."""
    cdef vl_scenario *s
    cdef vl_start change
    cdef uint32_t i, u
    if not e.stopping:
        suite_pace(e, now)
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        if s.over:
            continue
        if e.stopping:                  # first: what has come due meanwhile is not begun any more
            scenario_end(e, s)
            continue
        while e.epoch_ns + pacer_due(&s.vus) <= now and pacer_due(&s.vus) != NEVER_NS:
            pacer_take(&s.vus, &change)
            u = s.user_first + <uint32_t> (change.id // e.workers)
            if change.kind == ROW_VUS_UP:
                user_join(e, <uint16_t> i, u, e.epoch_ns + change.due_ns)
            else:
                user_leave(e, u)
        if s.open:
            starts_serve(e, <uint16_t> i, now)
        if scenario_ended(e, s, now):
            scenario_end(e, s)


cdef inline int64_t scenario_end_due(vl_engine *e, vl_scenario *s) noexcept nogil:
    """When the clock ends the scenario. Starts that are late for want of a user may use the
    graceful stop; those left then stay unstarted."""
    if s.open and pacer_remaining(&s.starts):
        return s.end_ns + e.graceful_ns
    return s.end_ns


cdef inline bint scenario_ended(vl_engine *e, vl_scenario *s, int64_t now) noexcept nogil:
    """No iteration will start any more."""
    return now >= scenario_end_due(e, s) or (s.budget == 0 and s.busy == 0)


cdef void scenario_end(vl_engine *e, vl_scenario *s) noexcept nogil:
    """Send the resting users home; the busy ones finish their iteration, up to graceful stop."""
    cdef uint32_t u
    s.over = 1
    for u in range(s.user_first, s.user_first + s.user_count):
        user_leave(e, u)


cdef void users_finish(vl_engine *e, int64_t now) noexcept nogil:
    """The run is over: account for all that was planned and will not be done."""
    cdef vl_user *user
    cdef vl_scenario *s
    cdef uint64_t left
    cdef uint32_t u, i
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        left = <uint64_t> pacer_remaining(&s.starts)
        if s.budget > 0:
            left += <uint64_t> s.budget
        for u in range(s.user_first, s.user_first + s.user_count):
            user = &e.users[u]
            left += user.has_start
            if user.section == SECTION_REST or user.state == USER_OFF:
                continue
            if user.resume_pc != NONE:
                flow_cut(e, u)
            if user.state == USER_BUSY:
                user.pc += 1                # this request is in flight, the later ones never began
                open_age_add(e, u, now)
            elif user.section == SECTION_FLOW:
                count(&e.ring, C_ITERATIONS_INTERRUPTED, 1)
            unstarted_count(e, user)
        iterations_leave(e, s, left)


cdef void iterations_leave(vl_engine *e, vl_scenario *s, uint64_t left) noexcept nogil:
    """So many will never be started."""
    cdef uint64_t rest = left * s.flow_requests
    count(&e.ring, C_ITERATIONS_UNSTARTED, left)
    count(&e.ring, C_REQUESTS_UNSTARTED, rest)
    count(&e.ring, C_REQUESTS_PLANNED, rest)


cdef inline void open_age_add(vl_engine *e, uint32_t u, int64_t now) noexcept nogil:
    """Add the age of the user's request in flight to the open ages."""
    cdef vl_request *r = &e.requests[e.connections[e.users[u].connection].request]
    if r.sent:
        count(&e.ring, C_OPEN_AGE, <uint64_t> (now - r.sent_ns))
        if r.hops:
            count(&e.ring, C_OPEN_AGE, <uint64_t> chain_of(e, r).served_ns)
