/* The framing of TLS records: the input is what a server sends. However it is cut, as many records
 * end, and the same state is left.
 */
static void records_try(const uint8_t *data, size_t size)
{
    STRUCT(vl_records) whole, cut;
    uint64_t random = hash(HASH_START, data, size);
    uint32_t ended, again = 0;
    size_t at = 0, n;
    char *piece = block(size);
    memset(&whole, 0, sizeof(whole));
    memset(&cut, 0, sizeof(cut));
    if (size)
        memcpy(piece, data, size);
    ended = CORE(records_count)(&whole, piece, size);
    free(piece);
    REQUIRE(ended <= size / VALUE(RECORD_HEAD));
    while (at < size) {
        n = vl_random_below(&random, 9);
        n = n < size - at ? n : size - at;
        piece = block(n);
        memcpy(piece, data + at, n);
        again += CORE(records_count)(&cut, piece, n);
        free(piece);
        at += n;
    }
    REQUIRE(again == ended);
    REQUIRE(cut.head_got == whole.head_got && cut.left == whole.left);
    REQUIRE(!memcmp(cut.head, whole.head, whole.head_got));
}
