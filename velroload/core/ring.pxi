# The segment that a worker shares with the coordinator, and the single-producer single-consumer
# ring of samples in it.
#
# Contract. One memfd per worker, mapped by both. The worker is the only writer of everything but
# `tail`, which only the coordinator writes. `head` and `tail` run freely (never wrapped); slot =
# index & (capacity - 1). A full ring never blocks: the sample is counted in lost_* and dropped.
# The coordinator trusts nothing in here: it checks every index before it uses it.

cdef extern from *:
    """
    #define VL_SEGMENT_MAGIC 0x314c4f5256ULL   /* "VROL1" */
    #define VL_SEGMENT_VERSION 2
    #define VL_HEADER_BYTES 73728      /* counters, stalls, examples, phases */
    #define VL_COUNTERS_AT 256
    #define VL_STALLS_AT 4096
    #define VL_STALLS 128
    #define VL_EXAMPLES_AT 8192
    #define VL_EXAMPLES 192
    #define VL_EXAMPLE_BYTES 320
    #define VL_PHASES_AT 69632         /* 256 phases, their counters in turn */
    _Static_assert(VL_EXAMPLES_AT + VL_EXAMPLES * VL_EXAMPLE_BYTES == VL_PHASES_AT, "header");
    _Static_assert(VL_PHASES_AT + 256 * 2 * 8 == VL_HEADER_BYTES, "header");
    #define VL_IDLE_CLOSES_AT 6144
    #define VL_IDLE_CLOSES 256
    """
    enum:
        VL_SEGMENT_MAGIC
        VL_SEGMENT_VERSION
        VL_HEADER_BYTES
        VL_COUNTERS_AT
        VL_STALLS_AT
        VL_STALLS
        VL_EXAMPLES_AT
        VL_EXAMPLES
        VL_EXAMPLE_BYTES
        VL_IDLE_CLOSES_AT
        VL_IDLE_CLOSES
        VL_PHASES_AT

cdef enum:
    PHASE_STARTED = 0           # iterations
    PHASE_DROPPED = 1           # due, but no user was free until the phase was over
    PHASE_COUNTERS = 2

# The live counters, each a uint64 at VL_COUNTERS_AT + 8 * index. Only the worker writes them.
cdef enum:
    C_REQUESTS_STARTED          # advanced before connect or send: the truth for "started"
    C_REQUESTS_SENT             # advanced when the first byte was handed to the kernel
    C_REQUESTS_PLANNED          # steps of iterations begun and of users begun (their setup)
    C_REQUESTS_SKIPPED          # steps that chance or a condition left out
    C_REQUESTS_UNSTARTED        # steps not reached because their iteration ended early
    C_ITERATIONS_STARTED
    C_ITERATIONS_COMPLETED
    C_ITERATIONS_INTERRUPTED
    C_ITERATIONS_DROPPED        # due, but no VU was free and late = drop
    C_ITERATIONS_UNSTARTED      # planned, but the run was stopped before
    C_VUS_ACTIVE
    C_VUS_STARTED
    C_CONNECTIONS_OPEN
    C_CONNECTIONS_OPENED
    C_CONNECTIONS_CLOSED_BY_SERVER
    C_RETRIES
    C_LOST_REQUESTS
    C_LOST_ITERATIONS           # groups and hops too
    C_IN_FLIGHT                 # sent, not answered
    C_IN_FLIGHT_INTEGRAL        # request * ns, exact
    C_IN_FLIGHT_SINCE           # ns: when the integral was last advanced
    C_OPEN_AGE                  # ns: sum of the ages of those in flight when the run ended
    C_BYTES_OUT
    C_HEARTBEAT                 # ns, CLOCK_MONOTONIC
    C_POLLS
    C_WAITS                     # epoll_wait calls
    C_COLLECTIONS               # runs of Python's collector
    C_CLOCK_JUMPS
    C_STALLS                    # pauses of ours > 50 ms; the last VL_STALLS stand at VL_STALLS_AT
    C_CPU_NS                    # CLOCK_THREAD_CPUTIME_ID of the loop's thread
    C_SPIN_NS                   # of it, spent spinning on purpose
    C_WAITING                   # VUs or starts that wait for a connection or a free VU
    C_REQUESTS_DROPPED          # of the iterations dropped
    C_TLS_HANDSHAKES
    C_TLS_RESUMED               # of them, with an earlier session
    C_LOST_VALUES               # no room in the ring of values
    C_VALUES_IGNORED            # malformed, or of one name too many
    C_HOPS                      # exchanges of redirected requests, each with a sample of its own
    C_VALUES_TOO_LONG           # for their slot, which was left empty
    C_EXPRESSIONS_FAILED        # conditions that were false, values that were empty for it
    C_EXAMPLES                  # rows written at VL_EXAMPLES_AT
    C_CONNECTIONS_WARMED        # of those opened, before the start
    C_IDLE_CLOSES               # by the server; a choice of them stands at VL_IDLE_CLOSES_AT
    C_IDLE_CLOSE_LEAST          # ns from the last response to the server's FIN, 0 = none yet
    C_LOGINS                    # of sessions, done
    C_RENEWALS                  # of tokens, done
    C_REQUESTS_REPEATED         # after a 401 and a new log-in: planned once more
    C_LIVES_UNREADABLE          # tokens whose life could not be read: they are not renewed
    COUNTERS

cdef struct vl_ring:
    char *base                  # borrowed from the mapping; its owner unmaps it
    uint64_t *head_word
    uint64_t *tail_word
    uint64_t *counters
    vl_sample *slots
    uint64_t capacity           # a power of two
    uint64_t head
    uint64_t tail_seen


cdef inline uint64_t *segment_word(char *base, size_t offset) noexcept nogil:
    return <uint64_t *> (base + offset)


cdef void segment_format(char *base, uint64_t capacity) noexcept nogil:
    """Write the header of a fresh, zeroed segment."""
    segment_word(base, 8)[0] = VL_SEGMENT_VERSION
    segment_word(base, 16)[0] = capacity
    segment_word(base, 24)[0] = SAMPLE_SIZE
    segment_word(base, 32)[0] = COUNTERS
    vl_store_release(segment_word(base, 0), VL_SEGMENT_MAGIC)


cdef void ring_attach(vl_ring *ring, char *base, uint64_t capacity) noexcept nogil:
    """Become the producer. head at byte 128, tail at byte 192: cache lines of their own."""
    ring.base = base
    ring.head_word = segment_word(base, 128)
    ring.tail_word = segment_word(base, 192)
    ring.counters = segment_word(base, VL_COUNTERS_AT)
    ring.slots = <vl_sample *> (base + VL_HEADER_BYTES)
    ring.capacity = capacity
    ring.head = ring.head_word[0]
    ring.tail_seen = vl_load_acquire(ring.tail_word)


cdef inline vl_sample *ring_slot(vl_ring *ring) noexcept nogil:
    """The next free slot to fill in place, or NULL when the ring is full."""
    if ring.head - ring.tail_seen >= ring.capacity:
        ring.tail_seen = vl_load_acquire(ring.tail_word)
        if ring.head - ring.tail_seen >= ring.capacity:
            return NULL
    return &ring.slots[ring.head & (ring.capacity - 1)]


cdef inline void ring_publish(vl_ring *ring) noexcept nogil:
    """Hand the slot that ring_slot() gave to the consumer."""
    ring.head += 1
    vl_store_release(ring.head_word, ring.head)


cdef inline void count(vl_ring *ring, int which, uint64_t n) noexcept nogil:
    """Add to a live counter. One writer, so no read-modify-write atomics are needed."""
    vl_store_relaxed(&ring.counters[which], ring.counters[which] + n)


cdef inline void ring_stall(vl_ring *ring, int64_t at_ns, int64_t length_ns) noexcept nogil:
    """Record a pause of our own: pairs (at_ns since epoch, length_ns), the last VL_STALLS."""
    cdef uint64_t n = ring.counters[C_STALLS]
    cdef int64_t *pair = (<int64_t *> (ring.base + VL_STALLS_AT)) + 2 * (n % VL_STALLS)
    pair[0] = at_ns
    pair[1] = length_ns
    vl_store_release(&ring.counters[C_STALLS], n + 1)


cdef inline void ring_idle_close(vl_ring *ring, int64_t idle_ns) noexcept nogil:
    """The server closed a connection that was idle for so long. A uniform choice of VL_IDLE_CLOSES
    of them is kept (Vitter's algorithm R, 1985; the time's own digits are its chance)."""
    cdef uint64_t n = ring.counters[C_IDLE_CLOSES]
    cdef uint64_t least = ring.counters[C_IDLE_CLOSE_LEAST]
    cdef uint64_t chance = n + <uint64_t> idle_ns
    cdef uint64_t at = n if n < VL_IDLE_CLOSES else random_below(&chance, n + 1)
    if idle_ns < 1:
        idle_ns = 1
    if at < VL_IDLE_CLOSES:
        vl_store_relaxed(segment_word(ring.base, VL_IDLE_CLOSES_AT) + at, <uint64_t> idle_ns)
    if least == 0 or <uint64_t> idle_ns < least:
        vl_store_relaxed(&ring.counters[C_IDLE_CLOSE_LEAST], <uint64_t> idle_ns)
    vl_store_release(&ring.counters[C_IDLE_CLOSES], n + 1)
