/* LD_PRELOAD: counts allocations and times connect() from outside, so that no counter of ours has
 * to be believed. Every process writes into a shared file of its own, $LD_HOOK_DIR/PID, which the
 * bench reads while the process runs. glibc only. With PYTHONMALLOC=malloc Python's objects are
 * counted too (its free lists are not).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTS = 65536 };

struct table { /* bench/hook.py reads it; little endian */
    char magic[8];
    uint64_t mallocs, callocs, reallocs, aligned, mmaps, bytes;
    uint64_t connects;               /* to IPv4 addresses, in their order */
    uint32_t connect_ns[CONNECTS];   /* how long each call took, saturating */
};

static struct table *table; /* NULL until the constructor ran, and in a child that did not exec */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void add(uint64_t *counter, uint64_t n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }

static void forget(void) { table = NULL; }

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("LD_HOOK_DIR");
    char path[512];
    if (!folder || snprintf(path, sizeof path, "%s/%d", folder, getpid()) >= (int)sizeof path)
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (ftruncate(fd, sizeof *table) == 0) {
        long at = syscall(SYS_mmap, NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != -1) {
            memcpy((void *)at, "VLHOOK01", 8);
            table = (struct table *)at;
            pthread_atfork(NULL, NULL, forget);
        }
    }
    close(fd);
}

void *malloc(size_t bytes) {
    if (table) add(&table->mallocs, 1), add(&table->bytes, bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    if (table) add(&table->callocs, 1), add(&table->bytes, count * bytes);
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    if (table) add(&table->reallocs, 1), add(&table->bytes, bytes);
    return __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    if (table) add(&table->aligned, 1), add(&table->bytes, bytes);
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **where, size_t alignment, size_t bytes) {
    void *memory = memalign(alignment, bytes);
    if (memory) *where = memory;
    return memory ? 0 : ENOMEM;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    if (table) add(&table->mmaps, 1);
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    return mmap(at, bytes, protection, flags, fd, offset);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    if (!table || !address || address->sa_family != AF_INET)
        return (int)syscall(SYS_connect, fd, address, length);
    int64_t before = now_ns();
    int done = (int)syscall(SYS_connect, fd, address, length);
    int64_t took = now_ns() - before;
    uint64_t place = __atomic_fetch_add(&table->connects, 1, __ATOMIC_RELAXED);
    if (place < CONNECTS)
        table->connect_ns[place] = took < (int64_t)UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    return done;
}
