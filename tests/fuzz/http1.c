/* The response parser: the input is what a server sends. Fed whole, byte by byte and in random
 * pieces, with and without the body, after GET and after HEAD, all must come to the same verdict.
 */
#define PARSER STRUCT(vl_http1)
#define ROWS 3
#define CUT_WHOLE 0
#define CUT_BYTES 1
#define CUT_RANDOM 2

typedef struct {
    uint8_t head, want_body, cut;
} vl_way;

typedef struct { /* words only: there is no padding, and memcmp compares */
    uint64_t code, eof_code, error, eof_error, keep_alive, body_bytes, body_hash;
    /* of a response that is not broken: a broken one has no status to rely on and no end */
    uint64_t close_delimited, head_done, interim, has_length, status, content_length, used;
    uint64_t kept_hash; /* of a complete one */
} vl_told;

static const struct {
    const char *name;
    uint32_t capacity;
} http1_kept[ROWS] = {{"location", 8}, {"set-cookie", 24}, {"content-length", 1}};

static size_t http1_cut(uint8_t way, size_t left, uint64_t *random)
{
    static const size_t most[] = {2, 4, 20, 300};
    size_t n;
    if (way == CUT_WHOLE)
        return left;
    if (way == CUT_BYTES)
        return left < 1 ? left : 1;
    n = vl_random_below(random, most[vl_random_below(random, 4)]);
    return n < left ? n : left;
}

/* One piece in memory of its own, gone when the parser has seen it. Returns the bytes used. */
static size_t http1_piece_try(PARSER *h, const uint8_t *data, size_t size, vl_told *told)
{
    char *piece = block(size);
    size_t at = 0, used;
    int code;
    if (size)
        memcpy(piece, data, size);
    do {
        used = size + 1;
        code = CORE(http1_feed)(h, piece + at, size - at, &used);
        REQUIRE(used <= size - at);
        if (code == VALUE(HTTP_BODY)) {
            REQUIRE(h->want_body && h->body_span > 0);
            REQUIRE(h->body_at <= used && h->body_span <= used - h->body_at);
            told->body_hash = hash(told->body_hash, piece + at + h->body_at, h->body_span);
        }
        at += used;
    } while (code == VALUE(HTTP_BODY));
    free(piece);
    REQUIRE(code == VALUE(HTTP_NEED_MORE) || code == VALUE(HTTP_DONE) || code == VALUE(HTTP_BAD));
    REQUIRE(code != VALUE(HTTP_NEED_MORE) || at == size);
    told->code = (uint64_t) code;
    return at;
}

static void http1_eof_try(PARSER *h, vl_told *told)
{
    PARSER closed = *h;
    told->eof_code = (uint64_t) CORE(http1_eof)(&closed);
    told->eof_error = closed.error;
    if (told->code != VALUE(HTTP_NEED_MORE))
        REQUIRE(told->eof_code == told->code);
    else if (told->eof_code == VALUE(HTTP_DONE))
        REQUIRE(h->close_delimited && !h->keep_alive);
    else
        REQUIRE(told->eof_code == VALUE(HTTP_BAD) && closed.error);
}

/* A verdict stands, and takes nothing of what follows. */
static void http1_stands(PARSER *h, uint64_t code)
{
    PARSER before;
    size_t used = 1;
    memcpy(&before, h, sizeof(before));
    REQUIRE((uint64_t) CORE(http1_feed)(h, "HTTP/1.1 200 OK\r\n\r\n", 19, &used) == code);
    REQUIRE(used == 0);
    REQUIRE(!memcmp(&before, h, sizeof(before)));
}

static void http1_tell(PARSER *h, STRUCT(vl_http1_wanted) *rows, size_t used, vl_told *told)
{
    int i;
    told->error = h->error;
    told->keep_alive = h->keep_alive;
    told->body_bytes = h->body_bytes;
    REQUIRE(told->body_bytes <= used);
    REQUIRE((told->code == VALUE(HTTP_BAD)) == (h->error != 0));
    if (told->code == VALUE(HTTP_BAD)) {
        REQUIRE(!h->keep_alive);
        return;
    }
    told->close_delimited = h->close_delimited;
    told->head_done = h->head_done;
    told->interim = h->interim;
    told->has_length = h->has_length;
    told->status = h->status;
    told->content_length = h->content_length;
    told->used = used;
    if (told->code != VALUE(HTTP_DONE))
        return;
    REQUIRE(h->head_done && 200 <= h->status && h->status <= 999);
    REQUIRE(h->head_request || !h->has_length || h->status == 204 || h->status == 304
            || h->body_bytes == h->content_length);
    told->kept_hash = HASH_START;
    for (i = 0; i < ROWS; i++) {
        REQUIRE(rows[i].length <= rows[i].capacity);
        told->kept_hash = hash(told->kept_hash, rows[i].buf, rows[i].length);
        told->kept_hash = hash(told->kept_hash, &rows[i].truncated, 1);
    }
}

/* Parse with a parser that may be in any state: http1_reset() has to be enough. */
static vl_told http1_run(PARSER *h, const uint8_t *data, size_t size, vl_way way)
{
    STRUCT(vl_http1_wanted) rows[ROWS];
    vl_told told;
    uint64_t random = hash(HASH_START, data, size);
    size_t at = 0, n;
    int i;
    memset(&told, 0, sizeof(told));
    told.body_hash = HASH_START;
    CORE(http1_reset)(h, way.head);
    h->want_body = way.want_body;
    for (i = 0; i < ROWS; i++) {
        rows[i].name = http1_kept[i].name;
        rows[i].name_length = (uint16_t) strlen(http1_kept[i].name);
        rows[i].capacity = http1_kept[i].capacity;
        rows[i].buf = block(rows[i].capacity);
    }
    CORE(http1_want)(h, rows, ROWS);
    do {
        n = http1_cut(way.cut, size - at, &random);
        at += http1_piece_try(h, data + at, n, &told);
    } while (told.code == VALUE(HTTP_NEED_MORE) && at < size);
    http1_tell(h, rows, at, &told);
    http1_eof_try(h, &told);
    if (told.code != VALUE(HTTP_NEED_MORE))
        http1_stands(h, told.code);
    for (i = 0; i < ROWS; i++)
        free(rows[i].buf);
    return told;
}

static PARSER *http1_dirty(PARSER *h)
{
    memset(h, 0xA5, sizeof(*h));
    return h;
}

/* What follows a complete response is the next one's, whatever this one was. */
static void http1_next(PARSER *h, const uint8_t *data, size_t size, vl_told *whole, vl_way way)
{
    vl_told again = http1_run(h, data, whole->used, way), next, fresh;
    PARSER other;
    REQUIRE(!memcmp(&again, whole, sizeof(again)));
    next = http1_run(h, data + whole->used, size - whole->used, way);
    fresh = http1_run(http1_dirty(&other), data + whole->used, size - whole->used, way);
    REQUIRE(!memcmp(&next, &fresh, sizeof(next)));
    again = http1_run(h, data, whole->used - 1, way);
    REQUIRE(again.code == VALUE(HTTP_NEED_MORE));
}

/* Interim responses in front change nothing, whatever they say. */
static void http1_after_hints(PARSER *h, const uint8_t *data, size_t size, vl_told *whole,
                              vl_way way)
{
    static const char hints[] = "HTTP/1.0 103 H\r\nConnection: close\r\nContent-Length: 9\r\n"
                                "Set-Cookie: early\r\n\r\n"
                                "HTTP/1.1 102 P\r\nTransfer-Encoding: chunked\r\n\r\n";
    const size_t before = sizeof(hints) - 1;
    uint8_t *both = block(before + size);
    vl_told told;
    memcpy(both, hints, before);
    memcpy(both + before, data, size);
    told = http1_run(http1_dirty(h), both, before + size, way);
    if (h->interim <= VALUE(HTTP1_INTERIM_MAX)) {
        if (told.code != VALUE(HTTP_BAD)) {
            told.interim -= 2;
            told.used -= before;
        }
        REQUIRE(!memcmp(&told, whole, sizeof(told)));
    }
    free(both);
}

static void http1_try(const uint8_t *data, size_t size)
{
    PARSER *h = block(sizeof(PARSER));
    vl_way way;
    vl_told whole, told;
    for (way.head = 0; way.head < 2; way.head++) {
        way.want_body = 1;
        way.cut = CUT_WHOLE;
        whole = http1_run(http1_dirty(h), data, size, way);
        if (whole.code == VALUE(HTTP_DONE))
            http1_next(h, data, size, &whole, way);
        if (size)
            http1_after_hints(h, data, size, &whole, way);
        for (way.cut = CUT_BYTES; way.cut <= CUT_RANDOM; way.cut++) {
            told = http1_run(http1_dirty(h), data, size, way);
            REQUIRE(!memcmp(&told, &whole, sizeof(told)));
        }
        way.want_body = 0;
        for (way.cut = CUT_WHOLE; way.cut <= CUT_RANDOM; way.cut += CUT_RANDOM) {
            told = http1_run(http1_dirty(h), data, size, way);
            told.body_hash = whole.body_hash;
            REQUIRE(!memcmp(&told, &whole, sizeof(told)));
        }
    }
    free(h);
}
