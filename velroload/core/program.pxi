# From a program to an engine's tables: its arrays are borrowed, everything else is made and linked.
# Part of Engine.__cinit__; what lies beside the tables is in load.pxi.


cdef size_t program_array(Engine self, str name, size_t row_bytes, void **to) except? 0:
    """Borrow one array of the program; returns its rows."""
    cdef bytes data = self.program[name]
    if len(data) % row_bytes:
        raise ValueError(f"program: {name} has {len(data)} bytes, not rows of {row_bytes}")
    to[0] = <void *> <char *> data
    return len(data) // row_bytes


cdef object program_load(Engine self):
    """Borrow what the program says; checked, so that the loop may trust it."""
    cdef vl_program *p = &self.e.program
    cdef dict settings = self.program["settings"]
    p.n_steps = <uint32_t> program_array(self, "steps", sizeof(vl_step), <void **> &p.steps)
    p.n_parts = <uint32_t> program_array(self, "parts", sizeof(vl_part), <void **> &p.parts)
    p.n_addresses = <uint32_t> program_array(self, "addresses", sizeof(vl_address),
                                             <void **> &p.addresses)
    p.n_sources = <uint32_t> program_array(self, "sources", sizeof(vl_address),
                                           <void **> &p.sources)
    p.n_sources_v4 = settings["sources_v4"]
    p.n_origins = <uint32_t> program_array(self, "origins", sizeof(vl_origin), <void **> &p.origins)
    p.n_extras = <uint32_t> program_array(self, "extras", sizeof(vl_extra), <void **> &p.extras)
    p.n_fills = <uint32_t> program_array(self, "fills", sizeof(vl_fill), <void **> &p.fills)
    p.n_weights = <uint32_t> program_array(self, "weights", sizeof(double), <void **> &p.weights)
    p.n_expects = <uint32_t> program_array(self, "expects", 128, <void **> &p.expects)
    p.n_literals = <uint32_t> program_array(self, "literals", 1, <void **> &p.literals)
    files_load(self, self.program.get("files", []))
    tables_load(self, self.program.get("tables", []), settings["tables"])
    p.n_slots = <uint32_t> program_array(self, "slots", sizeof(vl_slot), <void **> &p.slots)
    p.user_bytes = settings["user_bytes"]
    p.render_bytes = settings["render_bytes"]
    check_program(p, len(self.judges), len(self.computed))


cdef object engine_fit(Engine self):
    """The settings of this worker, and a row per user, connection and request."""
    cdef vl_engine *e = &self.e
    cdef dict settings = self.program["settings"]
    cdef uint32_t i
    e.worker = settings["worker"]
    e.workers = settings["workers"]
    e.n_users = settings["users"]
    e.pooled = settings["pool"] > 0
    e.n_connections = settings["pool"] if e.pooled else e.n_users
    e.connect_timeout_ns = settings["connect_timeout_ns"]
    e.idle_timeout_ns = settings["idle_timeout_ns"]
    e.graceful_ns = settings["graceful_ns"]
    e.drain_until_ns = INT64_MAX
    wire_load(self, settings)
    e.body_limit = settings["body_limit"]
    e.bodies_limit = settings["bodies_limit"]
    e.max_events = settings["max_events"]
    if e.workers == 0 or e.worker >= e.workers or not 0 < e.max_events <= MAX_EVENTS:
        raise ValueError("settings: worker, workers or max_events out of range")
    e.n_phases = len(settings["phases"])
    if not 0 < e.n_phases <= 256:
        raise ValueError("settings: between 1 and 256 phases are needed")
    for i in range(e.n_phases):
        e.phase_starts[i] = settings["phases"][i]
        if i and e.phase_starts[i] < e.phase_starts[i - 1]:
            raise ValueError("settings: phases must follow each other")
    e.users = <vl_user *> table(e.n_users, sizeof(vl_user))
    e.connections = <vl_connection *> table(e.n_connections, sizeof(vl_connection))
    e.requests = <vl_request *> table(e.n_connections, sizeof(vl_request))
    e.bodies = <vl_body *> table(e.n_connections, sizeof(vl_body))
    e.slots = <char *> table(e.n_users, e.program.user_bytes)
    e.receive = <char *> table(RECEIVE_BYTES, 1)
    e.rendered = <char *> table(e.program.render_bytes, 1)
    e.events = <epoll_event *> table(MAX_EVENTS, sizeof(epoll_event))
    extras_load(self, settings["wanted"])
    cache_load(self, settings.get("cache", []))
    judges_check(e, self.judges)
    computed_check(e, self.computed)
    e.examples_kept = <uint8_t *> table(endpoints_of(self), ERROR_KINDS_MAX)
    if timers_open(&e.timers, e.n_users + e.n_connections + 1) < 0:
        raise MemoryError("no memory for the timers")
    tables_link(self, settings["seed"])
    given_load(e, settings.get("given", []))


cdef size_t endpoints_of(Engine self) noexcept:
    """Endpoints are numbered from 0; how many numbers the steps use."""
    cdef size_t most = 0
    cdef uint32_t i
    for i in range(self.e.program.n_steps):
        most = max(most, <size_t> self.e.program.steps[i].endpoint)
    return most + 1


cdef object wire_load(Engine self, dict settings):
    """How connections are made, used and closed."""
    cdef vl_engine *e = &self.e
    cdef uint32_t i
    e.port_range = settings["port_range"]
    e.bind_ports = settings["bind_ports"]
    e.user_timeout_ms = settings["user_timeout_ms"]
    e.requests_most = settings["requests_most"]
    e.reset_at_end = settings["reset_at_end"]
    if e.bind_ports and not 0 < (e.port_range & 0xFFFF) <= (e.port_range >> 16):
        raise ValueError("settings: bind_ports needs a range of ports")
    e.turns = <uint32_t *> table(e.program.n_origins, sizeof(uint32_t))
    for i in range(e.program.n_origins):
        e.turns[i] = e.worker       # the workers do not begin at the same address


cdef object tables_link(Engine self, uint64_t seed):
    """Every row as nobody's, in the queues that it belongs to."""
    cdef vl_engine *e = &self.e
    cdef uint64_t mixed = seed
    cdef uint32_t i
    queue_clear(&e.ready)
    queue_clear(&e.waiting)
    queue_clear(&e.pool)
    queue_clear(&e.parked)
    queue_clear(&e.handshakes)
    e.unread = NONE
    for i in range(e.n_users):
        mixed = seed + <uint64_t> i * e.workers + e.worker
        e.users[i].random = random_u64(&mixed)
        e.users[i].connection = NONE
        e.users[i].resume_pc = NONE
        e.users[i].renew_ns = e.users[i].renew_by_ns = INT64_MAX
        if self.program["settings"]["user_slot"] is not None:
            user_number(self, i, self.program["settings"]["user_slot"])
    for i in range(e.n_connections):
        e.connections[i].fd = -1
        e.connections[i].request = NONE
        e.connections[i].transport = &PLAIN
        e.connections[i].deadline_ns = INT64_MAX
        e.requests[i].next = i + 1 if i + 1 < e.n_connections else NONE
        e.bodies[i].next = i + 1 if i + 1 < e.n_connections else NONE
        if e.pooled:
            connections_push(e, &e.pool, i)


cdef object user_number(Engine self, uint32_t u, uint32_t slot):
    """The built-in slot: the user's number over all workers."""
    cdef char *at
    if not is_own(&self.e.program, slot) or self.e.program.slots[slot].room < NUMBER_BYTES:
        raise ValueError("settings: user_slot is out of range")
    at = slot_at(self.e.slots, &self.e.program, u, slot)
    (<uint32_t *> at)[0] = <uint32_t> write_decimal(
        at + 4, <uint64_t> u * self.e.workers + self.e.worker)


cdef object tls_load(Engine self):
    """Per origin (SSLContext, server name, resume), or None where it speaks plain."""
    cdef list origins = self.program.get("tls") or [None] * self.e.program.n_origins
    cdef uint32_t i
    if len(origins) != <Py_ssize_t> self.e.program.n_origins:
        raise ValueError("program: tls needs an entry per origin")
    for i in range(self.e.program.n_origins):
        if (origins[i] is None) != (self.e.program.origins[i].transport != TRANSPORT_TLS):
            raise ValueError(f"program: origin {i} and its tls contradict each other")
    self.tls = make_tls(&self.e, origins)
    if self.tls is not None:
        self.e.cipher = <char *> table(CIPHER_BYTES, 1)
        self.e.tls = <void *> self.tls


cdef object scenarios_load(Engine self):
    cdef vl_engine *e = &self.e
    cdef list described = self.program["settings"]["scenarios"]
    cdef uint32_t i
    if not 0 < len(described) <= MAX_SCENARIOS:
        raise ValueError(f"settings: between 1 and {MAX_SCENARIOS} scenarios are needed")
    e.n_scenarios = len(described)
    e.scenarios = <vl_scenario *> table(e.n_scenarios, sizeof(vl_scenario))
    rows_load(e, self.program["settings"]["tables"])
    for i in range(e.n_scenarios):
        scenario_load(self, &e.scenarios[i], described[i])


cdef object scenario_load(Engine self, vl_scenario *s, dict described):
    s.setup_first, s.setup_count = described["setup"]
    s.flow_first, s.flow_count = described["flow"]
    session_load(self, s, described.get("session"))
    s.think = NONE if described["think"] is None else described["think"]
    s.user_first, s.user_count = described["users"]
    s.end_ns = described["end_ns"]
    s.budget = -1 if described["iterations"] is None else described["iterations"]
    s.pacing_ns = described.get("pacing_ns", 0)
    s.open = described["open"]
    s.on_demand = described["on_demand"]
    s.drop_late = described["drop_late"]
    s.rows_setup, s.rows_once, s.rows_each = described["rows"]
    s.iteration_samples = described["iteration_endpoint"] is not None
    s.iteration_endpoint = described["iteration_endpoint"] or 0
    queue_clear(&s.idle)
    check_scenario(&self.e, s)
    stream_load(self, &s.starts, described["starts"], described["seed"], False, s.user_count)
    stream_load(self, &s.vus, described["vus"], described["seed"], True, s.user_count)


cdef object stream_load(Engine self, vl_pacer *pacer, bytes rows, uint64_t seed, bint users,
                        uint32_t user_count):
    """A schedule becomes a pacer; its rows stay borrowed."""
    cdef const vl_row *first = <const vl_row *> <const char *> rows
    if len(rows) % ROW_SIZE:
        raise ValueError(f"settings: a schedule has {len(rows)} bytes")
    check_rows(&self.e, first, len(rows) // ROW_SIZE, users, user_count)
    self.streams.append(rows)
    pacer_open(pacer, first, len(rows) // ROW_SIZE, seed)
