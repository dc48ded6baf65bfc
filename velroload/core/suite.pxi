# A suite: one load after another in one run. The users are the same from phase to phase, with their
# sessions and connections; what changes is what makes them start (the schedule, or they by
# themselves) and with which probability each request of a mix happens. A cool-down is a phase with
# a schedule in which nothing stands.

cdef enum:
    PHASE_FREE = 1              # users go on by themselves
    PHASE_FIRST = 2             # what is still due from before is given up


cdef inline void phase_count(vl_engine *e, uint8_t phase, int which) noexcept nogil:
    """One more iteration of a phase: PHASE_STARTED or PHASE_DROPPED."""
    cdef uint64_t *word = segment_word(e.ring.base, VL_PHASES_AT) + PHASE_COUNTERS * phase + which
    vl_store_relaxed(word, word[0] + 1)


cdef inline double chance_of(vl_engine *e, vl_user *user, vl_step *step) noexcept nogil:
    """The probability of a step: its own, or that of the mix of the iteration's phase."""
    if step.capture_count:
        return e.mixes[user.phase * e.n_mixes + step.capture_first]
    return step.probability


cdef void suite_pace(vl_engine *e, int64_t now) noexcept nogil:
    """Enter the phases whose time has come."""
    while now >= suite_due(e):
        e.stretch += 1
        phase_enter(e, e.phase_flags[e.stretch], e.phase_starts[e.stretch])


cdef inline bint suite_rests(vl_engine *e, vl_scenario *s, int64_t now) noexcept nogil:
    """A user who went on by itself is to wait for starts again: its phase is over by now."""
    suite_pace(e, now)
    return s.open


cdef inline int64_t suite_due(vl_engine *e) noexcept nogil:
    """When the next phase of a suite begins."""
    if not e.suite or e.stretch + 1 >= e.n_phases:
        return NEVER_NS
    return e.epoch_ns + e.phase_starts[e.stretch + 1]


cdef void phase_enter(vl_engine *e, uint8_t flags, int64_t start_ns) noexcept nogil:
    cdef vl_scenario *s
    cdef uint32_t i
    for i in range(e.n_scenarios):
        s = &e.scenarios[i]
        if s.over:
            continue
        if flags & PHASE_FIRST:
            starts_give_up(e, s, start_ns)
        s.open = not flags & PHASE_FREE
        if not s.open:
            idle_release(e, s, e.epoch_ns + start_ns)


cdef void starts_give_up(vl_engine *e, vl_scenario *s, int64_t before_ns) noexcept nogil:
    """Starts of the phase before that nobody was free for: a phase does not pay for another."""
    cdef vl_start start
    while pacer_due(&s.starts) < before_ns:
        pacer_take(&s.starts, &start)
        start_drop(e, s, &start)


cdef void idle_release(vl_engine *e, vl_scenario *s, int64_t at) noexcept nogil:
    """The users who wait for a start go on by themselves from `at` on."""
    cdef uint32_t u = idle_pop(e, s)
    while u != NONE:
        e.users[u].freed_ns = at
        e.users[u].late_ns = 0
        e.users[u].failures = 0
        user_rest(e, u)
        u = idle_pop(e, s)


cdef object suite_load(Engine self, dict settings):
    """What the phases of a suite ask of their users, and the probabilities of their mixes."""
    cdef vl_engine *e = &self.e
    cdef list flags = settings["phase_flags"]
    cdef size_t rows = program_array(self, "mixes", sizeof(double), <void **> &e.mixes)
    cdef uint32_t i
    e.suite = len(flags) > 0
    if e.suite and len(flags) != <Py_ssize_t> e.n_phases:
        raise ValueError("settings: phase_flags needs an entry per phase")
    for i in range(<uint32_t> len(flags)):
        e.phase_flags[i] = flags[i]
    e.n_mixes = <uint32_t> (rows // e.n_phases)
    if rows % e.n_phases:
        raise ValueError("program: mixes needs as many rows for each phase")
    for i in range(e.program.n_steps):
        if e.program.steps[i].op == STEP_CHANCE and e.program.steps[i].capture_count \
                and e.program.steps[i].capture_first >= e.n_mixes:
            raise ValueError(f"program: step {i} is out of range")
