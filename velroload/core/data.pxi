# Who gets which row of a data set, and what becomes of a user for whom there is none.
#
# Rows in turn are shared out by number: worker w of n takes w, w + n, …; nobody asks anybody. A row
# of one's own goes by the user's number in its scenario. A data set that has come to its end is at
# its end for every user of the worker: with it, a scenario whose iterations need it.


cdef object rows_load(vl_engine *e, list described):
    """Where each scenario's users begin among the unique rows."""
    cdef uint32_t t, i
    e.row_firsts = <uint64_t *> table(<size_t> e.n_scenarios * e.program.n_tables,
                                      sizeof(uint64_t))
    for t in range(e.program.n_tables):
        firsts = described[t]["firsts"]
        if len(firsts) != <Py_ssize_t> e.n_scenarios:
            raise ValueError(f"settings: data set {t} needs a number per scenario")
        for i in range(e.n_scenarios):
            e.row_firsts[i * e.program.n_tables + t] = firsts[i]


cdef bint row_take(vl_engine *e, uint32_t u, uint32_t t) noexcept nogil:
    """Give the user its next row of a data set; False when there is none."""
    cdef vl_table *table = &e.program.tables[t]
    cdef vl_user *user = &e.users[u]
    cdef uint64_t i = table.taken * e.workers + e.worker, lap
    if table.pick == PICK_RANDOM:
        i = random_below(&user.random, table.n_rows)
    elif table.pick == PICK_UNIQUE:
        i = e.row_firsts[user.scenario * e.program.n_tables + t] \
            + <uint64_t> (u - e.scenarios[user.scenario].user_first) * e.workers + e.worker
    if i >= table.n_rows and table.at_end != AT_END_REPEAT:
        return False
    table.taken += 1
    lap = i // table.n_rows
    i -= lap * table.n_rows
    if table.pick == PICK_SHUFFLE:
        i = shuffled(table.seed, lap, table.n_rows, i)
    rows_at(e.slots, &e.program, u)[t] = <uint32_t> (i + 1)
    return True


cdef bint rows_take(vl_engine *e, uint32_t u, uint64_t once, uint64_t each) noexcept nogil:
    """A row of each data set of `once` that the user has none of, and a new one of `each`. False
    when one had none: the user is off then."""
    cdef uint32_t t
    cdef uint64_t bit = 1
    for t in range(e.program.n_tables):
        if (each & bit or (once & bit and rows_at(e.slots, &e.program, u)[t] == 0)) \
                and not row_take(e, u, t):
            user_starve(e, u, t)
            return False
        bit <<= 1
    return True


cdef inline bint rows_begin(vl_engine *e, uint32_t u) noexcept nogil:
    """The rows of an iteration that is about to begin."""
    cdef vl_scenario *s = &e.scenarios[e.users[u].scenario]
    return not (s.rows_once | s.rows_each) or rows_take(e, u, s.rows_once, s.rows_each)


cdef inline bint rows_next(vl_engine *e, uint32_t u, uint32_t t) noexcept nogil:
    """A take step."""
    if row_take(e, u, t):
        return True
    user_starve(e, u, t)
    return False


cdef void user_starve(vl_engine *e, uint32_t u, uint32_t t) noexcept nogil:
    """There is no row for the user: it ends, in the middle of an iteration if it is in one. So
    does its scenario, when nobody of it can go on; and the run, when the plan says so."""
    cdef vl_user *user = &e.users[u]
    cdef vl_scenario *s = &e.scenarios[user.scenario]
    cdef vl_table *table = &e.program.tables[t]
    s.starved += not user.starved
    table.starved += not user.starved
    user.starved = 1
    user.leaving = 1
    if user.section == SECTION_FLOW:
        iteration_cut(e, u, C_ITERATIONS_INTERRUPTED)
    elif user.section != SECTION_REST:
        if user.resume_pc != NONE:
            flow_cut(e, u)
        setup_abandon(e, u)
    else:
        user_off(e, u)
    if s.starved == s.user_count or (s.rows_each >> t & 1 and table.pick != PICK_UNIQUE):
        if s.budget > 0:
            iterations_leave(e, s, <uint64_t> s.budget)
        s.budget = 0
    if table.at_end == AT_END_FAIL and e.short_of == 0:
        e.short_of = t + 1
        e.stopping = 1
        e.drain_until_ns = min(e.drain_until_ns, monotonic_ns() + e.graceful_ns)
