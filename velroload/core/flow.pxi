# Control steps: chance, loops, conditions, groups, what happens once, where an iteration ends.
#
# A flow's tree is compiled to a row of steps with jumps. The books stay exact by one rule: when an
# iteration begins, every request of the row is planned once. A jump that passes over requests
# counts them as skipped; a loop that goes round once more plans those of its body again. Both
# numbers stand in the step, in `part_count`; `part_first` is where it jumps to.

cdef enum:
    CONTROL_MOST = 4096         # control steps of one user before the others have a turn
    ONCE_MOST = 32

cdef inline uint32_t *counter_at(vl_engine *e, uint32_t u, uint32_t depth) noexcept nogil:
    return e.counters + <size_t> u * e.loop_depth + depth


cdef inline vl_mark *mark_at(vl_engine *e, uint32_t u, uint32_t depth) noexcept nogil:
    return e.marks + <size_t> u * e.group_depth + depth


cdef inline uint32_t jump(vl_engine *e, vl_step *step) noexcept nogil:
    """Pass over the requests up to the step's target."""
    count(&e.ring, C_REQUESTS_SKIPPED, step.part_count)
    return step.part_first


cdef inline uint32_t loop_again(vl_engine *e, uint32_t u, vl_step *step) noexcept nogil:
    """The end of a loop's body: once more, or on."""
    cdef uint32_t *left = counter_at(e, u, step.capture_first)
    left[0] -= 1
    if left[0] == 0:
        return e.users[u].pc + 1
    count(&e.ring, C_REQUESTS_PLANNED, step.part_count)
    return step.part_first


cdef bint condition_holds(vl_engine *e, uint32_t u, vl_step *step) noexcept nogil:
    """A bare slot holds when it is not empty; any other condition is the worker's Python."""
    cdef uint32_t n
    if step.think == TEST_SLOT:
        slot_text(e.slots, &e.program, u, step.capture_first, &n)
        return n != 0
    return compute(e, u, step.capture_first, NONE)


cdef uint32_t control_step(vl_engine *e, uint32_t u, vl_step *step) noexcept nogil:
    """Execute one control step; returns where the user goes on."""
    cdef vl_user *user = &e.users[u]
    cdef vl_mark *mark
    if step.op == STEP_JUMP:
        return jump(e, step)
    if step.op == STEP_CHANCE:
        return user.pc + 1 if random_double(&user.random) < chance_of(e, user, step) \
            else jump(e, step)
    if step.op == STEP_TEST:
        return user.pc + 1 if condition_holds(e, u, step) else jump(e, step)
    if step.op == STEP_LOOP:
        counter_at(e, u, step.capture_first)[0] = step.capture_count
    elif step.op == STEP_AGAIN:
        return loop_again(e, u, step)
    elif step.op == STEP_ONCE:
        if user.once & (<uint32_t> 1 << step.capture_first):
            return jump(e, step)
        user.once |= <uint32_t> 1 << step.capture_first
    elif step.op == STEP_GROUP:
        mark = mark_at(e, u, step.capture_first)
        mark.begun_ns = user.scheduled_ns
        mark.think_ns = user.think_ns
    elif step.op == STEP_GROUP_END:
        mark = mark_at(e, u, step.capture_first)
        span_push(e, u, KIND_GROUP, step.endpoint, mark.begun_ns, user.think_ns - mark.think_ns)
    elif step.op == STEP_SET:
        fill_slot(e, u, &e.program.fills[step.capture_first])
    return user.pc + 1


cdef void span_push(vl_engine *e, uint32_t u, uint16_t kind, uint16_t endpoint, int64_t begun_ns,
                    int64_t think_ns) noexcept nogil:
    """The sample of an iteration or a group: end to end, with the think time inside it beside."""
    cdef vl_user *user = &e.users[u]
    cdef vl_sample *s = ring_slot(&e.ring)
    if s == NULL:
        count(&e.ring, C_LOST_ITERATIONS, 1)
        return
    memset(s, 0, sizeof(vl_sample))
    s.scheduled_ns = begun_ns - e.epoch_ns
    s.sent_ns = s.scheduled_ns
    s.end_ns = user.scheduled_ns - e.epoch_ns       # the last step's end, trailing think included
    s.connect_us = saturate(think_ns // 1000)
    s.user_address = (u * e.workers + e.worker) & 0xFFFFFF
    s.iteration = user.iteration
    s.endpoint = endpoint
    s.phase = user.phase
    s.flags = kind
    ring_publish(&e.ring)


cdef void iteration_cut(vl_engine *e, uint32_t u, uint32_t counter) noexcept nogil:
    """End the iteration before its last step: by its plan, or because a request failed."""
    cdef vl_user *user = &e.users[u]
    unstarted_count(e, user)
    count(&e.ring, counter, 1)
    user.section = SECTION_REST
    user_rest(e, u)
