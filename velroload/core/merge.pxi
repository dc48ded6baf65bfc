# From samples to figures: every sample is checked, counted, binned and perhaps kept.
#
# Danger: samples come from memory that another process writes. They are private copies here, but
# nothing in them was checked before sample_sane(): no index may be taken from them earlier.

cdef enum:
    SLOTS = 64                  # seconds a pair may have open at once; a power of two
    AHEAD = 16                  # samples between fetching a bin and counting in it
    LANES = QUANTITIES + 2      # one per quantity and series
    MERGED = 0
    MERGE_NO_MEMORY = -1
    OUTCOME_OK = 0
    OUTCOME_FAILED = 1
    OUTCOME_TRANSPORT = 2
    FIRST_JUDGED_ERROR = 70
    RARE_FLAGS = (FLAG_NEW_CONNECTION | FLAG_USER_CLOCK | FLAG_RETRIED | FLAG_COALESCED
                  | FLAG_PREEMPTED)

cdef extern from *:
    """
    #define TIME_LIMIT_NS (1LL << 61)       /* 73 years: seconds and their sums stay in range */
    #define DISORDER_LIMIT_NS 1000000LL     /* clocks may disagree by microseconds, never by this */
    #define TAKE_LIMIT 0xffffffffULL        /* a bin's delta is a uint32 */
    """
    int64_t TIME_LIMIT_NS
    int64_t DISORDER_LIMIT_NS
    uint64_t TAKE_LIMIT

cdef struct vl_tally:           # what one worker's ring gave
    uint64_t kinds[4]
    uint64_t requests[256]      # of kind request, by ErrorKind; 0 = ok
    uint64_t corrupt
    uint64_t occupied_ns        # from sent to our read, summed over the requests that were sent
    uint32_t *seen              # owned by the reader: [user] 1 + phase, window of the last answer
    size_t seen_room

cdef struct vl_buffer:
    char *data                  # owned, freed in merger_free()
    size_t used
    size_t capacity

cdef struct vl_merger:
    uint32_t phases
    uint32_t endpoints          # rows of figures: what was asked for, then one per address
    uint32_t named              # of them, what was asked for
    int64_t window_first[256]   # [phase] second in which the first window of users begins
    int64_t window_s[256]       # [phase] 0: its users are not counted
    uint64_t since_take
    vl_cells **rows             # owned: [pair * 2 + outcome]; a pair is one phase × endpoint
    vl_tail **tails             # owned: [pair]
    int64_t *floors             # owned: a response time must be above it to enter the tail
    vl_block **slots            # owned: [pair * SLOTS + second % SLOTS]; the blocks are in open
    vl_block **open             # owned: blocks in use
    size_t open_used
    size_t open_capacity
    vl_block **spare            # owned: zeroed blocks
    size_t spare_used
    uint32_t *lanes[AHEAD * LANES]  # bins to count in; see lane_add()
    uint64_t turn
    uint32_t nowhere            # where a lane without a bin counts
    vl_reservoir kept
    vl_buffer hist
    vl_buffer stats
    vl_buffer series
    vl_buffer counts
    vl_buffer tail


cdef inline int outcome_of(uint8_t error) noexcept nogil:
    if error == ERR_NONE:
        return OUTCOME_OK
    if error >= FIRST_JUDGED_ERROR or error == ERR_TIMEOUT:
        return OUTCOME_FAILED
    return OUTCOME_TRANSPORT


cdef inline bint failed_before_sending(uint8_t error) noexcept nogil:
    return 10 <= error < 40 or 60 <= error <= 63


cdef inline bint instant_sane(int64_t at_ns) noexcept nogil:
    return 0 <= at_ns <= TIME_LIMIT_NS


cdef inline bint sample_sane(vl_merger *m, const vl_sample *s, int kind,
                             int outcome) noexcept nogil:
    if s.endpoint >= m.named or s.phase >= m.phases or s.status > 999:
        return False
    if m.endpoints > m.named and s.user_address >> 24 >= m.endpoints - m.named:
        return False
    if not instant_sane(s.end_ns) or not instant_sane(s.scheduled_ns):
        return False
    if s.end_ns < s.scheduled_ns - DISORDER_LIMIT_NS:
        return False
    if kind >= KIND_GROUP or failed_before_sending(s.error):
        return True             # no request was sent: sent_ns says nothing and is not read
    if not instant_sane(s.sent_ns):
        return False
    return (outcome == OUTCOME_TRANSPORT
            or (s.sent_ns >= s.scheduled_ns - DISORDER_LIMIT_NS
                and s.end_ns >= s.sent_ns - DISORDER_LIMIT_NS))


cdef inline int64_t at_least_0(int64_t value) noexcept nogil:
    return value if value > 0 else 0


cdef void lanes_settle(vl_merger *m) noexcept nogil:
    """Count what is still on its way; before any bin is read, moved or cleared."""
    cdef int i
    for i in range(AHEAD * LANES):
        m.lanes[i][0] += 1
        m.lanes[i] = &m.nowhere


cdef vl_block *block_take(vl_merger *m) noexcept nogil:
    """A zeroed block that stands in m.open, or NULL without memory."""
    cdef vl_block *block
    cdef vl_block **grown
    cdef size_t capacity
    if m.open_used == m.open_capacity:
        capacity = 2 * m.open_capacity + 64
        grown = <vl_block **> realloc(m.open, capacity * sizeof(vl_block *))
        if grown == NULL:
            return NULL
        m.open = grown
        grown = <vl_block **> realloc(m.spare, capacity * sizeof(vl_block *))
        if grown == NULL:
            return NULL
        m.spare = grown
        m.open_capacity = capacity
    if m.spare_used:
        m.spare_used -= 1
        block = m.spare[m.spare_used]
    else:
        block = <vl_block *> calloc(1, sizeof(vl_block))
        if block == NULL:
            return NULL
    m.open[m.open_used] = block
    m.open_used += 1
    return block


cdef vl_block *block_make(vl_merger *m, size_t pair, int64_t second) noexcept nogil:
    """Open the block of a second, after writing out a colliding older one."""
    cdef size_t at = pair * SLOTS + <size_t> (second % SLOTS)
    cdef vl_block *block = m.slots[at]
    if block == NULL:
        block = block_take(m)
        if block == NULL:
            return NULL
        m.slots[at] = block
    else:
        lanes_settle(m)
        if block_write(m, block) != MERGED:
            return NULL
    block_open(block, pair, second)
    return block


cdef inline size_t pair_of(const vl_merger *m, const vl_sample *s) noexcept nogil:
    return <size_t> s.phase * m.endpoints + s.endpoint


cdef inline vl_block *block_at(vl_merger *m, size_t pair, int64_t second) noexcept nogil:
    cdef vl_block *block = m.slots[pair * SLOTS + (<uint64_t> second & (SLOTS - 1))]
    if block == NULL or block.second != second:
        return block_make(m, pair, second)
    return block


cdef inline void count_flags(vl_block *block, uint16_t flags) noexcept nogil:
    block.counts[N_USER_CLOCK] += (flags & FLAG_USER_CLOCK) != 0
    block.counts[N_COALESCED] += (flags & FLAG_COALESCED) != 0
    block.counts[N_PREEMPTED] += (flags & FLAG_PREEMPTED) != 0
    block.counts[N_RETRIED] += (flags & FLAG_RETRIED) != 0
    block.counts[N_NEW_CONNECTION] += (flags & FLAG_NEW_CONNECTION) != 0


cdef inline void count_cache(vl_block *block, int layer) noexcept nogil:
    if layer < CACHE_UNKNOWN:
        block.counts[N_CACHE + layer] += 1
    elif layer == CACHE_UNKNOWN:
        block.counts[N_CACHE] += 1


cdef inline void count_end(vl_block *block, const vl_sample *s, int kind,
                           int outcome) noexcept nogil:
    """What belongs to the second in which the sample ended."""
    block.counts[N_OK + outcome] += 1
    if s.error != ERR_NONE:
        block.counts[N_ERROR + s.error] += 1
    if kind >= KIND_GROUP:
        return
    block.counts[N_BYTES_IN] += s.bytes_in
    if s.flags & RARE_FLAGS:
        count_flags(block, s.flags)
    if s.error == ERR_NONE or s.error >= FIRST_JUDGED_ERROR:
        block.counts[s.status] += 1
        block.counts[N_KERNEL_STAMP] += (s.flags & FLAG_USER_CLOCK) == 0
        if s.flags & CACHE_MASK:
            count_cache(block, s.flags >> CACHE_SHIFT)


cdef inline int count_starts(vl_merger *m, vl_block *block, const vl_sample *s,
                             int kind) noexcept nogil:
    """What belongs to the seconds in which the sample was due and sent."""
    cdef int64_t second = <int64_t> (<uint64_t> s.scheduled_ns // 1_000_000_000)
    if second != block.second:
        block = block_at(m, pair_of(m, s), second)
        if block == NULL:
            return MERGE_NO_MEMORY
    block.counts[N_SCHEDULED] += 1
    if kind >= KIND_GROUP or failed_before_sending(s.error):
        return MERGED
    second = <int64_t> (<uint64_t> s.sent_ns // 1_000_000_000)
    if second != block.second:
        block = block_at(m, pair_of(m, s), second)
        if block == NULL:
            return MERGE_NO_MEMORY
    block.counts[N_SENT] += 1
    block.counts[N_AGE + ((s.flags & AGE_MASK) >> AGE_SHIFT)] += 1
    return MERGED


cdef inline void time_request(vl_cells *row, uint32_t **lanes, const vl_sample *s) noexcept nogil:
    cdef int64_t before_us = <int64_t> s.wait_us + s.connect_us + s.tls_us
    cell_add(&row.cells[Q_RESPONSE], lanes, at_least_0(s.end_ns - s.scheduled_ns))
    cell_add(&row.cells[Q_SERVICE], lanes + Q_SERVICE, at_least_0(s.end_ns - s.sent_ns))
    cell_add(&row.cells[Q_GENERATOR_LAG], lanes + Q_GENERATOR_LAG,
             at_least_0(s.sent_ns - s.scheduled_ns - 1000 * before_us))
    cell_add(&row.cells[Q_READ_LAG], lanes + Q_READ_LAG, s.read_lag_ns)
    if s.wait_us:
        cell_add(&row.cells[Q_WAIT], lanes + Q_WAIT, 1000 * <int64_t> s.wait_us)
    if s.flags & FLAG_NEW_CONNECTION:
        cell_add(&row.cells[Q_CONNECT], lanes + Q_CONNECT, 1000 * <int64_t> s.connect_us)
        if s.tls_us:
            cell_add(&row.cells[Q_TLS], lanes + Q_TLS, 1000 * <int64_t> s.tls_us)
    if s.first_byte_us and not s.flags & FLAG_COALESCED:
        cell_add(&row.cells[Q_FIRST_BYTE], lanes + Q_FIRST_BYTE,
                 1000 * <int64_t> s.first_byte_us)


cdef vl_cells *row_make(vl_merger *m, size_t at) noexcept nogil:
    if m.rows[at] == NULL:
        m.rows[at] = row_new()
    return m.rows[at]


cdef int tail_enter(vl_merger *m, size_t at, const vl_sample *s,
                    int64_t response_ns) noexcept nogil:
    if m.tails[at] == NULL:
        m.tails[at] = <vl_tail *> calloc(1, sizeof(vl_tail))
        if m.tails[at] == NULL:
            return MERGE_NO_MEMORY
    m.floors[at] = tail_offer(m.tails[at], s, response_ns)
    return MERGED


cdef inline int time_sample(vl_merger *m, vl_block *block, const vl_sample *s, int kind,
                            int outcome) noexcept nogil:
    cdef size_t at = pair_of(m, s)
    cdef vl_cells *row = m.rows[2 * at + outcome]
    cdef int64_t response_ns = at_least_0(s.end_ns - s.scheduled_ns)
    cdef int64_t service_ns
    cdef uint32_t **lanes = &m.lanes[m.turn % AHEAD * LANES]
    m.turn += 1
    if row == NULL:
        row = row_make(m, 2 * at + outcome)
        if row == NULL:
            return MERGE_NO_MEMORY
    if kind >= KIND_GROUP:
        service_ns = at_least_0(response_ns - 1000 * <int64_t> s.connect_us)
        cell_add(&row.cells[Q_RESPONSE], lanes, response_ns)
        cell_add(&row.cells[Q_SERVICE], lanes + Q_SERVICE, service_ns)
    else:
        service_ns = at_least_0(s.end_ns - s.sent_ns)
        time_request(row, lanes, s)
    series_add(block, 0, lanes + QUANTITIES, response_ns)
    series_add(block, 1, lanes + QUANTITIES + 1, service_ns)
    if response_ns > m.floors[at]:
        return tail_enter(m, at, s, response_ns)
    return MERGED


cdef int merge_address(vl_merger *m, const vl_sample *s, int kind, int outcome) noexcept nogil:
    """Where a target has several addresses: the same figures once more, under its address."""
    cdef size_t pair = <size_t> s.phase * m.endpoints + m.named + (s.user_address >> 24)
    cdef size_t at = 2 * pair + outcome
    cdef uint32_t **lanes = &m.lanes[m.turn % AHEAD * LANES]
    cdef vl_block *block = block_at(m, pair, <int64_t> (<uint64_t> s.end_ns // 1_000_000_000))
    if block == NULL:
        return MERGE_NO_MEMORY
    count_end(block, s, kind, outcome)
    if outcome == OUTCOME_TRANSPORT:
        return MERGED
    if row_make(m, at) == NULL:
        return MERGE_NO_MEMORY
    m.turn += 1
    time_request(m.rows[at], lanes, s)
    series_add(block, 0, lanes + QUANTITIES, at_least_0(s.end_ns - s.scheduled_ns))
    series_add(block, 1, lanes + QUANTITIES + 1, at_least_0(s.end_ns - s.sent_ns))
    return MERGED


cdef inline bint was_sent(uint8_t error) noexcept nogil:
    """The request reached send(): neither name, connection, TLS nor this machine failed it."""
    return error < ERR_DNS or (ERR_RESET <= error < ERR_NO_DESCRIPTOR) or error >= ERR_STATUS


cdef int seen_grow(vl_tally *tally, size_t user) noexcept nogil:
    """Room for a user; a hostile worker's number has 24 bits: at most 64 MiB."""
    cdef size_t room = 2 * user + 1024
    cdef uint32_t *grown = <uint32_t *> calloc(room, sizeof(uint32_t))
    if grown == NULL:
        return MERGE_NO_MEMORY
    if tally.seen_room:
        memcpy(grown, tally.seen, tally.seen_room * sizeof(uint32_t))
    free(tally.seen)
    tally.seen = grown
    tally.seen_room = room
    return MERGED


cdef inline int count_user(vl_merger *m, vl_tally *tally, vl_block *block,
                           const vl_sample *s) noexcept nogil:
    """The first good answer of a user in a window is counted: distinct users of a window are a sum.

    A user's answers come in the order of time, so the last window is all that has to be known.
    """
    cdef size_t user = s.user_address & 0xffffff
    cdef int64_t since = block.second - m.window_first[s.phase]
    cdef uint32_t window
    if since < 0:
        return MERGED
    window = ((<uint32_t> s.phase << 23 | <uint32_t> (since // m.window_s[s.phase] & 0x7fffff))
              + 1)
    if user >= tally.seen_room and seen_grow(tally, user) != MERGED:
        return MERGE_NO_MEMORY
    if tally.seen[user] != window:
        tally.seen[user] = window
        block.counts[N_USERS] += 1
    return MERGED


cdef inline int merge_sample(vl_merger *m, vl_tally *tally, const vl_sample *s) noexcept nogil:
    cdef int kind = s.flags & KIND_MASK
    cdef int outcome = outcome_of(s.error)
    cdef int64_t second = <int64_t> (<uint64_t> s.end_ns // 1_000_000_000)
    cdef vl_block *block
    if not sample_sane(m, s, kind, outcome):
        tally.corrupt += 1
        return MERGED
    block = block_at(m, pair_of(m, s), second)
    if block == NULL or count_starts(m, block, s, kind) != MERGED:
        return MERGE_NO_MEMORY
    if block.second != second:  # its slot was needed for the second of a start
        block = block_make(m, pair_of(m, s), second)
        if block == NULL:
            return MERGE_NO_MEMORY
    count_end(block, s, kind, outcome)
    tally.kinds[kind] += 1
    if kind == KIND_REQUEST:
        tally.requests[s.error] += 1
        if was_sent(s.error):
            tally.occupied_ns += <uint64_t> (s.end_ns - s.sent_ns) + s.read_lag_ns
        if outcome == OUTCOME_OK and m.window_s[s.phase] \
                and count_user(m, tally, block, s) != MERGED:
            return MERGE_NO_MEMORY
    if kind <= KIND_HOP:
        reservoir_offer(&m.kept, s)
    if kind == KIND_REQUEST and m.endpoints > m.named \
            and merge_address(m, s, kind, outcome) != MERGED:
        return MERGE_NO_MEMORY
    if outcome == OUTCOME_TRANSPORT:
        return MERGED
    return time_sample(m, block, s, kind, outcome)
