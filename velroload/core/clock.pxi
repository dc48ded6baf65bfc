# Two clocks and the way between them: CLOCK_MONOTONIC for every instant of ours, CLOCK_REALTIME
# for the kernel's receive stamps.

cdef extern from "<time.h>" nogil:
    ctypedef int clockid_t
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(clockid_t clock, timespec *now) noexcept
    clockid_t CLOCK_MONOTONIC
    clockid_t CLOCK_REALTIME
    clockid_t CLOCK_THREAD_CPUTIME_ID

cdef enum:
    CLOCK_JUMP_NS = 50_000

cdef struct vl_clock:
    int64_t offset_ns           # realtime - monotonic, as of the last reading
    int64_t read_ns             # CLOCK_MONOTONIC of that reading
    int64_t distrust_until_ns   # stamps older than this were taken before a jump
    uint64_t jumps


cdef inline int64_t clock_ns(clockid_t which) noexcept nogil:
    cdef timespec t
    clock_gettime(which, &t)
    return <int64_t> t.tv_sec * 1_000_000_000 + t.tv_nsec


cdef inline int64_t monotonic_ns() noexcept nogil:
    return clock_ns(CLOCK_MONOTONIC)


cdef int64_t clock_sync(vl_clock *clock) noexcept nogil:
    """Read both clocks; returns CLOCK_MONOTONIC now.

    The realtime reading is taken between two monotonic ones; if the process lost its core between
    them the reading is thrown away. A jump of the offset of more than CLOCK_JUMP_NS makes the
    stamps taken before this instant worthless: they fall back to the user clock.
    """
    cdef int64_t before = monotonic_ns()
    cdef int64_t real = clock_ns(CLOCK_REALTIME)
    cdef int64_t after = monotonic_ns()
    cdef int64_t offset
    cdef int64_t moved
    if after - before > 5_000 and clock.read_ns:
        return after
    offset = real - before - (after - before) // 2
    moved = offset - clock.offset_ns
    if clock.read_ns and (moved > CLOCK_JUMP_NS or moved < -CLOCK_JUMP_NS):
        clock.jumps += 1
        clock.distrust_until_ns = after
    clock.offset_ns = offset
    clock.read_ns = after
    return after
