# Pauses of our own: spans in which something was due and nobody looked. Whoever came due in one
# might have been served at once; the rest of that pause is generator lag, not the target's wait.
#
# Danger: starts that an old pause held up may still wait when the next one comes, so one window is
# not enough. A pause is forgotten when nobody who waits came due before its end.

cdef enum:
    PAUSES = 16                 # more at a time than a worker survives in good order
    PAUSE_NS = 1_000_000        # later than this, we were away

cdef struct vl_pauses:
    int64_t since_ns[PAUSES]    # in order of time, disjoint
    int64_t until_ns[PAUSES]
    uint32_t used


cdef void pauses_add(vl_pauses *p, int64_t since, int64_t until, int64_t oldest) noexcept nogil:
    """We were away from `since` to `until`; the oldest of those who wait came due at `oldest`.

    When there is no room, the gap before the new pause counts as ours too: never as the target's.
    """
    cdef uint32_t past = 0, i
    while past < p.used and p.until_ns[past] <= oldest:
        past += 1
    p.used -= past
    for i in range(p.used):
        p.since_ns[i] = p.since_ns[i + past]
        p.until_ns[i] = p.until_ns[i + past]
    while p.used and (p.used == PAUSES or since <= p.until_ns[p.used - 1]):
        p.used -= 1
        since = min(since, p.since_ns[p.used])
        until = max(until, p.until_ns[p.used])
    p.since_ns[p.used] = since
    p.until_ns[p.used] = until
    p.used += 1


cdef inline int64_t waited_until(const vl_pauses *p, int64_t due, int64_t freed) noexcept nogil:
    """When the target let go of what somebody due at `due` needed; never before `due`.

    `freed` is when it really became free, or would have, had we not been late before.
    """
    cdef uint32_t i = p.used
    if freed <= due:
        return due
    while i and due < p.until_ns[i - 1]:
        i -= 1
        if due >= p.since_ns[i]:
            return due if freed < p.until_ns[i] else due + freed - p.until_ns[i]
    return freed


@cython.final
cdef class Pauses:
    """The list of our own pauses, at the door. Prose in _core.pyi."""
    cdef vl_pauses p

    def add(self, int64_t since_ns, int64_t until_ns, int64_t oldest_ns):
        pauses_add(&self.p, since_ns, until_ns, oldest_ns)

    def waited_until(self, int64_t due_ns, int64_t freed_ns):
        return waited_until(&self.p, due_ns, freed_ns)

    def spans(self):
        return [(self.p.since_ns[i], self.p.until_ns[i]) for i in range(self.p.used)]
