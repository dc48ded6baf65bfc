# The event loop of a worker: one epoll of its own, nested in uvloop's.
#
# Subtleness ahead. Sockets are registered once, edge-triggered: an event that epoll_wait handed
# out and nobody served is gone for ever. So a batch is always served whole, the budget is looked
# at between batches only, and what is left over (ready users, unread sockets) makes the loop call
# itself again through the eventfd. The timerfd is edge-triggered too and never read.

cdef enum:
    TAG_TIMER = 0xFFFFFFFD
    TAG_WAKE = 0xFFFFFFFE
    TAG_CONTROL = 0xFFFFFFFF

cdef enum:
    POLL_GO_ON = 0
    POLL_DONE = 1
    POLL_PARKED = 2
    POLL_CONTROL = 3

cdef enum:
    HEARTBEAT_NS = 20_000_000
    STALL_NS = 50_000_000
    SPIN_LEAST_NS = 50_000
    SPIN_MOST_NS = 500_000
    SPIN_REVIEW_NS = 10_000_000_000
    WAKE_BUCKET_NS = 10_000


cdef void heartbeat(vl_engine *e, int64_t due, int64_t now) noexcept nogil:
    """Every 20 ms: sign of life, CPU time used; a late one is a pause of our own, and recorded."""
    if now - due > STALL_NS:
        ring_stall(&e.ring, due - e.epoch_ns, now - due)
    vl_store_relaxed(&e.ring.counters[C_HEARTBEAT], <uint64_t> now)
    vl_store_relaxed(&e.ring.counters[C_CPU_NS], <uint64_t> clock_ns(CLOCK_THREAD_CPUTIME_ID))
    vl_store_relaxed(&e.ring.counters[C_CLOCK_JUMPS], e.clock.jumps)
    if e.spin_ns and now >= e.spin_review_ns:
        spin_review(e, now)
    timer_set(&e.timers, e.n_users + e.n_connections, now + HEARTBEAT_NS)


cdef void spin_review(vl_engine *e, int64_t now) noexcept nogil:
    """Every 10 s: spin from as long before a deadline as the p99 of the timer's lateness since."""
    cdef uint32_t total = 0, seen = 0
    cdef int i
    e.spin_review_ns = now + SPIN_REVIEW_NS
    for i in range(WAKE_BUCKETS):
        total += e.wake_ups[i]
    for i in range(WAKE_BUCKETS):
        seen += e.wake_ups[i]
        e.wake_ups[i] = 0
        if total >= 100 and seen * <uint64_t> 100 >= total * <uint64_t> 99:
            e.spin_ns = min(max((i + 1) * <int64_t> WAKE_BUCKET_NS, SPIN_LEAST_NS), SPIN_MOST_NS)
            total = 0


cdef inline void wake_up_note(vl_engine *e, int64_t now) noexcept nogil:
    """The timerfd woke us: remember how late."""
    cdef int64_t late = (now - e.armed_ns) // WAKE_BUCKET_NS
    if late >= 0:
        e.wake_ups[late if late < WAKE_BUCKETS else WAKE_BUCKETS - 1] += 1


cdef void timers_fire(vl_engine *e, int64_t now) noexcept nogil:
    cdef vl_deadline first
    while e.timers.size and e.timers.heap[0].at_ns <= now:
        first = e.timers.heap[0]
        timer_cancel(&e.timers, first.owner)
        if first.owner < e.n_users:
            if e.users[first.owner].state == USER_THINKING \
                    or e.users[first.owner].state == USER_BETWEEN \
                    or (e.users[first.owner].state == USER_IDLE
                        and e.users[first.owner].renew_ns <= now):
                user_ready(e, first.owner)
        elif first.owner < e.n_users + e.n_connections:
            connection_expired(e, &e.connections[first.owner - e.n_users], now)
        else:
            heartbeat(e, first.at_ns, now)


cdef inline void ready_run(vl_engine *e, int64_t until_ns) noexcept nogil:
    """Serve the ready users. Looks at the clock only every 32: users that fail at once come back
    through here, and must not keep the loop for ever."""
    cdef uint32_t u
    cdef int served = 0
    while e.ready.head != NONE:
        u = users_pop(e, &e.ready)
        ready_serve(e, u, monotonic_ns())
        served += 1
        if served % 32 == 0 and monotonic_ns() > until_ns:
            return


cdef void connection_event(vl_engine *e, uint64_t tag, uint32_t events) noexcept nogil:
    cdef vl_connection *c = &e.connections[<uint32_t> tag]
    cdef bint hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
    if c.generation != tag >> 32:
        return                          # of a descriptor that is closed by now
    if c.state == CONN_CONNECTING:
        if not connection_progress(e, c):
            return
    elif c.state == CONN_SECURING:
        handshake_queue(e, c, monotonic_ns())
        return
    elif c.state == CONN_OPEN and events & EPOLLOUT and request_unsent(e, c):
        request_send(e, c)
    if c.generation == tag >> 32 and c.state == CONN_OPEN and (events & EPOLLIN or hung_up):
        connection_read(e, c, hung_up)


cdef void events_serve(vl_engine *e, int n, int64_t until_ns) noexcept nogil:
    cdef int i
    cdef uint64_t tag, count_word
    for i in range(n):
        tag = e.events[i].data.u64
        if <uint32_t> tag < TAG_TIMER:
            connection_event(e, tag, e.events[i].events)
            ready_run(e, until_ns)
        elif <uint32_t> tag == TAG_TIMER:
            wake_up_note(e, e.clock.read_ns)
        elif <uint32_t> tag == TAG_WAKE:
            read(e.wake, &count_word, 8)
        elif <uint32_t> tag == TAG_CONTROL:
            e.control_ready = 1


cdef void unread_serve(vl_engine *e) noexcept nogil:
    """One more turn for each connection that had more to read or to send than its turn allowed."""
    cdef uint32_t i = e.unread, following
    cdef vl_connection *c
    cdef bint hung_up
    e.unread = NONE
    while i != NONE:
        c = &e.connections[i]
        following = c.next_unread
        hung_up = c.unread > 1
        c.unread = 0
        if c.state == CONN_OPEN and request_unsent(e, c):
            request_send(e, c)
        connection_read(e, c, hung_up)
        i = following


cdef inline bint starts_servable(vl_scenario *s) noexcept nogil:
    """A start that comes due can be acted on; else it waits for a user, not for the clock."""
    return s.budget != 0 and (s.idle.head != NONE or s.drop_late
                              or (s.on_demand and s.begun_on_demand < s.user_count))


cdef int64_t starts_oldest(vl_engine *e) noexcept nogil:
    """When the oldest start was due that nobody has taken; one to come when none waits."""
    cdef int64_t oldest = INT64_MAX, at
    cdef uint32_t i
    for i in range(e.n_scenarios):
        at = pacer_due(&e.scenarios[i].starts)
        if at != NEVER_NS:
            oldest = min(oldest, e.epoch_ns + at)
    return oldest


cdef int64_t loop_due(vl_engine *e) noexcept nogil:
    """The next instant at which something has to happen without any event."""
    cdef int64_t due = min(timer_next(&e.timers), suite_due(e)), at
    cdef vl_scenario *s
    cdef uint32_t i
    if e.preparing:
        return min(due, e.login_due_ns, e.drain_until_ns)
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        if s.over:
            continue
        at = pacer_due(&s.vus)
        if at != NEVER_NS and e.epoch_ns + at < due:
            due = e.epoch_ns + at
        at = pacer_due(&s.starts)
        if at != NEVER_NS and e.epoch_ns + at < due and starts_servable(s):
            due = e.epoch_ns + at
        at = scenario_end_due(e, s)
        if at < due:
            due = at
    if e.drain_until_ns < due:
        due = e.drain_until_ns
    return due


cdef int loop_arm(vl_engine *e, int64_t now, int64_t until_ns) noexcept nogil:
    """How many ms epoll_wait may sleep, 0 when there is something to do at once; the timerfd is
    armed for what comes up before."""
    cdef int64_t due = loop_due(e)
    e.due_ns = due
    if e.ready.head != NONE or e.unread != NONE or e.handshakes.head != NONE or due <= now:
        return 0
    if e.spin_ns:
        if due - now <= e.spin_ns:
            return 0
        due -= e.spin_ns
    if due != e.armed_ns:
        vl_arm(e.timer, due)
        e.armed_ns = due
    if until_ns <= now:
        return 1
    return <int> ((until_ns - now + 999_999) // 1_000_000)


cdef int64_t drain_end(vl_engine *e, int64_t now) noexcept nogil:
    """What is under way may take the graceful stop, which begins with the last planned end."""
    cdef int64_t last = 0
    cdef uint32_t i
    for i in range(e.n_scenarios):
        if last < e.scenarios[i].end_ns:
            last = e.scenarios[i].end_ns
    return (last if last < now else now) + e.graceful_ns


cdef bint loop_finished(vl_engine *e, int64_t now) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t busy = 0
    for i in range(e.n_scenarios):
        if not e.scenarios[i].over:
            return False
        busy += e.scenarios[i].busy
    if e.drain_until_ns == INT64_MAX:
        e.drain_until_ns = drain_end(e, now)
    return busy == 0 or now >= e.drain_until_ns


cdef inline void stage_pace(vl_engine *e, int64_t now) noexcept nogil:
    """Let begin what is due: log-ins before the start, users and iterations after it."""
    if e.preparing:
        prepare_pace(e, now)
    else:
        users_pace(e, now)


cdef inline bint stage_over(vl_engine *e, int64_t now) noexcept nogil:
    """All that must be there before the start is there, or after it all is done."""
    if e.preparing:
        return prepared(e, now)
    e.done = loop_finished(e, now)
    return e.done


cdef int loop_run(vl_engine *e, int64_t budget_ns) noexcept nogil:
    """Run for about `budget_ns`; sleeps within it in our own epoll, where waking up is cheap."""
    cdef int64_t now = clock_sync(&e.clock)
    cdef int64_t until = now + budget_ns
    cdef int64_t turn = now
    cdef uint64_t one = 1
    cdef int n, wait_ms
    count(&e.ring, C_POLLS, 1)
    while not e.done:
        if now - e.due_ns > PAUSE_NS:
            pauses_add(&e.pauses, e.due_ns, now, starts_oldest(e))
        timers_fire(e, now)
        stage_pace(e, now)
        ready_run(e, until)
        if stage_over(e, now):
            return POLL_DONE
        if e.parked.head != NONE:
            return POLL_PARKED
        if e.control_ready:
            e.control_ready = 0
            write(e.wake, &one, 8)      # nothing is armed for what this turn has changed
            return POLL_CONTROL
        wait_ms = loop_arm(e, now, until)
        if now >= until and turn != now:
            if wait_ms == 0:
                write(e.wake, &one, 8)
            return POLL_GO_ON
        n = epoll_wait(e.epoll, e.events, <int> e.max_events, wait_ms if until > now else 0)
        count(&e.ring, C_WAITS, 1)
        turn = now
        now = clock_sync(&e.clock)
        if n > 0:
            events_serve(e, n, until)
            now = monotonic_ns()
        elif wait_ms == 0 and e.spin_ns:
            count(&e.ring, C_SPIN_NS, <uint64_t> (now - turn))
        unread_serve(e)
        handshake_serve(e)
    return POLL_DONE
