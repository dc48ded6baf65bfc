# Whether a program may be run: every index is in range and every request has room, so that the hot
# path need not look. Called once, at the engine's door.


cdef enum:
    LOOPS_MOST = 96             # loops and groups inside each other: three sections of DEPTH_MAX


cdef inline bint time_sane(double ns) noexcept nogil:
    """Not a NaN either: turned into an integer, it would be any number."""
    return 0.0 <= ns <= <double> TIME_MOST_NS


cdef object check_program(vl_program *p, size_t judges, size_t computed):
    cdef uint32_t i
    if p.n_addresses == 0:
        raise ValueError("program: no address")
    check_slots(p)
    for i in range(p.n_parts):
        check_part(p, &p.parts[i], i)
    for i in range(p.n_origins):
        if p.origins[i].address_count == 0 or p.origins[i].transport > TRANSPORT_TLS \
                or <uint64_t> p.origins[i].address_first + p.origins[i].address_count \
                > p.n_addresses:
            raise ValueError(f"program: origin {i} is out of range")
    for i in range(p.n_extras):
        if p.extras[i].flags & EXTRA_COOKIES and not is_own(p, p.extras[i].cookie_slot):
            raise ValueError(f"program: extra {i} is out of range")
        if p.extras[i].redirects and (not is_own(p, p.extras[i].path_slot) or not has_hops(
                p, p.extras[i].hop_first)):
            raise ValueError(f"program: extra {i} is out of range")
    for i in range(p.n_addresses):
        check_address(&p.addresses[i], "address", i)
    for i in range(p.n_sources):
        check_address(&p.sources[i], "source", i)
        if p.sources[i].family != (AF_INET if i < p.n_sources_v4 else AF_INET6):
            raise ValueError(f"program: source {i} is of the other family")
    for i in range(p.n_fills):
        check_fill(p, &p.fills[i], i, computed)
    for i in range(p.n_steps):
        check_step(p, i, judges)
        check_control(p, i, computed)


cdef object check_slots(vl_program *p):
    """Each lies in its user's row, behind the numbers of rows, or is a column that there is."""
    cdef vl_slot *slot
    cdef uint32_t i
    p.room_most = 0
    for i in range(p.n_slots):
        slot = &p.slots[i]
        if slot.table:
            if slot.table > p.n_tables or slot.at >= p.tables[slot.table - 1].n_columns:
                raise ValueError(f"program: slot {i} is out of range")
            continue
        p.room_most = max(p.room_most, slot.room)
        if slot.at % 4 or slot.at < 4 * <uint64_t> p.n_tables \
                or <uint64_t> slot.at + 4 + slot.room > p.user_bytes:
            raise ValueError(f"program: slot {i} is out of range")
    if p.user_bytes % 4 or p.user_bytes < 4 * <uint64_t> p.n_tables:
        raise ValueError("program: users' slots of an odd size")


cdef inline bint is_own(vl_program *p, uint32_t slot) noexcept nogil:
    """It is there, and may be written."""
    return slot < p.n_slots and p.slots[slot].table == 0


cdef object check_table(vl_table *row, uint64_t index_at, uint32_t number):
    """Its index is there; what lies where it points is looked at when it is read."""
    cdef uint64_t blocks = ((row.n_rows - 1) >> VL_BLOCK_BITS) + 1
    if not 0 < row.n_rows < <uint64_t> UINT32_MAX or not 0 < row.n_columns < 4096 \
            or index_at % 8 or index_at > row.size or 8 * blocks > row.size - index_at \
            or row.pick >= PICKS or row.at_end >= AT_ENDS:
        raise ValueError(f"program: data set {number} is out of range")


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


cdef object check_step(vl_program *p, uint32_t i, size_t judges):
    cdef vl_step *step = &p.steps[i]
    cdef uint32_t end
    if step.op > STEP_PARK:
        return
    if step.think > THINK_LOGNORMAL or step.expect >= p.n_expects \
            or step.origin >= p.n_origins or step.extra > p.n_extras \
            or <uint64_t> step.part_first + step.part_count > p.n_parts \
            or (step.op == STEP_REQUEST and step.part_count == 0) \
            or step.capture_count > 1 or (step.capture_count and step.capture_first >= judges):
        raise ValueError(f"program: step {i} is out of range")
    end = step.part_first + step.part_count
    if not step.part_first <= step.body_first <= end \
            or has_part(p, step.body_first, end, PART_LENGTH):
        raise ValueError(f"program: the body of step {i} is not its end, or holds its length")
    if not step.flags & STEP_SPANS and has_part(p, step.part_first, end, PART_SPAN):
        raise ValueError(f"program: step {i} has a span and does not say so")
    if not 0 <= step.timeout_ns <= TIME_MOST_NS or not time_sane(step.think_a) \
            or not time_sane(step.think_b):
        raise ValueError(f"program: step {i} has an impossible time")
    if rendered_most(p, step) > p.render_bytes:
        raise ValueError(f"program: the request of step {i} may be longer than render_bytes")


cdef object check_control(vl_program *p, uint32_t i, size_t computed):
    """Targets are looked at with their section (check_section)."""
    cdef vl_step *step = &p.steps[i]
    cdef uint32_t first = step.capture_first
    cdef bint good = step.op < STEP_OPS
    if step.op == STEP_TEST:
        good = step.think <= TEST_COMPUTED \
            and first < (p.n_slots if step.think == TEST_SLOT else computed)
    elif step.op == STEP_LOOP or step.op == STEP_AGAIN:
        good = first < LOOPS_MOST and (step.op == STEP_AGAIN or step.capture_count > 0)
    elif step.op == STEP_GROUP or step.op == STEP_GROUP_END:
        good = first < LOOPS_MOST
    elif step.op == STEP_ONCE:
        good = first < ONCE_MOST
    elif step.op == STEP_SET:
        good = first < p.n_fills
    elif step.op == STEP_TAKE:
        good = first < p.n_tables and p.tables[first].pick != PICK_UNIQUE
    if not good:
        raise ValueError(f"program: step {i} is out of range")


cdef object check_fill(vl_program *p, vl_fill *value, uint32_t i, size_t computed):
    """Every value but a text with slots is known to fit its slot."""
    cdef uint64_t most = 0
    cdef uint32_t j
    cdef bint good = value.kind < FILLS and is_own(p, value.slot) \
        and <uint64_t> value.part_first + value.part_count <= p.n_parts
    if good and (value.kind == FILL_PICK or value.kind == FILL_RANDOM_TEXT):
        good = value.part_count > 0
        for j in range(value.part_first, value.part_first + value.part_count):
            good = good and p.parts[j].kind == PART_LITERAL
            most = max(most, p.parts[j].length)
    if good and value.kind == FILL_PICK and value.weight_first != NONE:
        good = <uint64_t> value.weight_first + value.part_count <= p.n_weights
    if good and value.kind == FILL_RANDOM_TEXT:
        most = <uint64_t> value.a
        good = value.part_count == 1 and p.parts[value.part_first].length > 0
    if good and (value.kind == FILL_TEXT or value.kind == FILL_BASE64):
        for j in range(value.part_first, value.part_first + value.part_count):
            good = good and p.parts[j].kind <= PART_SLOT
    if good and value.kind == FILL_INT:
        good = value.a <= value.b
    if good and value.kind == FILL_COMPUTED:
        good = value.rule < computed
    if value.kind == FILL_UUID:
        most = UUID_BYTES
    elif value.kind == FILL_NOW:
        most = ISO_BYTES
    elif value.kind in (FILL_SEQUENCE, FILL_INT, FILL_ITERATION):
        most = NUMBER_BYTES
    if not good or most > p.slots[value.slot].room:
        raise ValueError(f"program: fill {i} is out of range")


cdef object check_section(vl_engine *e, uint32_t first, uint32_t n):
    """Jumps stay inside their section, and only the end of a loop jumps back."""
    cdef vl_step *step
    cdef uint32_t pc, to
    for pc in range(first, first + n):
        step = &e.program.steps[pc]
        to = step.part_first
        if step.op in (STEP_JUMP, STEP_CHANCE, STEP_TEST, STEP_ONCE):
            if not pc < to <= first + n:
                raise ValueError(f"program: step {pc} jumps out of its section")
        elif step.op == STEP_AGAIN and not first <= to <= pc:
            raise ValueError(f"program: step {pc} jumps out of its section")
        if step.op == STEP_LOOP or step.op == STEP_AGAIN:
            e.loop_depth = max(e.loop_depth, step.capture_first + 1)
        elif step.op == STEP_GROUP or step.op == STEP_GROUP_END:
            e.group_depth = max(e.group_depth, step.capture_first + 1)


cdef bint has_part(vl_program *p, uint32_t first, uint32_t end, uint32_t kind) noexcept nogil:
    cdef uint32_t i
    for i in range(first, end):
        if p.parts[i].kind == kind:
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
            most += p.slots[p.parts[i].slot].room
        elif p.parts[i].kind == PART_LENGTH:
            most += 20                  # digits of the largest uint64
    return most


cdef uint32_t requests_of_setup(vl_program *p, uint32_t first, uint32_t n) except? 0:
    cdef uint32_t pc, found = 0
    for pc in range(first, first + n):
        found += p.steps[pc].op == STEP_REQUEST
        if p.steps[pc].op == STEP_END:
            raise ValueError(f"program: step {pc} ends an iteration in a setup")
    return found


cdef object check_scenario(vl_engine *e, vl_scenario *s):
    """Counts the requests of its sections. A flow without any could go round for ever."""
    cdef vl_program *p = &e.program
    cdef uint32_t pc
    if <uint64_t> s.setup_first + s.setup_count > p.n_steps \
            or <uint64_t> s.flow_first + s.flow_count > p.n_steps \
            or <uint64_t> s.renew_first + s.renew_count > p.n_steps \
            or <uint64_t> s.user_first + s.user_count > e.n_users \
            or (s.think != NONE and (s.think >= p.n_steps or p.steps[s.think].op != STEP_THINK)):
        raise ValueError("settings: a scenario is out of range")
    check_section(e, s.setup_first, s.setup_count)
    check_section(e, s.flow_first, s.flow_count)
    check_section(e, s.renew_first, s.renew_count)
    s.setup_requests = requests_of_setup(p, s.setup_first, s.setup_count)
    s.renew_requests = requests_of_setup(p, s.renew_first, s.renew_count)
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
