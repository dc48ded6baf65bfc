# What an engine takes in beside its tables: the files that it sends, the headers that it keeps, and
# what steps ask for beside their answers. Part of Engine.__cinit__.


cdef object files_load(Engine self, list files):
    """Hold a buffer per file, for its spans to point into."""
    cdef vl_program *p = &self.e.program
    self.files = <Py_buffer *> table(len(files), sizeof(Py_buffer))
    p.files = <vl_file *> table(len(files), sizeof(vl_file))
    for file in files:
        PyObject_GetBuffer(file, &self.files[p.n_files], PyBUF_SIMPLE)
        p.files[p.n_files].data = <const char *> self.files[p.n_files].buf
        p.files[p.n_files].size = <uint64_t> self.files[p.n_files].len
        p.n_files += 1


cdef object tables_load(Engine self, list tables, list described):
    """Hold a buffer per data set, for cells to be read from."""
    cdef vl_program *p = &self.e.program
    cdef vl_table *row
    cdef const vl_table_head *head
    self.tables = <Py_buffer *> table(len(tables), sizeof(Py_buffer))
    p.tables = <vl_table *> table(len(tables), sizeof(vl_table))
    for data, said in zip(tables, described, strict=True):
        PyObject_GetBuffer(data, &self.tables[p.n_tables], PyBUF_SIMPLE)
        row = &p.tables[p.n_tables]
        row.data = <const char *> self.tables[p.n_tables].buf
        row.size = <uint64_t> self.tables[p.n_tables].len
        p.n_tables += 1
        row.pick, row.at_end, row.seed = said["pick"], said["at_end"], said["seed"]
        head = <const vl_table_head *> row.data
        if row.size < sizeof(vl_table_head) or <size_t> row.data % 8 \
                or head.magic != VL_TABLE_MAGIC:
            raise ValueError(f"program: data set {p.n_tables} is not of this version of velroload")
        row.n_rows, row.n_columns = head.rows, head.columns
        check_table(row, head.index_at, p.n_tables)
        row.index = <const uint64_t *> (row.data + head.index_at)


cdef object extras_load(Engine self, list wanted):
    """Room on each connection for the headers that are kept, as (name, bytes) pairs, and for
    what redirected requests have behind them."""
    cdef vl_engine *e = &self.e
    cdef vl_http1_wanted *row
    cdef uint32_t i, k, at
    cdef bytes name
    self.wanted = [kept.encode() for kept, _ in wanted]
    e.location = wanted_index(self, b"location")
    e.set_cookie = wanted_index(self, b"set-cookie")
    e.server_timing = wanted_index(self, b"server-timing")
    e.response_time = wanted_index(self, b"x-response-time")
    e.content_encoding = wanted_index(self, b"content-encoding")
    e.n_wanted = len(wanted)
    e.wanted_bytes = sum(room for _, room in wanted)
    e.wanted = <vl_http1_wanted *> table(<size_t> e.n_connections * e.n_wanted,
                                         sizeof(vl_http1_wanted))
    e.wanted_data = <char *> table(e.n_connections, e.wanted_bytes)
    for i in range(e.n_connections):
        at = 0
        for k in range(e.n_wanted):
            row = &e.wanted[i * e.n_wanted + k]
            name = self.wanted[k]
            row.name = name
            row.name_length = <uint16_t> len(name)
            row.buf = e.wanted_data + <size_t> i * e.wanted_bytes + at
            row.capacity = wanted[k][1]
            at += row.capacity
    for i in range(e.program.n_extras):
        extra_load(self, &e.program.extras[i])


cdef uint32_t wanted_index(Engine self, bytes name) except? 0:
    return self.wanted.index(name) if name in self.wanted else NONE


cdef object extra_load(Engine self, vl_extra *extra):
    """What a step asks for has to be there."""
    cdef vl_engine *e = &self.e
    cdef uint32_t u
    if extra.redirects:
        if e.location == NONE or self.redirect is None:
            raise ValueError("program: redirects need their header and their resolver")
        if e.chains == NULL:
            e.chains = <vl_chain *> table(e.n_connections, sizeof(vl_chain))
    if extra.flags & EXTRA_DECODE and (e.content_encoding == NONE or self.decode is None):
        raise ValueError("program: compressed bodies need their header and their decoder")
    if extra.flags & EXTRA_VALUES and (e.server_timing == NONE or e.response_time == NONE
                                       or e.values.capacity == 0):
        raise ValueError("program: values need their headers and their ring")
    if extra.flags & EXTRA_COOKIES:
        if e.set_cookie == NONE or self.cookies is None:
            raise ValueError("program: cookies need their header and their jars")
        if e.cookies_until_ns == NULL:
            e.cookies_until_ns = <int64_t *> table(e.n_users, sizeof(int64_t))
            for u in range(e.n_users):
                e.cookies_until_ns[u] = INT64_MAX


cdef object cache_load(Engine self, list rules):
    """(header, value, CACHE_*) rows; the headers are among those that are kept."""
    cdef vl_engine *e = &self.e
    cdef vl_cache_rule *rule
    cdef bytes text
    e.cache_rules = <vl_cache_rule *> table(len(rules), sizeof(vl_cache_rule))
    for header, value, layer in rules:
        rule = &e.cache_rules[e.n_cache_rules]
        rule.header = wanted_index(self, header.encode())
        text = value.encode().lower()
        if rule.header == NONE or not 0 < len(text) <= CACHE_TEXT_BYTES \
                or not CACHE_MISS <= layer <= CACHE_L3:
            raise ValueError("program: a rule of the cache is out of range")
        memcpy(rule.text, <const char *> text, len(text))
        rule.size = <uint8_t> len(text)
        rule.layer = layer
        e.n_cache_rules += 1


cdef object flow_load(vl_engine *e):
    """Room for what control steps keep."""
    e.counters = <uint32_t *> table(<size_t> e.n_users * e.loop_depth, sizeof(uint32_t))
    e.marks = <vl_mark *> table(<size_t> e.n_users * e.group_depth, sizeof(vl_mark))
    e.sequences = <uint64_t *> table(e.program.n_fills, sizeof(uint64_t))
    e.scratch = <char *> table(e.program.room_most + 1, 1)


cdef object session_load(Engine self, vl_scenario *s, dict session):
    """How users log in and renew their tokens; None: the setup is nothing but steps."""
    s.life_slot = NONE
    if session is None:
        return
    s.session = 1
    s.login_when = session["when"]
    s.renew_first, s.renew_count = session["renew"]
    s.on_401 = session["on_401"]
    s.login_gap_ns = session["gap_ns"]
    s.renew_low, s.renew_high = session["low"], session["high"]
    s.life_is_jwt = session["jwt"]
    if session["life_slot"] is not None:
        s.life_slot = session["life_slot"]
    if s.login_when >= LOGIN_WAYS or not 0 <= s.login_gap_ns <= TIME_MOST_NS \
            or not 0.0 < s.renew_low <= s.renew_high < 1.0 \
            or (s.life_slot != NONE and (s.life_slot >= self.e.program.n_slots
                                         or self.life is None)):
        raise ValueError("settings: a session is out of range")


cdef object given_load(vl_engine *e, list given):
    """What slots hold for every user from the start, as (slot, text) pairs."""
    cdef uint32_t u
    for slot, text in given:
        if slot >= e.program.n_slots or not is_own(&e.program, slot):
            raise ValueError("settings: a given slot is out of range")
        value = text.encode("utf-8", "surrogateescape")
        if has_control(value, len(value)):
            raise ValueError("settings: a given value has control characters")
        for u in range(e.n_users):
            if not slot_put(e, u, slot, value):
                raise ValueError("settings: a given value is too long for a slot")
