# The door: class Engine, one per worker. Prose for callers in _core.pyi.

cdef void *table(size_t rows, size_t row_bytes) except NULL:
    cdef void *made = calloc(rows if rows else 1, row_bytes)
    if made == NULL:
        raise MemoryError(f"no memory for a table of {rows} rows of {row_bytes} bytes")
    return made


@cython.final
cdef class Engine:
    cdef vl_engine e
    cdef Py_buffer segment      # released in close()
    cdef Py_buffer *files       # owned; those of program["files"], released in close()
    cdef Py_buffer *tables      # the same of program["tables"]
    cdef dict program           # holds the arrays that e.program borrows
    cdef list judges            # per asking step: (function, kept headers, slots read, filled)
    cdef list computed          # per expression: (slots that it reads, its function)
    cdef TlsClient tls
    cdef list streams           # bytes of the pacers' rows
    cdef object redirect        # (origin, path, location) → (origin, path), or an ErrorKind
    cdef object cookies         # the users' cookies: protocol/cookies.py
    cdef object life            # (text, is it a JWT) → (ns since it was issued, ns that it lives)
    cdef object decode          # (codings, body) → body, or an ErrorKind
    cdef list wanted            # names of the headers that are kept
    cdef object trace           # (sent, offset, step, bytes, texts), or None
    cdef object trace_error     # what it raised
    cdef readonly bint closed

    def __cinit__(self, segment not None, dict program not None, list judges not None):
        self.closed = True
        self.e.epoll = self.e.timer = self.e.wake = self.e.control = -1
        self.program = program
        self.judges = judges
        self.computed = program.get("computed") or []
        self.streams = []
        self.e.owner = <void *> self
        PyObject_GetBuffer(segment, &self.segment, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        self.closed = False
        if self.segment.len < VL_HEADER_BYTES + SAMPLE_SIZE:
            raise ValueError(f"a segment of {self.segment.len} bytes is too small")
        self.attach()
        self.redirect = program.get("redirect")
        self.cookies = program.get("cookies")
        self.life = program.get("life")
        self.decode = program.get("decode")
        self.trace = program.get("trace")
        self.e.trace = NULL if self.trace is None else <void *> self.trace
        program_load(self)
        engine_fit(self)
        suite_load(self, self.program["settings"])
        scenarios_load(self)
        flow_load(&self.e)
        tls_load(self)
        self.open_descriptors()

    cdef attach(self):
        cdef char *base = <char *> self.segment.buf
        cdef uint64_t capacity = segment_word(base, 16)[0]
        if segment_word(base, 0)[0] != VL_SEGMENT_MAGIC or capacity & (capacity - 1) \
                or VL_HEADER_BYTES + capacity * SAMPLE_SIZE > <uint64_t> self.segment.len:
            raise ValueError("not a segment of this version of velroload")
        ring_attach(&self.e.ring, base, capacity)
        values_attach(&self.e.values, base, capacity, values_check(&self.segment, capacity))

    cdef open_descriptors(self):
        cdef vl_engine *e = &self.e
        e.epoll = epoll_create1(EPOLL_CLOEXEC)
        e.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        e.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if e.epoll < 0 or e.timer < 0 or e.wake < 0 \
                or vl_watch(e.epoll, e.timer, EPOLLIN | EPOLLET, TAG_TIMER) < 0 \
                or vl_watch(e.epoll, e.wake, EPOLLIN, TAG_WAKE) < 0:
            raise OSError(errno, "cannot open epoll, timerfd and eventfd")

    def watch_control(self, int fd):
        if vl_watch(self.e.epoll, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, TAG_CONTROL) < 0:
            raise OSError(errno, "cannot watch the control socket")

    def fileno(self):
        return self.e.epoll

    def start(self, int64_t epoch_ns, int64_t spin_ns=0):
        cdef vl_engine *e = &self.e
        cdef uint32_t i
        self.check_open()
        if e.started:
            raise RuntimeError("the engine was started before")
        if e.warm.last_ns:
            warm_settle(e)
        e.preparing = 0
        e.started = 1
        e.epoch_ns = epoch_ns
        e.spin_ns = spin_ns
        e.spin_review_ns = epoch_ns + SPIN_REVIEW_NS
        for i in range(e.n_scenarios):
            e.scenarios[i].end_ns += epoch_ns
        e.ring.counters[C_IN_FLIGHT_SINCE] = <uint64_t> epoch_ns
        timer_set(&e.timers, e.n_users + e.n_connections, epoch_ns)
        e.armed_ns = epoch_ns
        e.due_ns = epoch_ns
        vl_arm(e.timer, epoch_ns)

    def warm(self, int64_t budget_ns=20_000_000):
        cdef int said
        self.check_open()
        if self.e.started:
            raise RuntimeError("warm: the engine was started before")
        if self.e.warm.last_ns == 0:
            warm_start(&self.e, monotonic_ns())
        with nogil:
            said = warm_run(&self.e, budget_ns)
        return said

    def warmed(self):
        return {"open": self.e.n_connections - self.e.warm.left, "left": self.e.warm.left,
                "error": self.e.warm.error}

    def login(self, int64_t budget_ns=20_000_000):
        cdef int said
        self.check_open()
        if self.e.started:
            raise RuntimeError("login: the engine was started before")
        if not self.e.preparing:
            prepare_begin(&self.e, monotonic_ns())
        with nogil:
            said = loop_run(&self.e, budget_ns)
        return said

    def logged_in(self):
        return {"left": self.e.logins_left, "failed": self.e.logins_failed}

    def slots(self, uint32_t user, tuple numbers):
        self.check_open()
        if user >= self.e.n_users or not all(slot < self.e.program.n_slots for slot in numbers):
            raise ValueError("slots: there is no such user or slot")
        return slot_texts(&self.e, user, numbers)

    def poll(self, int64_t budget_ns=20_000_000):
        cdef int said
        self.check_open()
        if not self.e.started:
            return POLL_GO_ON
        with nogil:
            said = loop_run(&self.e, budget_ns)
        if self.trace_error is not None:
            raise self.trace_error
        return said

    def stop(self, bint at_once=False):
        cdef int64_t now = monotonic_ns()
        self.check_open()
        self.e.stopping = 1
        self.e.drain_until_ns = now if at_once else now + self.e.graceful_ns

    def parked(self):
        """Users whose step waits for Python, as (user, step) pairs; each must be resumed once."""
        cdef uint32_t u = users_pop(&self.e, &self.e.parked)
        found = []
        while u != NONE:
            found.append((u, self.e.users[u].pc))
            u = users_pop(&self.e, &self.e.parked)
        return found

    def resume(self, uint32_t user):
        self.check_open()
        if user >= self.e.n_users or self.e.users[user].state != USER_PARKED:
            raise ValueError(f"user {user} is not parked")
        self.e.users[user].pc += 1
        self.e.users[user].freed_ns = monotonic_ns()
        self.e.users[user].scheduled_ns = self.e.users[user].freed_ns
        self.e.users[user].available_ns = self.e.users[user].freed_ns
        user_ready(&self.e, user)

    @property
    def short_of(self):
        """Which data set has no more rows and fails the run, from 0; None."""
        return None if self.e.short_of == 0 else self.e.short_of - 1

    def starved(self):
        return [self.e.program.tables[t].starved for t in range(self.e.program.n_tables)]

    def finish(self):
        """Account for what will not be done any more; closes the connections."""
        cdef vl_engine *e = &self.e
        cdef int64_t now = monotonic_ns()
        cdef uint32_t i
        self.check_open()
        if e.started > 1:
            return
        e.started = 2
        e.done = 1
        in_flight_change(e, now, 0)
        users_finish(e, now)
        for i in range(e.n_connections):
            if e.connections[i].fd >= 0:
                connection_leave(e, &e.connections[i])
        heartbeat(e, now, now)

    def note_collection(self):
        count(&self.e.ring, C_COLLECTIONS, 1)

    def memory(self):
        """Bytes of the tables, per user and in all."""
        cdef size_t per_user = sizeof(vl_user) + self.e.loop_depth * sizeof(uint32_t) \
            + self.e.group_depth * sizeof(vl_mark) \
            + self.e.program.user_bytes
        cdef size_t per_connection = sizeof(vl_connection) + sizeof(vl_request) + sizeof(vl_body) \
            + self.e.n_wanted * sizeof(vl_http1_wanted) + self.e.wanted_bytes \
            + (sizeof(vl_chain) if self.e.chains != NULL else 0)
        cdef size_t timers = sizeof(vl_deadline) + sizeof(uint32_t)
        return {
            "per_user": per_user + timers,
            "per_connection": per_connection + timers,
            "total": self.e.n_users * (per_user + timers)
            + self.e.n_connections * (per_connection + timers),
        }

    cdef check_open(self):
        if self.closed:
            raise ValueError("the engine is closed")

    def close(self):
        cdef vl_engine *e = &self.e
        cdef uint32_t i
        if self.closed:
            return
        self.closed = True
        if e.connections != NULL:
            for i in range(e.n_connections):
                # Without a transport the rows were never linked, and their fd is a mere zero.
                if e.connections[i].transport != NULL and e.connections[i].fd >= 0:
                    e.connections[i].transport.close(e, &e.connections[i])
                if e.bodies != NULL:
                    free(e.bodies[i].data)
        for descriptor in (e.epoll, e.timer, e.wake):
            if descriptor >= 0:
                close(descriptor)
        e.epoll = e.timer = e.wake = -1
        for i in range(e.program.n_files):
            PyBuffer_Release(&self.files[i])
        for i in range(e.program.n_tables):
            PyBuffer_Release(&self.tables[i])
        free(self.files)
        free(self.tables)
        self.files = self.tables = NULL
        engine_free(e)
        PyBuffer_Release(&self.segment)

    def __dealloc__(self):
        self.close()


cdef void engine_free(vl_engine *e) noexcept:
    free(e.users)
    free(e.connections)
    free(e.requests)
    free(e.bodies)
    free(e.scenarios)
    free(e.slots)
    free(e.turns)
    free(e.receive)
    free(e.cipher)
    free(e.counters)
    free(e.marks)
    free(e.sequences)
    free(e.row_firsts)
    free(e.scratch)
    free(e.rendered)
    free(e.events)
    free(e.program.files)
    free(e.program.tables)
    free(e.chains)
    free(e.cookies_until_ns)
    free(e.cache_rules)
    free(e.wanted)
    free(e.wanted_data)
    free(e.examples_kept)
    timers_close(&e.timers)
    e.users = NULL
    e.connections = NULL
    e.requests = NULL
    e.bodies = NULL
    e.scenarios = NULL
    e.turns = NULL
    e.slots = e.receive = e.cipher = e.rendered = NULL
    e.events = NULL
    e.program.files = NULL
    e.program.tables = NULL
    e.program.n_files = e.program.n_tables = 0
    e.counters = NULL
    e.marks = NULL
    e.sequences = NULL
    e.row_firsts = NULL
    e.scratch = NULL
    e.chains = NULL
    e.cookies_until_ns = NULL
    e.wanted = NULL
    e.wanted_data = NULL
    e.examples_kept = NULL
