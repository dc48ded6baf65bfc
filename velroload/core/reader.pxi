# The doors to a segment: its header, the coordinator's side (RingReader) and, for tests and
# benchmarks, the worker's side (RingWriter).

cdef enum:
    BATCH = 256                 # samples copied out at once: 16 KiB stay in the first cache
    DRAIN_BAD_HEAD = -2

cdef struct vl_reader:
    char *base                  # borrowed from RingReader.view
    uint64_t *head_word
    uint64_t *tail_word         # only written; what another process may have put there is not read
    uint64_t *counters
    vl_sample *slots
    uint64_t capacity
    uint64_t first
    uint64_t tail
    uint64_t head_seen
    uint64_t high_water
    vl_tally tally
    vl_sample batch[BATCH]


cdef int64_t reader_drain(vl_reader *r, vl_merger *m, uint64_t limit) noexcept nogil:
    """Merge up to `limit` samples; returns how many, DRAIN_BAD_HEAD or MERGE_NO_MEMORY."""
    cdef uint64_t head = vl_load_acquire(r.head_word)
    cdef uint64_t ready = head - r.tail
    cdef uint64_t done = 0
    cdef uint64_t at
    cdef uint64_t n
    cdef uint64_t i
    cdef int status = MERGED
    if ready > r.capacity or ready < r.head_seen - r.tail:
        return DRAIN_BAD_HEAD
    r.head_seen = head
    if ready > r.high_water:
        r.high_water = ready
    if ready > limit:
        ready = limit
    while done < ready:
        at = r.tail & (r.capacity - 1)
        n = min(min(ready - done, <uint64_t> BATCH), r.capacity - at)
        memcpy(r.batch, &r.slots[at], n * SAMPLE_SIZE)
        r.tail += n
        vl_store_release(r.tail_word, r.tail)
        for i in range(n):
            status |= merge_sample(m, &r.tally, &r.batch[i])
        if status != MERGED:
            return status
        done += n
    m.since_take += done
    return <int64_t> done


cdef uint64_t segment_check(Py_buffer *view) except 0:
    """The capacity of the ring in an untrusted segment; ValueError unless its header is ours."""
    cdef uint64_t capacity
    cdef uint64_t found
    cdef uint64_t expected
    cdef char *base = <char *> view.buf
    if <uint64_t> base % 8:
        raise ValueError("segment: its memory is not aligned to 8 bytes.")
    if view.len < VL_HEADER_BYTES:
        raise ValueError(f"segment: {view.len} bytes are less than its header of "
                         f"{VL_HEADER_BYTES}.")
    if vl_load_acquire(segment_word(base, 0)) != <uint64_t> VL_SEGMENT_MAGIC:
        raise ValueError("segment: it does not begin with velroload's magic number.")
    for offset, what, expected in ((8, "layout version", VL_SEGMENT_VERSION),
                                   (24, "sample size", SAMPLE_SIZE), (32, "counters", COUNTERS)):
        found = segment_word(base, offset)[0]
        if found != expected:
            raise ValueError(f"segment: {what} {found}, but this velroload has {expected}.")
    capacity = segment_word(base, 16)[0]
    if (capacity == 0 or capacity & (capacity - 1)
            or capacity > <uint64_t> (view.len - VL_HEADER_BYTES) // SAMPLE_SIZE):
        raise ValueError(f"segment: a ring of {capacity} slots does not fit {view.len} bytes "
                         "or is no power of two.")
    return capacity


def segment_bytes(uint64_t capacity, uint64_t values=0):
    second = VL_VALUES_HEADER_BYTES + values * VALUE_SIZE if values else 0
    return VL_HEADER_BYTES + capacity * SAMPLE_SIZE + second


def format_segment(buffer, uint64_t capacity, uint64_t values=0):
    cdef Py_buffer view
    if values & (values - 1):
        raise ValueError(f"segment: {values} values are no power of two.")
    if capacity == 0 or capacity & (capacity - 1):
        raise ValueError(f"segment: {capacity} slots are no power of two.")
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    try:
        if <uint64_t> view.len < segment_bytes(capacity, values):
            raise ValueError(f"segment: {view.len} bytes cannot hold {capacity} slots.")
        if <uint64_t> view.buf % 8:
            raise ValueError("segment: its memory is not aligned to 8 bytes.")
        segment_word(<char *> view.buf, VL_VALUES_AT)[0] = values
        segment_format(<char *> view.buf, capacity)
    finally:
        PyBuffer_Release(&view)


@cython.final
cdef class RingReader:
    """The coordinator's side of one worker's segment. Prose: _core.pyi."""

    cdef vl_reader r
    cdef Py_buffer view         # owned: released in close()
    cdef bint busy
    cdef readonly bint closed

    def __cinit__(self, buffer):
        cdef char *base
        self.closed = True
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        self.closed = False
        self.r.capacity = segment_check(&self.view)
        base = self.r.base = <char *> self.view.buf
        self.r.head_word = segment_word(base, 128)
        self.r.tail_word = segment_word(base, 192)
        self.r.counters = segment_word(base, VL_COUNTERS_AT)
        self.r.slots = <vl_sample *> (base + VL_HEADER_BYTES)
        self.r.first = self.r.tail = self.r.head_seen = vl_load_acquire(self.r.tail_word)

    cdef check(self):
        if self.closed:
            raise ValueError("RingReader: it is closed.")
        if self.busy:
            raise RuntimeError("RingReader: another thread is draining it.")

    def drain(self, Merger merger not None, uint64_t limit=1 << 20):
        cdef int64_t done
        self.check()
        merger.check()
        if limit > TAKE_LIMIT or merger.m.since_take > TAKE_LIMIT - limit:
            raise ValueError(f"RingReader: {merger.m.since_take} samples were merged since the "
                             f"last take(): {limit} more could overflow a bin.")
        self.busy = merger.busy = True
        with nogil:
            done = reader_drain(&self.r, &merger.m, limit)
        self.busy = merger.busy = False
        if done == DRAIN_BAD_HEAD:
            head = vl_load_acquire(self.r.head_word)
            raise ValueError(f"ring: its head went from {self.r.head_seen} to {head} with the tail "
                             f"at {self.r.tail} of {self.r.capacity} slots: the worker's memory "
                             "is damaged.")
        if done < 0:
            raise MemoryError
        return done

    def read(self):
        cdef uint64_t n
        self.check()
        n = vl_load_acquire(self.r.head_word) - self.r.tail
        if n > self.r.capacity:
            raise ValueError(f"ring: {n} samples in {self.r.capacity} slots.")
        taken = b"".join((<char *> &self.r.slots[at & (self.r.capacity - 1)])[:SAMPLE_SIZE]
                         for at in range(self.r.tail, self.r.tail + n))
        self.r.tail += n
        vl_store_release(self.r.tail_word, self.r.tail)
        return taken

    def counters(self):
        self.check()
        return {name: vl_load_relaxed(&self.r.counters[<int> index])
                for name, index in COUNTER_INDEX.items()}

    def stalls(self):
        cdef uint64_t n
        cdef uint64_t i
        cdef uint64_t *pairs
        self.check()
        n = vl_load_acquire(&self.r.counters[C_STALLS])
        pairs = segment_word(self.r.base, VL_STALLS_AT)
        return [(<int64_t> vl_load_relaxed(&pairs[2 * (i % VL_STALLS)]),
                 <int64_t> vl_load_relaxed(&pairs[2 * (i % VL_STALLS) + 1]))
                for i in range(n - min(n, <uint64_t> VL_STALLS), n)]

    def examples(self, uint64_t first=0):
        cdef uint64_t n
        self.check()
        n = min(vl_load_acquire(&self.r.counters[C_EXAMPLES]), <uint64_t> VL_EXAMPLES)
        if first >= n:
            return b""
        return (self.r.base + VL_EXAMPLES_AT + first * VL_EXAMPLE_BYTES)[
            :(n - first) * VL_EXAMPLE_BYTES]

    def idle_closes(self):
        cdef uint64_t n
        cdef uint64_t i
        self.check()
        n = min(vl_load_acquire(&self.r.counters[C_IDLE_CLOSES]), <uint64_t> VL_IDLE_CLOSES)
        return [vl_load_relaxed(segment_word(self.r.base, VL_IDLE_CLOSES_AT) + i)
                for i in range(n)]

    def phases(self, uint32_t n):
        cdef uint64_t *words
        cdef uint32_t i
        self.check()
        if n > 256:
            raise ValueError(f"RingReader: {n} phases are more than 256.")
        words = segment_word(self.r.base, VL_PHASES_AT)
        return [(vl_load_relaxed(words + PHASE_COUNTERS * i + PHASE_STARTED),
                 vl_load_relaxed(words + PHASE_COUNTERS * i + PHASE_DROPPED)) for i in range(n)]

    def kinds(self):
        return [self.r.tally.kinds[i] for i in range(4)]

    def requests_by_error(self):
        return {i: self.r.tally.requests[i] for i in range(256) if self.r.tally.requests[i]}

    @property
    def capacity(self):
        return self.r.capacity

    @property
    def pushed(self):
        self.check()
        return vl_load_acquire(self.r.head_word) - self.r.first

    @property
    def drained(self):
        return self.r.tail - self.r.first

    @property
    def corrupt(self):
        return self.r.tally.corrupt

    @property
    def occupied_ns(self):
        return self.r.tally.occupied_ns

    @property
    def high_water(self):
        return self.r.high_water

    def close(self):
        if self.busy:
            raise RuntimeError("RingReader: another thread is draining it.")
        if not self.closed:
            self.closed = True
            PyBuffer_Release(&self.view)
        free(self.r.tally.seen)
        self.r.tally.seen = NULL
        self.r.tally.seen_room = 0

    def __dealloc__(self):
        if not self.closed:
            PyBuffer_Release(&self.view)
        free(self.r.tally.seen)


cdef void writer_lap(vl_ring *ring, const vl_sample *sample, uint64_t n) noexcept nogil:
    """Push the sample n times, as a worker does; a full ring is emptied at once."""
    cdef vl_sample *slot
    cdef uint64_t i
    for i in range(n):
        slot = ring_slot(ring)
        if slot == NULL:
            vl_store_release(ring.tail_word, ring.head)
            slot = ring_slot(ring)
        slot[0] = sample[0]
        ring_publish(ring)


@cython.final
cdef class RingWriter:
    """The worker's side of a segment, for tests and benchmarks. Prose: _core.pyi."""

    cdef vl_ring ring
    cdef Py_buffer view         # owned: released in close()
    cdef readonly bint closed

    def __cinit__(self, buffer):
        self.closed = True
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        self.closed = False
        ring_attach(&self.ring, <char *> self.view.buf, segment_check(&self.view))

    cdef check(self):
        if self.closed:
            raise ValueError("RingWriter: it is closed.")

    def push(self, samples):
        """Push whole samples; those that do not fit are counted as lost. Returns how many fit."""
        cdef Py_buffer view
        cdef const vl_sample *sample
        cdef vl_sample *slot
        cdef Py_ssize_t i
        cdef int pushed = 0
        self.check()
        PyObject_GetBuffer(samples, &view, PyBUF_SIMPLE)
        try:
            if view.len % SAMPLE_SIZE:
                raise ValueError(f"RingWriter: {view.len} bytes are not whole samples.")
            for i in range(view.len // SAMPLE_SIZE):
                sample = <const vl_sample *> view.buf + i
                slot = ring_slot(&self.ring)
                if slot == NULL:
                    count(&self.ring, C_LOST_REQUESTS if sample.flags & KIND_MASK == KIND_REQUEST
                          else C_LOST_ITERATIONS, 1)
                    continue
                memcpy(slot, sample, SAMPLE_SIZE)
                ring_publish(&self.ring)
                pushed += 1
        finally:
            PyBuffer_Release(&view)
        return pushed

    def count(self, str name, uint64_t n=1):
        self.check()
        count(&self.ring, COUNTER_INDEX[name], n)

    def stall(self, int64_t at_ns, int64_t length_ns):
        self.check()
        ring_stall(&self.ring, at_ns, length_ns)

    def idle_close(self, int64_t idle_ns):
        self.check()
        ring_idle_close(&self.ring, idle_ns)

    def bench_push(self, uint64_t n):
        """CPU nanoseconds per push over n pushes; a full ring is emptied at once."""
        cdef vl_sample sample
        cdef int64_t before
        cdef int64_t after
        self.check()
        memset(&sample, 0, SAMPLE_SIZE)
        with nogil:
            before = clock_ns(CLOCK_THREAD_CPUTIME_ID)
            writer_lap(&self.ring, &sample, n)
            after = clock_ns(CLOCK_THREAD_CPUTIME_ID)
        return (after - before) / <double> n

    def close(self):
        if not self.closed:
            self.closed = True
            PyBuffer_Release(&self.view)

    def __dealloc__(self):
        if not self.closed:
            PyBuffer_Release(&self.view)
