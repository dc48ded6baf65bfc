# Whether a program may be run: every index is in range and every request has room, so that the hot
# path need not look. Called once, at the engine's door.


cdef extern from *:
    """
    #define TIME_MOST_NS (365 * 86400000000000LL)   /* units.py's DURATION_MAX_NS */
    """
    int64_t TIME_MOST_NS


cdef inline bint time_sane(double ns) noexcept nogil:
    """Not a NaN either: turned into an integer, it would be any number."""
    return 0.0 <= ns <= <double> TIME_MOST_NS


cdef object check_program(vl_program *p, size_t rules):
    cdef uint32_t i
    if p.n_addresses == 0 or p.slot_bytes % 4 or (p.n_slots and p.slot_bytes < 8):
        raise ValueError("program: no address, or slots of an odd size")
    for i in range(p.n_parts):
        check_part(p, &p.parts[i], i)
    for i in range(p.n_origins):
        if p.origins[i].address_count == 0 or p.origins[i].transport > TRANSPORT_TLS \
                or <uint64_t> p.origins[i].address_first + p.origins[i].address_count \
                > p.n_addresses:
            raise ValueError(f"program: origin {i} is out of range")
    for i in range(p.n_extras):
        if p.extras[i].flags & EXTRA_COOKIES and p.extras[i].cookie_slot >= p.n_slots:
            raise ValueError(f"program: extra {i} is out of range")
        if p.extras[i].redirects and (p.extras[i].path_slot >= p.n_slots or not has_hops(
                p, p.extras[i].hop_first)):
            raise ValueError(f"program: extra {i} is out of range")
    for i in range(p.n_addresses):
        check_address(&p.addresses[i], "address", i)
    for i in range(p.n_sources):
        check_address(&p.sources[i], "source", i)
        if p.sources[i].family != (AF_INET if i < p.n_sources_v4 else AF_INET6):
            raise ValueError(f"program: source {i} is of the other family")
    for i in range(p.n_captures):
        if p.captures[i].slot >= p.n_slots or p.captures[i].rule >= rules:
            raise ValueError(f"program: capture {i} is out of range")
    for i in range(p.n_steps):
        check_step(p, i)


cdef object check_part(vl_program *p, vl_part *part, uint32_t i):
    cdef uint64_t room = p.n_literals
    if part.kind == PART_SPAN and 0 < part.slot <= p.n_files:
        room = p.files[part.slot - 1].size
    if part.kind > PART_SPAN or (part.kind == PART_SLOT and part.slot >= p.n_slots) \
            or (part.kind == PART_SPAN and part.slot > p.n_files) \
            or <uint64_t> part.offset + part.length > room:
        raise ValueError(f"program: part {i} is out of range")


cdef bint has_hops(vl_program *p, uint32_t first) noexcept nogil:
    """Two request steps for each origin, each its own."""
    cdef uint32_t i
    if <uint64_t> first + 2 * p.n_origins > p.n_steps:
        return False
    for i in range(2 * p.n_origins):
        if p.steps[first + i].op != STEP_REQUEST or p.steps[first + i].origin != i // 2:
            return False
    return True


cdef object check_address(vl_address *address, str what, uint32_t i):
    """The family is one that we speak, and the rest fits it."""
    cdef bint known = address.family == AF_INET or address.family == AF_INET6 \
        or (address.family == AF_UNIX and what == "address")
    if not known or not 0 < address.length <= sizeof(address.raw):
        raise ValueError(f"program: {what} {i} is out of range")


cdef object check_step(vl_program *p, uint32_t i):
    cdef vl_step *step = &p.steps[i]
    if step.op > STEP_PARK or step.think > THINK_EXPONENTIAL or step.expect >= p.n_expects \
            or step.origin >= p.n_origins or step.extra > p.n_extras \
            or <uint64_t> step.part_first + step.part_count > p.n_parts \
            or (step.op == STEP_REQUEST and step.part_count == 0) \
            or <uint64_t> step.capture_first + step.capture_count > p.n_captures:
        raise ValueError(f"program: step {i} is out of range")
    if not step.flags & STEP_SPANS and has_span(p, step):
        raise ValueError(f"program: step {i} has a span and does not say so")
    if not 0 <= step.timeout_ns <= TIME_MOST_NS or not time_sane(step.think_a) \
            or not time_sane(step.think_b):
        raise ValueError(f"program: step {i} has an impossible time")
    if rendered_most(p, step) > p.render_bytes:
        raise ValueError(f"program: the request of step {i} may be longer than render_bytes")


cdef bint has_span(vl_program *p, vl_step *step) noexcept nogil:
    cdef uint32_t i
    for i in range(step.part_first, step.part_first + step.part_count):
        if p.parts[i].kind == PART_SPAN:
            return True
    return False


cdef uint64_t rendered_most(vl_program *p, vl_step *step) noexcept nogil:
    """The length of a request whose slots are full."""
    cdef uint64_t most = 0
    cdef uint32_t i
    for i in range(step.part_first, step.part_first + step.part_count):
        if p.parts[i].kind == PART_LITERAL:
            most += p.parts[i].length
        elif p.parts[i].kind == PART_SLOT:
            most += p.slot_bytes - 4
        elif p.parts[i].kind == PART_LENGTH:
            most += 20                  # digits of the largest uint64
    return most


cdef object check_scenario(vl_engine *e, vl_scenario *s):
    """Counts the requests of its sections. A flow without any could go round for ever."""
    cdef vl_program *p = &e.program
    cdef uint32_t pc
    if <uint64_t> s.setup_first + s.setup_count > p.n_steps \
            or <uint64_t> s.flow_first + s.flow_count > p.n_steps \
            or <uint64_t> s.user_first + s.user_count > e.n_users \
            or (s.think != NONE and (s.think >= p.n_steps or p.steps[s.think].op != STEP_THINK)):
        raise ValueError("settings: a scenario is out of range")
    for pc in range(s.setup_first, s.setup_first + s.setup_count):
        s.setup_requests += p.steps[pc].op == STEP_REQUEST
    for pc in range(s.flow_first, s.flow_first + s.flow_count):
        s.flow_requests += p.steps[pc].op == STEP_REQUEST
    if s.flow_requests == 0:
        raise ValueError("settings: the flow of a scenario has no request")


cdef object check_rows(vl_engine *e, const vl_row *rows, size_t n, bint users, uint32_t user_count):
    """`users`: the rows of users joining and leaving, whose ids become places in the table."""
    cdef int64_t most = <int64_t> user_count * e.workers, last
    cdef size_t i
    for i in range(n):
        if rows[i].count < 0 or rows[i].end_ns < rows[i].start_ns \
                or rows[i].kind > ROW_VUS_DOWN or users != (rows[i].kind >= ROW_VUS_UP):
            raise ValueError(f"settings: row {i} of a schedule is out of range")
        if not users or rows[i].count == 0:
            continue
        last = (min(rows[i].count, most + 1) - 1) * rows[i].stride
        last = rows[i].first_id + (last if rows[i].kind == ROW_VUS_UP else -last)
        if not 0 <= rows[i].first_id < most or not 0 <= last < most:
            raise ValueError("settings: a schedule has a user that is not there")
