# When the next start is due. A pacer walks the rows of one stream (arrivals, or VUs going up and
# down) that velroload/load compiled for this worker, in time order, and hands out every start of
# its own exactly once. It reads no clock: the caller compares pacer_due() with its own `now`.
#
# Uniform start number i of a row stands at the cumulative position offset + i * stride (in starts
# of the whole stream); the instant is the inverse of the cumulative rate there, computed anew for
# each start, so that nothing drifts. Poisson starts are the row's `count` uniform points in order,
# drawn one by one: given how many are left, the next gap has a closed form.

cdef extern from *:
    """
    typedef struct {
        int64_t start_ns;     /* since the run's epoch */
        int64_t end_ns;
        double from_value;    /* starts per second of the whole stream, or VUs, at start_ns */
        double to_value;      /* the same at end_ns */
        double offset;        /* position of the first own start within this row, in starts */
        int64_t count;        /* own starts in this row */
        int64_t first_id;     /* global id of the first own start, or VU */
        uint32_t stride;      /* from one own id, and position, to the next */
        uint8_t kind;         /* ROW_* */
        uint8_t pad[3];
    } vl_row;
    _Static_assert(sizeof(vl_row) == 64, "a row is one cache line");

    typedef struct {
        int64_t id;
        int64_t due_ns;
        uint8_t kind;
    } vl_start;

    typedef struct {
        const vl_row *row;    /* borrowed; the current one, or `last` when all are taken */
        const vl_row *last;   /* one behind the end */
        uint64_t random;
        int64_t index;        /* starts of the current row that are taken */
        int64_t remaining;    /* starts of all rows that are not */
        int64_t due_ns;
        double slope;         /* of the current row, in starts per second squared */
        double starts;        /* expected in the current row, all workers together */
        double rest;          /* Poisson: share of the row that is still ahead */
    } vl_pacer;
    """
    ctypedef struct vl_row:
        int64_t start_ns
        int64_t end_ns
        double from_value
        double to_value
        double offset
        int64_t count
        int64_t first_id
        uint32_t stride
        uint8_t kind
    ctypedef struct vl_start:
        int64_t id
        int64_t due_ns
        uint8_t kind
    ctypedef struct vl_pacer:
        const vl_row *row
        const vl_row *last
        uint64_t random
        int64_t index
        int64_t remaining
        int64_t due_ns
        double slope
        double starts
        double rest

cdef enum:
    ROW_SIZE = 64

cdef enum:
    ROW_UNIFORM = 0
    ROW_POISSON = 1
    ROW_VUS_UP = 2
    ROW_VUS_DOWN = 3

cdef enum:
    NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef inline double pacer_instant(const vl_pacer *p) noexcept nogil:
    """Nanoseconds from the row's start to its current start (which must not be the row's end)."""
    cdef const vl_row *row = p.row
    cdef double at
    cdef double square
    if row.kind == ROW_POISSON:
        at = (1.0 - p.rest) * p.starts
    else:
        at = row.offset + <double> (p.index * row.stride)
    if at <= 0.0:
        return 0.0
    if row.kind >= ROW_VUS_UP:
        return <double> (row.end_ns - row.start_ns) * (at / fabs(row.to_value - row.from_value))
    if p.slope == 0.0:
        return at / row.from_value * 1e9
    square = row.from_value * row.from_value + 2.0 * p.slope * at
    if square < 0.0:
        square = 0.0            # rounding, at the very end of a ramp to zero
    return 2.0 * at / (row.from_value + sqrt(square)) * 1e9


cdef inline void pacer_place(vl_pacer *p) noexcept nogil:
    """Compute due_ns of the current start. Due instants never go back, whatever the rounding."""
    cdef const vl_row *row = p.row
    cdef int64_t latest = row.end_ns
    cdef int64_t due
    if row.kind == ROW_POISSON:
        p.rest *= exp(log(1.0 - random_double(&p.random)) / <double> (row.count - p.index))
    if row.kind < ROW_VUS_UP:
        latest -= 1             # an arrival belongs before the end of its row
    due = row.start_ns + <int64_t> (pacer_instant(p) + 0.5)
    if due > latest:
        due = latest
    if due > p.due_ns:
        p.due_ns = due


cdef void pacer_enter(vl_pacer *p) noexcept nogil:
    """Go on to the first row, from p.row on, that holds a start; finish when there is none."""
    cdef double seconds
    while p.row != p.last and p.row.count <= 0:
        p.row += 1
    p.index = 0
    if p.row == p.last:
        p.due_ns = NEVER_NS
        return
    seconds = <double> (p.row.end_ns - p.row.start_ns) / 1e9
    p.slope = 0.0
    if seconds > 0.0:
        p.slope = (p.row.to_value - p.row.from_value) / seconds
    p.starts = (p.row.from_value + p.row.to_value) / 2.0 * seconds
    p.rest = 1.0
    pacer_place(p)


cdef void pacer_open(vl_pacer *p, const vl_row *rows, int64_t n, uint64_t seed) noexcept nogil:
    """Begin with the first of n rows, which stay the caller's and must outlive the pacer."""
    cdef int64_t i
    p.row = rows
    p.last = rows + n
    p.random = seed
    p.due_ns = -NEVER_NS
    p.remaining = 0
    for i in range(n):
        if rows[i].count > 0:
            p.remaining += rows[i].count
    pacer_enter(p)


cdef inline int64_t pacer_due(const vl_pacer *p) noexcept nogil:
    """When the next start is due, ns since the run's epoch; NEVER_NS when none is left."""
    return p.due_ns


cdef inline int64_t pacer_remaining(const vl_pacer *p) noexcept nogil:
    """Own starts that were not taken yet, exact."""
    return p.remaining


cdef inline void pacer_take(vl_pacer *p, vl_start *out) noexcept nogil:
    """Hand out the next start and advance. Only while pacer_due() is not NEVER_NS."""
    cdef const vl_row *row = p.row
    cdef int64_t step = p.index * <int64_t> row.stride
    out.id = row.first_id - step if row.kind == ROW_VUS_DOWN else row.first_id + step
    out.due_ns = p.due_ns
    out.kind = row.kind
    p.remaining -= 1
    p.index += 1
    if p.index < row.count:
        pacer_place(p)
    else:
        p.row += 1
        pacer_enter(p)


@cython.final
cdef class Pacer:
    """One stream of starts, at the door. Prose in _core.pyi."""
    cdef bytes rows             # owns the memory that p.row borrows
    cdef vl_pacer p

    def __cinit__(self, bytes rows, uint64_t seed):
        if len(rows) % ROW_SIZE:
            raise ValueError(f"rows of {ROW_SIZE} bytes are needed, got {len(rows)} bytes")
        self.rows = rows
        pacer_open(&self.p, <const vl_row *> <const char *> self.rows, len(rows) // ROW_SIZE, seed)

    @property
    def remaining(self):
        return pacer_remaining(&self.p)

    def due(self):
        return pacer_due(&self.p)

    def take(self):
        cdef vl_start start
        if pacer_due(&self.p) == NEVER_NS:
            return None
        pacer_take(&self.p, &start)
        return start.kind, start.id, start.due_ns

    def drain_all(self):
        """All that is left, as (due instants, ids): int64 arrays in bytes."""
        cdef int64_t n = pacer_remaining(&self.p)
        cdef int64_t i
        cdef vl_start start
        cdef bytearray dues = bytearray(8 * n)
        cdef bytearray ids = bytearray(8 * n)
        cdef int64_t *due = <int64_t *> <char *> dues
        cdef int64_t *id_ = <int64_t *> <char *> ids
        with nogil:
            for i in range(n):
                pacer_take(&self.p, &start)
                due[i] = start.due_ns
                id_[i] = start.id
        return bytes(dues), bytes(ids)
