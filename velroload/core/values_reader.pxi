# The door to the second ring of a segment: the coordinator's side.

cdef uint64_t values_check(Py_buffer *view, uint64_t samples) except? 0:
    """Records of the second ring behind so many samples, 0 without one; ValueError when it is bad.
    """
    cdef uint64_t records = vl_load_relaxed(segment_word(<char *> view.buf, VL_VALUES_AT))
    cdef uint64_t room = <uint64_t> view.len - VL_HEADER_BYTES - samples * SAMPLE_SIZE
    if records == 0:
        return 0
    if records & (records - 1) or room < VL_VALUES_HEADER_BYTES \
            or records > (room - VL_VALUES_HEADER_BYTES) // VALUE_SIZE:
        raise ValueError(f"segment: a ring of {records} values does not fit {view.len} bytes "
                         "or is no power of two.")
    return records


@cython.final
cdef class ValueReader:
    """The only consumer of a segment's ring of values. Prose: _core.pyi."""

    cdef vl_values ring
    cdef uint64_t first
    cdef uint64_t tail
    cdef uint64_t head_seen
    cdef Py_buffer view         # owned: released in close()
    cdef readonly bint closed

    def __cinit__(self, buffer):
        cdef uint64_t samples
        self.closed = True
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        self.closed = False
        samples = segment_check(&self.view)
        values_attach(&self.ring, <char *> self.view.buf, samples,
                      values_check(&self.view, samples))
        if self.ring.capacity:
            self.first = self.tail = self.head_seen = vl_load_acquire(self.ring.tail_word)

    cdef check(self):
        if self.closed:
            raise ValueError("ValueReader: it is closed.")

    def read(self):
        """Take all waiting records out."""
        cdef uint64_t head
        cdef uint64_t from_, n
        cdef bytes taken
        self.check()
        if self.ring.capacity == 0:
            return b""
        head = vl_load_acquire(self.ring.head_word)
        n = head - self.tail
        if n > self.ring.capacity or n < self.head_seen - self.tail:
            raise ValueError(f"ring of values: its head went from {self.head_seen} to {head} with "
                             f"the tail at {self.tail} of {self.ring.capacity} records: the "
                             "worker's memory is damaged.")
        self.head_seen = head
        from_ = self.tail & (self.ring.capacity - 1)
        n = min(n, self.ring.capacity - from_)
        taken = (<char *> &self.ring.slots[from_])[:n * VALUE_SIZE]
        if head - self.tail > n:                # the rest begins at the front
            taken += (<char *> self.ring.slots)[:(head - self.tail - n) * VALUE_SIZE]
        self.tail = head
        vl_store_release(self.ring.tail_word, self.tail)
        return taken

    def names(self):
        """The names given so far, unchecked bytes; at most 32."""
        cdef uint64_t known
        cdef uint32_t i
        cdef char *at
        self.check()
        if self.ring.capacity == 0:
            return []
        known = min(vl_load_acquire(self.ring.series_word), <uint64_t> VL_SERIES)
        found = []
        for i in range(<uint32_t> known):
            at = series_name(&self.ring, i)
            found.append((at + 1)[:min(<size_t> <uint8_t> at[0],
                                       <size_t> VL_SERIES_NAME_BYTES - 1)])
        return found

    @property
    def capacity(self):
        return self.ring.capacity

    @property
    def pushed(self):
        self.check()
        return vl_load_acquire(self.ring.head_word) - self.first if self.ring.capacity else 0

    @property
    def drained(self):
        return self.tail - self.first

    def close(self):
        if not self.closed:
            self.closed = True
            PyBuffer_Release(&self.view)

    def __dealloc__(self):
        self.close()
