# Rows of data sets, where velroload/protocol/table.py has put them: sealed memory of the machine
# that every worker maps and none copies. A user holds the numbers of its rows; a cell is a slot
# whose text lies here.
#
# Contract. A header of 64 bytes (magic, rows, columns, where the index lies), blocks of 1,024 rows,
# and the index: a uint64 per block, where it begins. A block is a uint32 per cell, row by row: the
# end of its text, counted from behind them; then the texts.

cdef extern from *:
    """
    #define VL_TABLE_MAGIC 0x31574F52564C4F41ULL
    #define VL_BLOCK_BITS 10
    typedef struct {
        uint64_t magic;
        uint64_t rows;
        uint64_t columns;
        uint64_t index_at;
        uint64_t pad[4];
    } vl_table_head;
    typedef struct {
        uint32_t at;             /* of an own slot: where in the user's row; of a cell: column */
        uint32_t room;           /* bytes that the text may have */
        uint32_t table;          /* of a cell: which data set, from 1; 0 = the user's own */
        uint32_t pad;
    } vl_slot;
    _Static_assert(sizeof(vl_table_head) == 64 && sizeof(vl_slot) == 16, "data layout");
    """
    ctypedef struct vl_table_head:
        uint64_t magic
        uint64_t rows
        uint64_t columns
        uint64_t index_at
    ctypedef struct vl_slot:
        uint32_t at
        uint32_t room
        uint32_t table
    enum:
        VL_BLOCK_BITS
    uint64_t VL_TABLE_MAGIC

cdef enum:
    PICK_SEQUENTIAL = 0         # circular is the same that repeats; once, the same that does not
    PICK_RANDOM
    PICK_SHUFFLE
    PICK_UNIQUE
    PICKS

cdef enum:
    AT_END_STOP = 0
    AT_END_REPEAT
    AT_END_FAIL
    AT_ENDS

cdef struct vl_table:
    const char *data            # borrowed from a buffer that Engine holds
    uint64_t size
    const uint64_t *index
    uint64_t n_rows
    uint64_t n_columns
    uint64_t taken              # rows that this worker has taken in turn
    uint64_t seed               # of shuffles
    uint64_t starved            # users of this worker that it had no row for
    uint8_t pick
    uint8_t at_end


cdef inline const char *cell_text(vl_table *table, uint64_t row, uint32_t column, uint32_t room,
                                  uint32_t *n) noexcept nogil:
    """A cell; an empty one where the memory is not what the contract says."""
    cdef uint64_t block = row >> VL_BLOCK_BITS
    cdef uint64_t first = block << VL_BLOCK_BITS
    cdef uint64_t cells = min(table.n_rows - first, <uint64_t> 1 << VL_BLOCK_BITS) \
        * table.n_columns
    cdef uint64_t at = table.index[block], i = (row - first) * table.n_columns + column
    cdef const uint32_t *ends
    cdef uint32_t begin = 0
    n[0] = 0
    if at % 4 or at > table.size or cells * 4 > table.size - at:
        return table.data
    ends = <const uint32_t *> (table.data + at)
    at += cells * 4
    if i:
        begin = ends[i - 1]
    if ends[i] < begin or ends[i] > table.size - at or ends[i] - begin > room:
        return table.data
    n[0] = ends[i] - begin
    return table.data + at + begin


cdef uint64_t mixed(uint64_t key) noexcept nogil:
    """A number that looks like chance, the same for the same key."""
    return random_u64(&key)


cdef uint64_t shuffled(uint64_t seed, uint64_t lap, uint64_t n, uint64_t i) noexcept nogil:
    """The i-th of n rows in the lap's random order: a permutation that needs no memory, and is the
    same for every worker. A Feistel network of six rounds over the smallest fitting domain, walked
    until it lands below n (Black and Rogaway, 2002)."""
    cdef uint64_t key = mixed(seed + lap), left, right, other
    cdef int half = 4, turn
    while half < 31 and (<uint64_t> 1 << 2 * half) < n:
        half += 1
    cdef uint64_t mask = (<uint64_t> 1 << half) - 1
    while True:
        left, right = i >> half, i & mask
        for turn in range(6):
            other = left ^ (mixed(key + (right << 8) + <uint64_t> turn) & mask)
            left, right = right, other
        i = left << half | right
        if i < n:
            return i
