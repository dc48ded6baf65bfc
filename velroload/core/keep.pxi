# Samples that are kept whole: the slowest of each phase × endpoint, and a uniform choice of all.

cdef extern from "<math.h>" nogil:
    double log(double) noexcept
    double exp(double) noexcept

cdef enum:
    TAIL_SIZE = 1000
    RESERVOIR_SIZE = 20000

cdef struct vl_tail:            # a min-heap: its root is the fastest of the slowest
    uint32_t used
    vl_tail_key heap[TAIL_SIZE]
    vl_sample samples[TAIL_SIZE]
    uint8_t fresh[TAIL_SIZE]    # entered since the last take

cdef struct vl_reservoir:
    uint64_t seen
    uint64_t next               # index of the next sample to keep
    uint64_t used
    uint64_t random
    double weight
    vl_sample *samples          # owned by the merger


cdef inline void sample_keep(vl_sample *kept, const vl_sample *s) noexcept nogil:
    """Copy it. Whether an answer was asked about the cache has been counted: unknown is 0 here."""
    kept[0] = s[0]
    if s.flags >> CACHE_SHIFT == CACHE_UNKNOWN:
        kept.flags &= <uint16_t> ~CACHE_MASK


cdef inline void tail_sink(vl_tail *tail, vl_tail_key key) noexcept nogil:
    """Put `key` in the root's place and let it sink."""
    cdef uint32_t at = 0
    cdef uint32_t child = 1
    while child < tail.used:
        if (child + 1 < tail.used
                and tail.heap[child + 1].response_ns < tail.heap[child].response_ns):
            child += 1
        if tail.heap[child].response_ns >= key.response_ns:
            break
        tail.heap[at] = tail.heap[child]
        at = child
        child = 2 * at + 1
    tail.heap[at] = key


cdef inline void tail_rise(vl_tail *tail, vl_tail_key key) noexcept nogil:
    """Append `key` and let it rise."""
    cdef uint32_t at = tail.used
    cdef uint32_t parent
    tail.used += 1
    while at:
        parent = (at - 1) // 2
        if tail.heap[parent].response_ns <= key.response_ns:
            break
        tail.heap[at] = tail.heap[parent]
        at = parent
    tail.heap[at] = key


cdef int64_t tail_offer(vl_tail *tail, const vl_sample *sample, int64_t response_ns) noexcept nogil:
    """Keep the sample if it is among the slowest; returns the response time that must be beaten."""
    cdef vl_tail_key key
    key.response_ns = response_ns
    if tail.used < TAIL_SIZE:
        key.slot = tail.used
        tail_rise(tail, key)
    elif response_ns > tail.heap[0].response_ns:
        key.slot = tail.heap[0].slot
        tail_sink(tail, key)
    else:
        return tail.heap[0].response_ns
    sample_keep(&tail.samples[key.slot], sample)
    tail.fresh[key.slot] = 1
    return tail.heap[0].response_ns if tail.used == TAIL_SIZE else -1


cdef inline uint64_t random_next(uint64_t *state) noexcept nogil:
    """splitmix64 (Steele, Lea and Flood, 2014)."""
    cdef uint64_t z
    state[0] += 0x9e3779b97f4a7c15ULL
    z = state[0]
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL
    return z ^ (z >> 31)


cdef inline double random_unit(uint64_t *state) noexcept nogil:
    """Uniform in (0, 1): never 0, whose logarithm is not finite."""
    return (<double> (random_next(state) >> 11) + 0.5) * (1.0 / 9007199254740992.0)


cdef void reservoir_skip(vl_reservoir *kept) noexcept nogil:
    """Choose the next sample to keep (Li's algorithm L, 1994): a compare per sample until then."""
    cdef double skip
    kept.weight *= exp(log(random_unit(&kept.random)) / RESERVOIR_SIZE)
    skip = log(random_unit(&kept.random)) / log(1.0 - kept.weight)
    kept.next = kept.seen + (<uint64_t> skip if skip < 1e18 else <uint64_t> 1 << 60)


cdef void reservoir_keep(vl_reservoir *kept, const vl_sample *sample) noexcept nogil:
    """Called for the sample with number `next`; the first RESERVOIR_SIZE are all kept."""
    if kept.used < RESERVOIR_SIZE:
        sample_keep(&kept.samples[kept.used], sample)
        kept.used += 1
        kept.next = kept.seen + 1
        if kept.used < RESERVOIR_SIZE:
            return
    else:
        sample_keep(&kept.samples[random_next(&kept.random) % RESERVOIR_SIZE], sample)
    kept.seen += 1              # the skip counts from the sample after this one
    reservoir_skip(kept)
    kept.seen -= 1


cdef inline void reservoir_offer(vl_reservoir *kept, const vl_sample *sample) noexcept nogil:
    if kept.seen >= kept.next:
        reservoir_keep(kept, sample)
    kept.seen += 1
