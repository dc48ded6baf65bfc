# Deadlines: a 4-ary heap of (instant, owner). Owners are small integers with one deadline each.
#
# Contract. `timer_set` adds or moves, `timer_cancel` removes, both O(log4 n). Connections set
# theirs lazily: a deadline that only moves later is looked at when the old one comes up, so a
# request that is answered in time costs no heap operation.

from libc.stdlib cimport calloc, free, malloc, realloc

cdef enum:
    TIMER_UNSET = 0xFFFFFFFF

cdef struct vl_deadline:
    int64_t at_ns
    uint32_t owner

cdef struct vl_timers:
    vl_deadline *heap           # owned, freed in timers_close
    uint32_t *place             # owned; owner -> position in heap, or TIMER_UNSET
    uint32_t size
    uint32_t owners


cdef int timers_open(vl_timers *timers, uint32_t owners) noexcept nogil:
    """Make room for `owners` deadlines; returns 0, or -1 without memory."""
    cdef uint32_t i
    timers.heap = <vl_deadline *> malloc(owners * sizeof(vl_deadline))
    timers.place = <uint32_t *> malloc(owners * sizeof(uint32_t))
    timers.size = 0
    timers.owners = owners
    if timers.heap == NULL or timers.place == NULL:
        return -1
    for i in range(owners):
        timers.place[i] = TIMER_UNSET
    return 0


cdef void timers_close(vl_timers *timers) noexcept nogil:
    free(timers.heap)
    free(timers.place)
    timers.heap = NULL
    timers.place = NULL


cdef inline void timer_put(vl_timers *timers, uint32_t at, vl_deadline item) noexcept nogil:
    timers.heap[at] = item
    timers.place[item.owner] = at


cdef void timer_rise(vl_timers *timers, uint32_t at, vl_deadline item) noexcept nogil:
    cdef uint32_t parent
    while at > 0:
        parent = (at - 1) >> 2
        if timers.heap[parent].at_ns <= item.at_ns:
            break
        timer_put(timers, at, timers.heap[parent])
        at = parent
    timer_put(timers, at, item)


cdef void timer_sink(vl_timers *timers, uint32_t at, vl_deadline item) noexcept nogil:
    cdef uint32_t child, last, best
    while True:
        child = 4 * at + 1
        if child >= timers.size:
            break
        best = child
        last = child + 4 if child + 4 < timers.size else timers.size
        child += 1
        while child < last:
            if timers.heap[child].at_ns < timers.heap[best].at_ns:
                best = child
            child += 1
        if timers.heap[best].at_ns >= item.at_ns:
            break
        timer_put(timers, at, timers.heap[best])
        at = best
    timer_put(timers, at, item)


cdef void timer_set(vl_timers *timers, uint32_t owner, int64_t at_ns) noexcept nogil:
    """Give `owner` the deadline `at_ns`, in place of the one it has."""
    cdef vl_deadline item
    cdef uint32_t at = timers.place[owner]
    item.at_ns = at_ns
    item.owner = owner
    if at == TIMER_UNSET:
        timers.size += 1
        timer_rise(timers, timers.size - 1, item)
    elif at_ns < timers.heap[at].at_ns:
        timer_rise(timers, at, item)
    else:
        timer_sink(timers, at, item)


cdef void timer_cancel(vl_timers *timers, uint32_t owner) noexcept nogil:
    cdef uint32_t at = timers.place[owner]
    cdef vl_deadline last
    if at == TIMER_UNSET:
        return
    timers.place[owner] = TIMER_UNSET
    timers.size -= 1
    if at == timers.size:
        return
    last = timers.heap[timers.size]
    if at > 0 and last.at_ns < timers.heap[(at - 1) >> 2].at_ns:
        timer_rise(timers, at, last)
    else:
        timer_sink(timers, at, last)


cdef inline int64_t timer_next(vl_timers *timers) noexcept nogil:
    """The earliest deadline, INT64_MAX when there is none."""
    return timers.heap[0].at_ns if timers.size else INT64_MAX


@cython.final
cdef class Timers:
    """Door for tests: the heap alone."""

    cdef vl_timers timers

    def __cinit__(self, uint32_t owners):
        if timers_open(&self.timers, owners) < 0:
            raise MemoryError("no memory for the timers")

    def __dealloc__(self):
        timers_close(&self.timers)

    def set(self, uint32_t owner, int64_t at_ns):
        if owner >= self.timers.owners:
            raise IndexError(f"timer owner {owner} of {self.timers.owners}")
        timer_set(&self.timers, owner, at_ns)

    def cancel(self, uint32_t owner):
        if owner >= self.timers.owners:
            raise IndexError(f"timer owner {owner} of {self.timers.owners}")
        timer_cancel(&self.timers, owner)

    def pop(self):
        """Remove the earliest deadline; returns (at_ns, owner), or None when there is none."""
        cdef vl_deadline first
        if self.timers.size == 0:
            return None
        first = self.timers.heap[0]
        timer_cancel(&self.timers, first.owner)
        return first.at_ns, first.owner
