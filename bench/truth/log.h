/* The truth, one record per request, written to a file at the end.
 *
 * File: 32 bytes of header ("VLTRUTH1", uint32 record bytes, uint32 reserved, uint64 records,
 * uint64 requests that did not fit), then the records, little endian, in the order of answering.
 * All instants are CLOCK_MONOTONIC ns. received_ns is the kernel's stamp of the segment that
 * completed the request (CLOCK_REALTIME), moved over by the clocks' offset as read at that wake-up.
 */
#ifndef TRUTH_LOG_H
#define TRUTH_LOG_H
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LOG_USER_CLOCK = 1, /* no kernel stamp: received_ns is read_ns */
    LOG_ZERO = 2,       /* the /zero path: answered at once */
    LOG_HALF_CLOSED = 4,/* the client had closed its side before the answer */
    LOG_UNANSWERED = 8, /* the connection was gone or refused the answer; sent_ns is 0 */
};

struct record {
    int64_t id;          /* X-Id or ?n=…; -1 without */
    int64_t received_ns; /* kernel receive time of the request's last byte */
    int64_t read_ns;     /* when this process read it */
    int64_t sent_ns;     /* just before send() of the answer */
    int64_t planned_ns;  /* the planned delay, from received_ns */
    uint32_t connection; /* numbered from 0 in the order of accepting */
    uint32_t flags;      /* LOG_… */
};
_Static_assert(sizeof(struct record) == 48, "the Python reader's dtype has 48 bytes");

struct log {
    struct record *records; /* reserved at once, touched page by page */
    uint64_t count, limit, lost;
};

static int log_open(struct log *log, uint64_t limit) {
    log->limit = limit;
    log->records = mmap(NULL, limit * sizeof(struct record), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return log->records != MAP_FAILED;
}

static void log_add(struct log *log, const struct record *record) {
    if (log->count == log->limit)
        log->lost++;
    else
        log->records[log->count++] = *record;
}

static int log_write_all(int fd, const void *data, size_t bytes) {
    for (const char *p = data; bytes;) {
        ssize_t done = write(fd, p, bytes);
        if (done < 0 && errno != EINTR) return 0;
        if (done > 0) {
            p += done;
            bytes -= (size_t)done;
        }
    }
    return 1;
}

static int log_save(const struct log *log, const char *path) {
    struct {
        char magic[8];
        uint32_t record_bytes, reserved;
        uint64_t count, lost;
    } header = {{0}, sizeof(struct record), 0, log->count, log->lost};
    memcpy(header.magic, "VLTRUTH1", 8);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return 0;
    int good = log_write_all(fd, &header, sizeof header) &&
               log_write_all(fd, log->records, log->count * sizeof(struct record));
    return close(fd) == 0 && good;
}
#endif
