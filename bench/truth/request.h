/* Just enough of HTTP/1.x for the ground-truth server: strict, bounded, one request at a time. */
#ifndef TRUTH_REQUEST_H
#define TRUTH_REQUEST_H
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* request_parse(): > 0 bytes of the head, < 0 minus the status to refuse with. */
enum { REQUEST_MORE = 0 };

struct request {
    int64_t id;            /* X-Id, or n=… of the query; -1 without */
    uint64_t body_bytes;   /* Content-Length */
    uint8_t zero;          /* path begins with /zero: answer at once */
    uint8_t head;          /* HEAD: no body in the answer */
    uint8_t keep_alive;    /* the connection stays open */
    uint8_t say_keep_alive;/* HTTP/1.0 wants to be told */
};

static int64_t request_number(const char *p, const char *end) {
    int64_t value = 0;
    const char *start = p;
    for (; p < end && isdigit((unsigned char)*p); p++) {
        if (value > (INT64_MAX - 9) / 10) return -1;
        value = value * 10 + (*p - '0');
    }
    return p == start ? -1 : value;
}

static int request_line(const char *p, const char *end, struct request *r) {
    const char *space = memchr(p, ' ', (size_t)(end - p));
    const char *last = memrchr(p, ' ', (size_t)(end - p));
    if (!space || last == space || space == p) return -400;
    for (const char *c = p; c < space; c++)
        if (!isupper((unsigned char)*c)) return -400;
    r->head = space - p == 4 && !memcmp(p, "HEAD", 4);
    const char *path = space + 1;
    if (*path != '/' || memchr(path, ' ', (size_t)(last - path))) return -400;
    if (end - last != 9 || memcmp(last + 1, "HTTP/1.", 7)) return -505;
    if (end[-1] != '0' && end[-1] != '1') return -505;
    r->keep_alive = end[-1] == '1';
    r->zero = last - path >= 5 && !memcmp(path, "/zero", 5);
    const char *query = memchr(path, '?', (size_t)(last - path));
    for (; query && query < last; query = memchr(query, '&', (size_t)(last - query))) {
        query++;
        if (last - query > 2 && query[0] == 'n' && query[1] == '=')
            r->id = request_number(query + 2, last);
    }
    return 1;
}

static int named(const char *p, const char *colon, const char *name) {
    return (size_t)(colon - p) == strlen(name) && !strncasecmp(p, name, strlen(name));
}

static int request_header(const char *p, const char *end, struct request *r, int old) {
    const char *colon = memchr(p, ':', (size_t)(end - p));
    if (!colon || colon == p || isspace((unsigned char)*p)) return -400;
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    if (named(p, colon, "content-length")) {
        int64_t length = request_number(value, end);
        if (length < 0) return -400;
        r->body_bytes = (uint64_t)length;
    } else if (named(p, colon, "transfer-encoding")) {
        return -501;
    } else if (named(p, colon, "x-id")) {
        r->id = request_number(value, end);
    } else if (named(p, colon, "connection")) {
        if (end - value >= 5 && !strncasecmp(value, "close", 5)) r->keep_alive = 0;
        if (old && end - value >= 10 && !strncasecmp(value, "keep-alive", 10))
            r->keep_alive = r->say_keep_alive = 1;
    }
    return 1;
}

/* Parse one head out of `bytes` bytes. */
static int request_parse(const char *p, size_t bytes, struct request *r) {
    memset(r, 0, sizeof *r);
    r->id = -1;
    const char *stop = memmem(p, bytes, "\r\n\r\n", 4);
    if (!stop) return REQUEST_MORE;
    const char *end = memmem(p, bytes, "\r\n", 2);
    int code = request_line(p, end, r);
    int old = !r->keep_alive;
    for (const char *line = end + 2; code > 0 && line < stop; line = end + 2) {
        end = memmem(line, (size_t)(stop + 2 - line), "\r\n", 2);
        code = request_header(line, end, r, old);
    }
    return code > 0 ? (int)(stop + 4 - p) : code;
}
#endif
