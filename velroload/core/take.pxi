# Sparse deltas: what was merged since the last take, as rows of velroload/journal.py's dtypes.

cdef extern from *:
    """
    typedef struct { uint8_t phase, outcome; uint16_t endpoint; uint8_t quantity, pad;
                     uint16_t bin; uint32_t count; } vl_hist_entry;
    typedef struct { uint8_t phase, outcome; uint16_t endpoint; uint8_t quantity, pad[3];
                     int64_t count, sum_ns, min_ns, max_ns; } vl_stats_entry;
    typedef struct { uint32_t second; uint16_t endpoint; uint8_t quantity, phase;
                     uint16_t bin, pad; uint32_t count; } vl_series_entry;
    typedef struct { uint32_t second; uint16_t endpoint, counter; uint8_t phase, pad[7];
                     int64_t value; } vl_counts_entry;
    _Static_assert(sizeof(vl_hist_entry) == 12, "HIST");
    _Static_assert(sizeof(vl_stats_entry) == 40, "STATS");
    _Static_assert(sizeof(vl_series_entry) == 16, "SERIES");
    _Static_assert(sizeof(vl_counts_entry) == 24, "COUNTS");
    """
    ctypedef struct vl_hist_entry:
        uint8_t phase
        uint8_t outcome
        uint16_t endpoint
        uint8_t quantity
        uint8_t pad
        uint16_t bin
        uint32_t count
    ctypedef struct vl_stats_entry:
        uint8_t phase
        uint8_t outcome
        uint16_t endpoint
        uint8_t quantity
        int64_t count
        int64_t sum_ns
        int64_t min_ns
        int64_t max_ns
    ctypedef struct vl_series_entry:
        uint32_t second
        uint16_t endpoint
        uint8_t quantity
        uint8_t phase
        uint16_t bin
        uint32_t count
    ctypedef struct vl_counts_entry:
        uint32_t second
        uint16_t endpoint
        uint16_t counter
        uint8_t phase
        int64_t value


cdef void *buffer_room(vl_buffer *buffer, size_t size) noexcept nogil:
    """Zeroed room for `size` bytes more at the end, or NULL without memory."""
    cdef size_t capacity = buffer.capacity
    cdef char *grown
    if buffer.used + size > capacity:
        capacity = 2 * capacity + size + 4096
        grown = <char *> realloc(buffer.data, capacity)
        if grown == NULL:
            return NULL
        buffer.data = grown
        buffer.capacity = capacity
    grown = buffer.data + buffer.used
    memset(grown, 0, size)
    buffer.used += size
    return grown


cdef int block_write_series(vl_merger *m, vl_block *block, int quantity) noexcept nogil:
    cdef vl_series_entry *entry
    cdef uint32_t which
    for which in range(block.low[quantity], block.high[quantity] + 1):
        if not block.series[quantity][which]:
            continue
        entry = <vl_series_entry *> buffer_room(&m.series, sizeof(vl_series_entry))
        if entry == NULL:
            return MERGE_NO_MEMORY
        entry.second = <uint32_t> block.second
        entry.endpoint = <uint16_t> (block.pair % m.endpoints)
        entry.phase = <uint8_t> (block.pair // m.endpoints)
        entry.quantity = <uint8_t> quantity
        entry.bin = <uint16_t> which
        entry.count = block.series[quantity][which]
        block.series[quantity][which] = 0
    return MERGED


cdef int block_write(vl_merger *m, vl_block *block) noexcept nogil:
    """Append the block's entries to the delta and leave it zeroed."""
    cdef vl_counts_entry *entry
    cdef uint32_t which
    for which in range(<uint32_t> COUNTS_SIZE):
        if not block.counts[which]:
            continue
        entry = <vl_counts_entry *> buffer_room(&m.counts, sizeof(vl_counts_entry))
        if entry == NULL:
            return MERGE_NO_MEMORY
        entry.second = <uint32_t> block.second
        entry.endpoint = <uint16_t> (block.pair % m.endpoints)
        entry.phase = <uint8_t> (block.pair // m.endpoints)
        entry.counter = <uint16_t> which
        entry.value = block.counts[which]
        block.counts[which] = 0
    if block_write_series(m, block, 0) != MERGED:
        return MERGE_NO_MEMORY
    return block_write_series(m, block, 1)


cdef int blocks_write(vl_merger *m) noexcept nogil:
    """Write out every open block; they become spare."""
    cdef vl_block *block
    while m.open_used:
        block = m.open[m.open_used - 1]
        if block_write(m, block) != MERGED:
            return MERGE_NO_MEMORY
        m.slots[block.pair * SLOTS + <size_t> (block.second % SLOTS)] = NULL
        m.open_used -= 1
        m.spare[m.spare_used] = block
        m.spare_used += 1
    return MERGED


cdef int64_t cell_write(vl_merger *m, vl_cell *cell, vl_stats_entry *key) noexcept nogil:
    """Append the cell's bins; returns how many samples they hold, or MERGE_NO_MEMORY."""
    cdef vl_hist_entry *entry
    cdef int64_t total = 0
    cdef uint32_t which
    for which in range(bin_3(<uint64_t> cell.min_ns), bin_3(<uint64_t> cell.max_ns) + 1):
        if not cell.bins[which]:
            continue
        entry = <vl_hist_entry *> buffer_room(&m.hist, sizeof(vl_hist_entry))
        if entry == NULL:
            return MERGE_NO_MEMORY
        entry.phase = key.phase
        entry.outcome = key.outcome
        entry.endpoint = key.endpoint
        entry.quantity = key.quantity
        entry.bin = <uint16_t> which
        entry.count = cell.bins[which]
        total += cell.bins[which]
        cell.bins[which] = 0
    return total


cdef int row_write(vl_merger *m, vl_cells *row, size_t at) noexcept nogil:
    cdef vl_stats_entry key
    cdef vl_stats_entry *entry
    cdef vl_cell *cell
    cdef int quantity
    memset(&key, 0, sizeof(key))
    key.outcome = <uint8_t> (at & 1)
    key.endpoint = <uint16_t> (at // 2 % m.endpoints)
    key.phase = <uint8_t> (at // 2 // m.endpoints)
    for quantity in range(QUANTITIES):
        cell = &row.cells[quantity]
        if cell.max_ns < 0:
            continue
        key.quantity = <uint8_t> quantity
        key.count = cell_write(m, cell, &key)
        entry = <vl_stats_entry *> buffer_room(&m.stats, sizeof(vl_stats_entry))
        if entry == NULL or key.count < 0:
            return MERGE_NO_MEMORY
        key.sum_ns = <int64_t> cell.sum_ns
        key.min_ns = cell.min_ns
        key.max_ns = cell.max_ns
        entry[0] = key
        cell_clear(cell)
    return MERGED


cdef int tail_write(vl_merger *m, vl_tail *tail) noexcept nogil:
    cdef void *room
    cdef uint32_t which
    for which in range(tail.used):
        if not tail.fresh[which]:
            continue
        room = buffer_room(&m.tail, SAMPLE_SIZE)
        if room == NULL:
            return MERGE_NO_MEMORY
        memcpy(room, &tail.samples[which], SAMPLE_SIZE)
        tail.fresh[which] = 0
    return MERGED


cdef int merger_write(vl_merger *m) noexcept nogil:
    """Everything since the last take into the delta buffers."""
    cdef size_t pairs = <size_t> m.phases * m.endpoints
    cdef size_t at
    lanes_settle(m)
    if blocks_write(m) != MERGED:
        return MERGE_NO_MEMORY
    for at in range(2 * pairs):
        if m.rows[at] != NULL and row_write(m, m.rows[at], at) != MERGED:
            return MERGE_NO_MEMORY
    for at in range(pairs):
        if m.tails[at] != NULL and tail_write(m, m.tails[at]) != MERGED:
            return MERGE_NO_MEMORY
    m.since_take = 0
    return MERGED


cdef bytes buffer_bytes(vl_buffer *buffer):
    cdef bytes taken = buffer.data[:buffer.used] if buffer.used else b""
    buffer.used = 0
    return taken


cdef void merger_free(vl_merger *m) noexcept:
    """Free everything the merger owns; may be called twice."""
    cdef size_t pairs = <size_t> m.phases * m.endpoints
    cdef size_t at
    for at in range(2 * pairs if m.rows != NULL else 0):
        free(m.rows[at])
    for at in range(pairs if m.tails != NULL else 0):
        free(m.tails[at])
    for at in range(m.open_used):
        free(m.open[at])
    for at in range(m.spare_used):
        free(m.spare[at])
    free(m.rows)
    free(m.tails)
    free(m.floors)
    free(m.slots)
    free(m.open)
    free(m.spare)
    free(m.kept.samples)
    free(m.hist.data)
    free(m.stats.data)
    free(m.series.data)
    free(m.counts.data)
    free(m.tail.data)
    memset(m, 0, sizeof(vl_merger))


@cython.final
cdef class Merger:
    """All figures of one node while they are counted. Prose: _core.pyi."""

    cdef vl_merger m
    cdef bint busy
    cdef readonly bint closed

    def __cinit__(self, uint32_t phases, uint32_t endpoints, *, uint32_t addresses=0,
                  uint64_t seed=0, windows=()):
        cdef size_t pairs = <size_t> phases * endpoints
        cdef size_t at
        if not 1 <= phases <= 256 or not 1 <= endpoints <= 65536:
            raise ValueError(f"Merger: {phases} phases and {endpoints} endpoints: "
                             "1 to 256 and 1 to 65536 are possible.")
        if not 0 <= addresses < endpoints:
            raise ValueError(f"Merger: {addresses} of {endpoints} endpoints are addresses: "
                             "one must be something else.")
        if windows and len(windows) != phases:
            raise ValueError(f"Merger: {len(windows)} windows for {phases} phases.")
        for at, (first, width) in enumerate(windows):
            if first < 0 or not 0 <= width <= 1 << 32:
                raise ValueError("Merger: a window begins at 0 or later and is 0 s or longer.")
            self.m.window_first[at] = first
            self.m.window_s[at] = width
        self.m.phases = phases
        self.m.named = endpoints - addresses
        self.m.endpoints = endpoints
        self.m.rows = <vl_cells **> calloc(2 * pairs, sizeof(vl_cells *))
        self.m.tails = <vl_tail **> calloc(pairs, sizeof(vl_tail *))
        self.m.floors = <int64_t *> malloc(pairs * sizeof(int64_t))
        self.m.slots = <vl_block **> calloc(pairs * SLOTS, sizeof(vl_block *))
        self.m.kept.samples = <vl_sample *> malloc(RESERVOIR_SIZE * SAMPLE_SIZE)
        if (self.m.rows == NULL or self.m.tails == NULL or self.m.floors == NULL
                or self.m.slots == NULL or self.m.kept.samples == NULL):
            raise MemoryError
        for at in range(pairs):
            self.m.floors[at] = -1
        for at in range(<size_t> AHEAD * LANES):
            self.m.lanes[at] = &self.m.nowhere
        self.m.kept.weight = 1.0
        self.m.kept.random = seed

    cdef check(self):
        if self.closed:
            raise ValueError("Merger: it is closed.")
        if self.busy:
            raise RuntimeError("Merger: another thread is merging into it.")

    def take(self):
        cdef int status
        self.check()
        self.busy = True
        with nogil:
            status = merger_write(&self.m)
        self.busy = False
        if status != MERGED:
            raise MemoryError
        return (buffer_bytes(&self.m.hist), buffer_bytes(&self.m.stats),
                buffer_bytes(&self.m.series), buffer_bytes(&self.m.counts),
                buffer_bytes(&self.m.tail))

    def reservoir(self):
        self.check()
        return (<char *> self.m.kept.samples)[:self.m.kept.used * SAMPLE_SIZE]

    def close(self):
        if self.busy:
            raise RuntimeError("Merger: another thread is merging into it.")
        self.closed = True
        merger_free(&self.m)

    def __dealloc__(self):
        merger_free(&self.m)
