# Virtual users: joining and leaving, iterations, steps, think time.
#
# A user runs its scenario's setup steps once (a login), then iterates over the flow. In a closed
# model it starts again by itself; in an open one it waits in its scenario's idle queue for a start.
# Whatever can fail at once goes through the ready queue: nothing here calls itself.


cdef inline bint user_is_busy(vl_user *user) noexcept nogil:
    return user.state >= USER_THINKING


cdef inline uint8_t phase_at(vl_engine *e, int64_t at) noexcept nogil:
    """The phase in which an iteration was scheduled; its requests belong there, however late."""
    at -= e.epoch_ns
    while e.phase + <uint32_t> 1 < e.n_phases and at >= e.phase_starts[e.phase + 1]:
        e.phase += 1
    while e.phase and at < e.phase_starts[e.phase]:
        e.phase -= 1
    return e.phase


cdef void user_state(vl_engine *e, vl_user *user, uint8_t state) noexcept nogil:
    """Change the state and keep the scenario's count of busy users right."""
    cdef bint was = user_is_busy(user)
    user.state = state
    if was != user_is_busy(user):
        if was:
            e.scenarios[user.scenario].busy -= 1
        else:
            e.scenarios[user.scenario].busy += 1


cdef void user_ready(vl_engine *e, uint32_t u) noexcept nogil:
    user_state(e, &e.users[u], USER_READY)
    users_push(e, &e.ready, u)


cdef void user_off(vl_engine *e, uint32_t u) noexcept nogil:
    """The user leaves; a connection of its own is closed."""
    cdef vl_user *user = &e.users[u]
    if user.state == USER_OFF:
        return
    user_state(e, user, USER_OFF)
    user.leaving = 0
    timer_cancel(&e.timers, u)
    count(&e.ring, C_VUS_ACTIVE, <uint64_t> -1)
    if not e.pooled and e.connections[u].state != CONN_CLOSED:
        connection_leave(e, &e.connections[u])


cdef void user_join(vl_engine *e, uint16_t scenario, uint32_t u, int64_t at) noexcept nogil:
    """A user begins (again): setup first, where there is one and it has not been done."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[scenario]
    if user.state != USER_OFF:
        user.leaving = 0
        return
    user.scenario = scenario
    user.connection = NONE
    user.scheduled_ns = at
    user.available_ns = at
    user.freed_ns = at
    user.late_ns = 0
    count(&e.ring, C_VUS_ACTIVE, 1)
    user_state(e, user, USER_READY)
    if not user.begun:
        user_first(e, u)
    if user.login_due == LOGIN_DUE:
        session_begin(e, u, SECTION_SETUP, at)
    elif user.state != USER_OFF:        # by now: for want of a row
        user_rest(e, u)


cdef void user_first(vl_engine *e, uint32_t u) noexcept nogil:
    """It joins for the first time: does it have to log in?"""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    count(&e.ring, C_VUS_STARTED, 1)
    user.begun = 1
    user.section = SECTION_REST
    if s.setup_count and not user.logged_in:
        user.login_due = LOGIN_DUE
        if s.session and s.open and s.login_when == LOGIN_FIRST_USE and not user.has_start:
            user.login_due = LOGIN_DUE_AT_START
    elif s.life_slot != NONE and not s.setup_count and rows_take(e, u, s.rows_setup, 0):
        life_note(e, u)


cdef inline bint setup_is_vain(vl_engine *e, vl_user *user) noexcept nogil:
    """It is in its setup, or renews its token, and nothing will come after it."""
    return (user.section == SECTION_SETUP or user.section == SECTION_RENEW) \
        and user.resume_pc == NONE and (e.stopping or not user.has_start) \
        and (user.leaving or e.scenarios[user.scenario].over)


cdef void setup_abandon(vl_engine *e, uint32_t u) noexcept nogil:
    """The user leaves between two steps of its setup: a log-in that nobody needs is not sent."""
    cdef vl_user *user = &e.users[u]
    if user.pc < section_stop(&e.scenarios[user.scenario], user.section):
        unstarted_count(e, user)
        user.begun = user.section != SECTION_SETUP
    else:
        session_count(e, u)
    user.section = SECTION_REST
    if e.preparing:
        prepare_off(e, u, 1)
    else:
        user_off(e, u)


cdef void user_leave(vl_engine *e, uint32_t u) noexcept nogil:
    """End the user after its iteration; at once when it is not in one."""
    cdef vl_user *user = &e.users[u]
    if user.state == USER_IDLE or user.state == USER_BETWEEN:
        user_off(e, u)
    elif user.state != USER_OFF:
        user.leaving = 1
        if user.state == USER_THINKING and setup_is_vain(e, user):
            setup_abandon(e, u)


cdef void user_rest(vl_engine *e, uint32_t u) noexcept nogil:
    """Between two iterations: leave, wait for a start, think, or start again."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef int64_t pause = 0
    if user.leaving or s.over:
        user_off(e, u)
        return
    if user.login_due == LOGIN_DUE and s.budget != 0:
        session_begin(e, u, SECTION_SETUP, user.freed_ns
                      + (back_off_ns(user.failures) if user.failures else 0))
        return
    if s.open:
        rest_idle(e, u)
        return
    if user.iteration and s.think != NONE:
        pause = think_ns(&e.program.steps[s.think], &user.random)
    if user.failures:
        pause += back_off_ns(user.failures)
    user.scheduled_ns = user.freed_ns + pause
    if s.pacing_ns and user.iteration:
        user.scheduled_ns = max(user.scheduled_ns, user.iteration_ns + s.pacing_ns)
    rest_until(e, u, user.scheduled_ns)


cdef void rest_idle(vl_engine *e, uint32_t u) noexcept nogil:
    """Open: wait for a start, or for the token to be renewed."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    if user.renew_ns <= user.freed_ns:
        session_renew(e, u)
        return
    user_state(e, user, USER_IDLE)
    if not user.queued:
        user.queued = 1
        users_push(e, &s.idle, u)
    if user.renew_ns != INT64_MAX:
        timer_set(&e.timers, u, user.renew_ns)


cdef void rest_until(vl_engine *e, uint32_t u, int64_t at) noexcept nogil:
    """Closed: wait for the next iteration, or for the token to be renewed."""
    cdef vl_user *user = &e.users[u]
    cdef int64_t wake = min(at, max(user.renew_ns, user.freed_ns))
    user.scheduled_ns = at
    if wake > user.freed_ns:
        user_state(e, user, USER_BETWEEN)
        timer_set(&e.timers, u, wake)
    else:
        user_ready(e, u)


cdef inline int64_t back_off_ns(uint8_t failures) noexcept nogil:
    """After a request without any response a closed loop waits: 10 ms, doubling, at most 1 s."""
    cdef int64_t wait = 10_000_000 << (failures - 1 if failures < 8 else 7)
    return wait if wait < 1_000_000_000 else 1_000_000_000


cdef extern from *:
    """
    #define TIME_MOST_NS (365 * 86400000000000LL)   /* units.py's DURATION_MAX_NS */
    """
    int64_t TIME_MOST_NS


cdef int64_t think_ns(vl_step *step, uint64_t *random) noexcept nogil:
    cdef double ns = 0.0
    if step.think == THINK_CONSTANT:
        ns = step.think_a
    elif step.think == THINK_UNIFORM:
        ns = step.think_a + random_double(random) * (step.think_b - step.think_a)
    elif step.think == THINK_EXPONENTIAL:
        ns = random_exponential(random, step.think_a)
    elif step.think == THINK_NORMAL:
        ns = step.think_a + step.think_b * random_normal(random)
    elif step.think == THINK_LOGNORMAL:
        ns = step.think_a * exp(step.think_b * random_normal(random))
    if not ns > 0.0:                    # nor is 0 times infinity, a NaN
        return 0
    return <int64_t> min(ns, <double> TIME_MOST_NS)


cdef void iteration_begin(vl_engine *e, uint32_t u, int64_t at) noexcept nogil:
    """Start an iteration that was due at `at`. Its wait is what the target delayed the user: an
    own lag that he has caught since he was last in time is none of it, nor a pause of ours."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    user.section = SECTION_FLOW
    user.has_start = 0
    user.phase = phase_at(e, at)
    user.iteration += 1
    user.iteration_ns = at
    user.scheduled_ns = at
    user.available_ns = waited_until(&e.pauses, at, user.freed_ns - user.late_ns)
    user.late_ns = 0
    user.think_ns = 0
    user.pc = s.flow_first
    count(&e.ring, C_ITERATIONS_STARTED, 1)
    phase_count(e, user.phase, PHASE_STARTED)
    count(&e.ring, C_REQUESTS_PLANNED, s.flow_requests)


cdef inline uint32_t section_stop(vl_scenario *s, uint8_t section) noexcept nogil:
    """Index behind the last step of a section."""
    if section == SECTION_SETUP:
        return s.setup_first + s.setup_count
    if section == SECTION_RENEW:
        return s.renew_first + s.renew_count
    return s.flow_first + s.flow_count


cdef inline bint user_think(vl_engine *e, uint32_t u, vl_step *step, int64_t now) noexcept nogil:
    """Draw how long the user thinks; whether that is longer than until now."""
    cdef vl_user *user = &e.users[u]
    cdef int64_t pause = think_ns(step, &user.random)
    user.scheduled_ns += pause
    user.available_ns = user.scheduled_ns
    user.think_ns += pause
    if user.scheduled_ns <= now:
        return False
    user_state(e, user, USER_THINKING)
    timer_set(&e.timers, u, user.scheduled_ns)
    return True


cdef void user_step(vl_engine *e, uint32_t u, int64_t now) noexcept nogil:
    """Execute the user's program up to the next thing that takes time."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef vl_step *step
    cdef int controls = 0
    while True:
        if user.pc >= section_stop(s, user.section):
            section_end(e, u, now)
            return
        step = &e.program.steps[user.pc]
        if step.op == STEP_REQUEST:
            if now >= user.renew_by_ns and user.section == SECTION_FLOW:
                session_interrupt(e, u, renew_section(s))
            else:
                request_begin(e, u, now)
            return
        if step.op == STEP_TAKE:
            if not rows_next(e, u, step.capture_first):
                return
            user.pc += 1
        elif step.op == STEP_PARK:
            user_state(e, user, USER_PARKED)
            users_push(e, &e.parked, u)
            return
        elif step.op == STEP_THINK:
            user.pc += 1
            if user_think(e, u, step, now):
                return
        elif step.op == STEP_END:
            iteration_cut(e, u, C_ITERATIONS_COMPLETED)
            return
        else:
            user.pc = control_step(e, u, step)
            controls += 1
            if controls == CONTROL_MOST:
                user_ready(e, u)
                return


cdef void user_proceed(vl_engine *e, uint32_t u, uint8_t error, uint16_t status) noexcept nogil:
    """A request ended: on to the next step."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef vl_step *step = &e.program.steps[user.pc]
    if e.pooled:
        user.connection = NONE
    user.scheduled_ns = user.freed_ns
    user.available_ns = user.freed_ns
    user.pc += 1
    if user.section != SECTION_FLOW:
        if error:
            session_failed(e, u)
        else:
            user_ready(e, u)
        return
    if error and session_repeats(e, u, status):
        return
    user.repeated = 0
    if error and step.flags & STEP_END_ON_ERROR:
        if step.think == ON_ERROR_LOGIN:
            session_again(e, u)
        iteration_cut(e, u, C_ITERATIONS_INTERRUPTED)
        return
    user_ready(e, u)


cdef void unstarted_count(vl_engine *e, vl_user *user) noexcept nogil:
    """Count the request steps of the section under way that are not reached any more."""
    requests_unstarted(e, user.pc, section_stop(&e.scenarios[user.scenario], user.section))


cdef void requests_unstarted(vl_engine *e, uint32_t first, uint32_t stop) noexcept nogil:
    cdef uint32_t pc
    for pc in range(first, stop):
        count(&e.ring, C_REQUESTS_UNSTARTED, e.program.steps[pc].op == STEP_REQUEST)


cdef void section_end(vl_engine *e, uint32_t u, int64_t now) noexcept nogil:
    """The last step is done: of the setup, or of an iteration."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    if user.section != SECTION_FLOW:
        session_done(e, u)
        return
    count(&e.ring, C_ITERATIONS_COMPLETED, 1)
    if s.iteration_samples:
        span_push(e, u, KIND_ITERATION, s.iteration_endpoint, user.iteration_ns, user.think_ns)
    user.section = SECTION_REST
    user_rest(e, u)


cdef void ready_serve(vl_engine *e, uint32_t u, int64_t now) noexcept nogil:
    """One user out of the ready queue."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    if user.state != USER_READY:
        return
    if e.pooled and user.connection != NONE:
        request_start(e, u, user.connection, now)
    elif setup_is_vain(e, user):
        setup_abandon(e, u)
    elif user.section != SECTION_REST:
        user_step(e, u, now)
    elif user.leaving or s.over or now >= s.end_ns or s.budget == 0:
        user_off(e, u)
    elif user.renew_ns <= now:
        session_renew(e, u)
    elif user.login_due:                # it waited for a start, and goes on by itself now
        session_begin(e, u, SECTION_SETUP, user.scheduled_ns)
    elif suite_rests(e, s, now):
        user_rest(e, u)
    elif rows_begin(e, u):
        if s.budget > 0:
            s.budget -= 1
        iteration_begin(e, u, user.scheduled_ns)
        user_step(e, u, now)
