# Sessions: how users log in, stay logged in, and log in again.
#
# A session's steps are sections of their own beside the flow: SECTION_SETUP logs in, SECTION_RENEW
# renews a token. They are planned when they begin, like an iteration, so the books stay exact; what
# is left of one that fails counts as unstarted. Where a section interrupts the flow (a 401, or a
# token that is about to end), `resume_pc` says which step of the flow comes after it: that request
# is due when the session's steps have ended, so that no wait of theirs is in its figures.
#
# A renewal is due at a random share of the token's life, drawn from the user's own state. It
# happens while the user rests: in an open model somebody else takes the start, in a closed one the
# think time goes on meanwhile. Only from half way between the latest share and the end of the life
# on does it happen between two steps of the flow too: a long iteration must not outlive its token.

cdef enum:
    LOGIN_FIRST_USE = 0
    LOGIN_RAMP
    LOGIN_SETUP
    LOGIN_WAYS

cdef enum:
    LOGIN_NOT_DUE = 0
    LOGIN_DUE                   # before anything else
    LOGIN_DUE_AT_START          # with the first start that the user is given

cdef enum:
    LOGINS_AT_ONCE = 16         # before the load, of one worker, where no rate is given
    LOGIN_TRIES = 3             # of one user, before the load
    RENEW_AGAIN_NS = 1_000_000_000


cdef inline uint8_t renew_section(vl_scenario *s) noexcept nogil:
    """What renews a token: steps for that, or one more log-in."""
    return SECTION_RENEW if s.renew_count else SECTION_SETUP


cdef inline uint8_t again_section(vl_scenario *s) noexcept nogil:
    """What is done after a refusal: a log-in, or what renews a token that nobody logs in for."""
    return SECTION_SETUP if s.setup_requests or not s.renew_count else SECTION_RENEW


cdef int64_t login_turn(vl_engine *e, vl_scenario *s, int64_t at) noexcept nogil:
    """The next turn for a log-in at or after `at`: the workers' turns interleave, a gap apart."""
    cdef int64_t first, between, turn
    if s.login_gap_ns == 0:
        return at
    first = e.epoch_ns + e.worker * s.login_gap_ns
    between = s.login_gap_ns * e.workers
    turn = s.login_turns
    if at > first + turn * between:
        turn = (at - first + between - 1) // between
    s.login_turns = turn + 1
    return first + turn * between


cdef void session_begin(vl_engine *e, uint32_t u, uint8_t section, int64_t at) noexcept nogil:
    """Begin the steps of a session, due at `at` or, where log-ins have a rate, at their turn."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef int64_t turn = login_turn(e, s, at) if section == SECTION_SETUP else at
    user.section = section
    user.pc = s.setup_first if section == SECTION_SETUP else s.renew_first
    user.login_due = LOGIN_NOT_DUE
    count(&e.ring, C_REQUESTS_PLANNED,
          s.setup_requests if section == SECTION_SETUP else s.renew_requests)
    if user.resume_pc == NONE:
        user.phase = phase_at(e, turn)
    if turn != user.scheduled_ns:       # else what it waited for the step in whose place it comes
        user.scheduled_ns = turn
        user.available_ns = turn
    user_state(e, user, USER_THINKING)
    if section == SECTION_SETUP and not rows_take(e, u, s.rows_setup, 0):
        return
    if turn > monotonic_ns():
        timer_set(&e.timers, u, turn)
    else:
        user_ready(e, u)


cdef void session_interrupt(vl_engine *e, uint32_t u, uint8_t section) noexcept nogil:
    """Do a session's steps before the step of the flow that the user is at."""
    e.users[u].resume_pc = e.users[u].pc
    session_begin(e, u, section, e.users[u].scheduled_ns)


cdef bint session_repeats(vl_engine *e, uint32_t u, uint16_t status) noexcept nogil:
    """A request of the flow failed. True when the session is done again and it is sent once more:
    for a 401, once."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    if status != 401 or not s.on_401 or user.repeated:
        return False
    user.repeated = 1
    user.pc -= 1
    count(&e.ring, C_REQUESTS_PLANNED, 1)
    count(&e.ring, C_REQUESTS_REPEATED, 1)
    session_interrupt(e, u, again_section(s))
    return True


cdef void session_again(vl_engine *e, uint32_t u) noexcept nogil:
    """on_error: login. The session is done again before the next iteration."""
    cdef vl_user *user = &e.users[u]
    if again_section(&e.scenarios[user.scenario]) == SECTION_SETUP:
        user.login_due = LOGIN_DUE
    else:
        user.renew_ns = user.freed_ns


cdef void session_renew(vl_engine *e, uint32_t u) noexcept nogil:
    """Renew the token of a resting user."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    if not s.open:
        user.resume_ns = user.scheduled_ns
    session_begin(e, u, renew_section(s), max(user.renew_ns, user.freed_ns))


cdef inline void session_count(vl_engine *e, uint32_t u) noexcept nogil:
    cdef vl_scenario *s = &e.scenarios[e.users[u].scenario]
    if e.users[u].section == SECTION_RENEW:
        count(&e.ring, C_RENEWALS, 1)
    elif s.session and s.setup_requests:    # minted tokens are no log-in
        count(&e.ring, C_LOGINS, 1)


cdef void session_done(vl_engine *e, uint32_t u) noexcept nogil:
    """The last step of a session's is done: on to what it was done for."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    session_count(e, u)
    user.failed_logins = 0
    user.renew_ns = INT64_MAX
    user.renew_by_ns = INT64_MAX
    if s.life_slot != NONE:
        life_note(e, u)
    session_leave(e, u)


cdef void session_leave(vl_engine *e, uint32_t u) noexcept nogil:
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef int64_t at = user.resume_ns
    user.section = SECTION_REST
    user.resume_ns = 0
    if e.preparing:
        prepare_off(e, u, 1)
    elif user.resume_pc != NONE:
        user.section = SECTION_FLOW
        user.pc = user.resume_pc
        user.resume_pc = NONE
        session_hand_over(user)
        user_ready(e, u)
    elif user.has_start:
        if not rows_begin(e, u):
            return
        iteration_begin(e, u, user.iteration_ns)
        if s.session:
            session_hand_over(user)
        user_ready(e, u)
    elif at and not user.leaving and not s.over:
        rest_until(e, u, max(at, user.freed_ns))
    else:
        user_rest(e, u)


cdef inline void session_hand_over(vl_user *user) noexcept nogil:
    """The next request is due now: what came before it has a sample of its own."""
    user.scheduled_ns = user.freed_ns
    user.available_ns = user.freed_ns


cdef void session_failed(vl_engine *e, uint32_t u) noexcept nogil:
    """A step of a session's failed: log in again after a pause. A flow that waits for a log-in ends
    here; one whose token could not be renewed goes on with the one it has."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef bint login = user.section == SECTION_SETUP
    unstarted_count(e, user)
    user.failures += user.failures == 0
    if user.resume_pc != NONE and (login or (user.repeated and not s.setup_requests)):
        flow_cut(e, u)
    if not login and not s.setup_requests:
        user.renew_ns = user.freed_ns + RENEW_AGAIN_NS
        user.renew_by_ns = max(user.renew_by_ns, user.renew_ns)
        session_leave(e, u)
        return
    if user.resume_pc == NONE and (user.leaving or s.over):
        user.begun = 0
        user_off(e, u)
        return
    user.failed_logins += user.failed_logins < 255
    if e.preparing and (user.failed_logins == LOGIN_TRIES or e.stopping):
        prepare_off(e, u, 0)
        return
    session_begin(e, u, SECTION_SETUP, user.freed_ns + back_off_ns(user.failures))


cdef void flow_cut(vl_engine *e, uint32_t u) noexcept nogil:
    """The flow that a session's steps interrupted does not go on."""
    cdef vl_user *user = &e.users[u]
    requests_unstarted(e, user.resume_pc, section_stop(&e.scenarios[user.scenario], SECTION_FLOW))
    count(&e.ring, C_ITERATIONS_INTERRUPTED, 1)
    user.resume_pc = NONE
    user.repeated = 0


cdef void life_note(vl_engine *e, uint32_t u) noexcept with gil:
    """Draw when the user's token is renewed. One whose life cannot be read never is, and counted.

    A share of its life that has passed already counts as now, but for a hundredth of the life: a
    server that hands out old tokens must not be asked without end.
    """
    cdef Engine engine = <Engine> e.owner
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef int64_t since_ns, life_ns, begun_ns
    cdef double share = s.renew_low + random_double(&user.random) * (s.renew_high - s.renew_low)
    try:
        since_ns, life_ns = engine.life(slot_texts(e, u, (s.life_slot,))[0], bool(s.life_is_jwt))
    except Exception:
        count(&e.ring, C_LIVES_UNREADABLE, 1)
        return
    begun_ns = user.freed_ns - since_ns
    user.renew_ns = max(begun_ns + <int64_t> (share * life_ns), user.freed_ns + life_ns // 100)
    user.renew_by_ns = max(begun_ns + <int64_t> ((1 + s.renew_high) / 2 * life_ns), user.renew_ns)


# Before the load: `login: setup`. Users log in with the engine's own loop and clock, one after the
# other as the rate says, and are off again until the schedule lets them join.

cdef void prepare_begin(vl_engine *e, int64_t now) noexcept nogil:
    cdef uint32_t i
    e.preparing = 1
    e.epoch_ns = now
    e.ring.counters[C_IN_FLIGHT_SINCE] = <uint64_t> now
    timer_set(&e.timers, e.n_users + e.n_connections, now)
    for i in range(e.n_scenarios):
        if e.scenarios[i].login_when == LOGIN_SETUP:
            e.logins_left += e.scenarios[i].user_count


cdef void prepare_pace(vl_engine *e, int64_t now) noexcept nogil:
    """Let the users log in whose turn has come."""
    cdef vl_scenario *s
    cdef vl_user *user
    cdef uint32_t i, u
    e.login_due_ns = INT64_MAX
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        while s.login_when == LOGIN_SETUP and s.logins_begun < s.user_count \
                and not e.stopping and not e.logins_failed:
            if s.login_gap_ns and s.login_last_ns > now:
                e.login_due_ns = min(e.login_due_ns, s.login_last_ns)
                break
            if not s.login_gap_ns and s.busy >= LOGINS_AT_ONCE:
                break
            u = s.user_first + s.logins_begun
            s.logins_begun += 1
            user = &e.users[u]
            user.scenario = <uint16_t> i
            user.connection = NONE
            user.freed_ns = now
            session_begin(e, u, SECTION_SETUP, now)
            s.login_last_ns = user.scheduled_ns


cdef void prepare_off(vl_engine *e, uint32_t u, bint logged_in) noexcept nogil:
    cdef vl_user *user = &e.users[u]
    user.section = SECTION_REST
    user.logged_in = logged_in
    user.failures = 0
    e.logins_left -= 1
    e.logins_failed += not logged_in
    user_state(e, user, USER_OFF)
    timer_cancel(&e.timers, u)
    if not e.pooled and e.connections[u].state != CONN_CLOSED:
        connection_leave(e, &e.connections[u])


cdef bint prepared(vl_engine *e, int64_t now) noexcept nogil:
    """All have logged in, or nobody will any more."""
    cdef uint32_t i, busy = 0
    for i in range(e.n_scenarios):
        busy += e.scenarios[i].busy
    if busy and now < e.drain_until_ns:
        return False
    if e.logins_left and not e.stopping and not e.logins_failed:
        return False
    e.preparing = 0
    for i in range(e.n_scenarios):
        e.scenarios[i].login_turns = 0
    return True
