# HdrHistogram's bins and what is kept per phase × endpoint × outcome and per second × endpoint.
#
# Nanoseconds, lowest 100, highest one hour. Below 2,048 (256) units of 64 ns the bins are even;
# above, each power of two has 1,024 (128) of them: 3 (2) significant digits.
# Source: HdrHistogram's countsArrayIndex; tests hold it to the hdrhistogram package.

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #define VALUE_LIMIT_NS (1ULL << 42)     /* the bins end here; longer goes into the last one */
    #define NO_TIME_NS INT64_MAX
    #define vl_prefetch(p) __builtin_prefetch(p)
    static inline uint64_t vl_double_bits(uint64_t units) {
        double value = (double) (int64_t) units;   /* exact: units < 2^36 */
        uint64_t bits;
        __builtin_memcpy(&bits, &value, sizeof bits);
        return bits;
    }
    """
    uint64_t VALUE_LIMIT_NS
    int64_t NO_TIME_NS
    void vl_prefetch(const void *) noexcept nogil
    uint64_t vl_double_bits(uint64_t units) noexcept nogil

cdef enum:
    BINS_3 = 27648
    BINS_3_STRIDE = 27648 + 208     # else equal bins of all quantities fall on one cache set
    BINS_2 = 3840
    QUANTITIES = 8
    Q_RESPONSE = 0              # end - scheduled
    Q_SERVICE = 1               # end - sent; group and iteration: response - think time
    Q_GENERATOR_LAG = 2         # sent - scheduled - wait - connect - tls
    Q_READ_LAG = 3
    Q_WAIT = 4
    Q_CONNECT = 5
    Q_TLS = 6
    Q_FIRST_BYTE = 7

cdef enum:
    # Status codes stand at 0-999 and error kinds at 1000-1255.
    N_ERROR = 1000
    N_OK = 1256
    N_FAILED = 1257
    N_TRANSPORT = 1258
    N_BYTES_IN = 1259
    N_SENT = 1260
    N_USER_CLOCK = 1261
    N_COALESCED = 1262
    N_PREEMPTED = 1263
    N_RETRIED = 1264
    N_NEW_CONNECTION = 1265
    N_KERNEL_STAMP = 1266
    N_SCHEDULED = 1267
    N_AGE = 1268                # + age class of the connection, 0-3
    N_CACHE = 1272              # + CACHE_MISS to CACHE_L3; itself: asked, and not told
    N_USERS = 1288              # 1278-1287: free
    COUNTS_SIZE = 1289

cdef struct vl_cell:            # one histogram of one quantity
    uint32_t *bins              # borrowed from the row that holds this cell
    uint64_t sum_ns             # unsigned: a hostile worker may make it wrap
    int64_t min_ns              # NO_TIME_NS while empty
    int64_t max_ns              # -1 while empty

cdef struct vl_cells:             # phase × endpoint × outcome
    vl_cell cells[QUANTITIES]

cdef struct vl_block:           # phase × endpoint × second
    int64_t second
    size_t pair                 # phase * endpoints + endpoint
    uint32_t low[2]             # touched bins of each series: low..high, empty when low > high
    uint32_t high[2]
    int64_t counts[COUNTS_SIZE]
    uint32_t series[2][BINS_2]  # response and service

cdef struct vl_tail_key:
    int64_t response_ns
    uint64_t slot


# A double has the same layout as these bins, its exponent followed by its leading digits, and
# converting is cheaper than counting leading zeros (bsr is 8 micro-operations on AMD).

cdef inline uint32_t bin_3(uint64_t value_ns) noexcept nogil:
    cdef uint64_t units = value_ns >> 6
    cdef uint64_t wide = (vl_double_bits(units) >> 42) - (1023 + 10 - 1) * 1024
    if value_ns >= VALUE_LIMIT_NS:
        return BINS_3 - 1
    return <uint32_t> (units if units < 1024 else wide)


cdef inline uint32_t bin_2(uint64_t value_ns) noexcept nogil:
    cdef uint64_t units = value_ns >> 6
    cdef uint64_t wide = (vl_double_bits(units) >> 45) - (1023 + 7 - 1) * 128
    if value_ns >= VALUE_LIMIT_NS:
        return BINS_2 - 1
    return <uint32_t> (units if units < 128 else wide)


cdef inline void lane_add(uint32_t **lane, uint32_t *bin) noexcept nogil:
    """Count in the bin that this lane fetched some samples ago, and fetch `bin` for later.

    Bins of many endpoints do not fit the caches: waiting for them was half of a sample's cost.
    """
    lane[0][0] += 1
    lane[0] = bin
    vl_prefetch(bin)


cdef inline void cell_add(vl_cell *cell, uint32_t **lane, int64_t value_ns) noexcept nogil:
    lane_add(lane, &cell.bins[bin_3(<uint64_t> value_ns)])
    cell.sum_ns += <uint64_t> value_ns
    if value_ns < cell.min_ns:
        cell.min_ns = value_ns
    if value_ns > cell.max_ns:
        cell.max_ns = value_ns


cdef inline void cell_clear(vl_cell *cell) noexcept nogil:
    cell.sum_ns = 0
    cell.min_ns = NO_TIME_NS
    cell.max_ns = -1


cdef vl_cells *row_new() noexcept nogil:
    """A row and its bins in one piece; the kernel gives pages to touched bins only."""
    cdef size_t bins_bytes = QUANTITIES * BINS_3_STRIDE * sizeof(uint32_t)
    cdef char *piece = <char *> calloc(1, sizeof(vl_cells) + bins_bytes)
    cdef vl_cells *row = <vl_cells *> piece
    cdef int quantity
    if piece == NULL:
        return NULL
    for quantity in range(QUANTITIES):
        row.cells[quantity].bins = (
            <uint32_t *> (piece + sizeof(vl_cells)) + <size_t> quantity * BINS_3_STRIDE)
        cell_clear(&row.cells[quantity])
    return row


cdef inline void series_add(vl_block *block, int quantity, uint32_t **lane,
                            int64_t value_ns) noexcept nogil:
    cdef uint32_t which = bin_2(<uint64_t> value_ns)
    lane_add(lane, &block.series[quantity][which])
    if which < block.low[quantity]:
        block.low[quantity] = which
    if which > block.high[quantity]:
        block.high[quantity] = which


cdef void block_open(vl_block *block, size_t pair, int64_t second) noexcept nogil:
    """Name a zeroed block."""
    block.second = second
    block.pair = pair
    block.low[0] = block.low[1] = BINS_2
    block.high[0] = block.high[1] = 0
