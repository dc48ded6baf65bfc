/* CLOCK_MONOTONIC for every instant; kernel stamps are CLOCK_REALTIME and are moved over. */
#ifndef TRUTH_CLOCK_H
#define TRUTH_CLOCK_H
#include <time.h> /* before linux/errqueue.h, which wants struct timespec */

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t clock_now(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t monotonic_ns(void) { return clock_now(CLOCK_MONOTONIC); }

/* realtime - monotonic; readings between which the core was lost are thrown away. */
static int64_t clock_offset(int64_t previous) {
    for (int attempt = 0; attempt < 4; attempt++) {
        int64_t before = monotonic_ns(), real = clock_now(CLOCK_REALTIME), after = monotonic_ns();
        if (after - before < 2000 || (!previous && attempt == 3))
            return real - before - (after - before) / 2;
    }
    return previous;
}

static void stamps_ask(int fd) {
    int flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags);
}

/* recvmsg with the kernel's receive stamp (CLOCK_REALTIME ns) in *stamp_ns, 0 without one. */
static ssize_t stamps_receive(int fd, void *buffer, size_t bytes, int64_t *stamp_ns) {
    char control[128];
    struct iovec part = {buffer, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    *stamp_ns = 0;
    if (got <= 0) return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING) continue;
        struct scm_timestamping stamps;
        memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
        *stamp_ns = stamps.ts[0].tv_sec * 1000000000LL + stamps.ts[0].tv_nsec;
    }
    return got;
}

/* The kernel begins to stamp some time after it was asked: wait for a first stamp, 2 s at most.
 * The socket stays open, so that stamping stays on. Returns 0 when none came. */
static int stamps_wait(void) {
    struct sockaddr_in me = {.sin_family = AF_INET};
    socklen_t length = sizeof me;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof me)) return 0;
    getsockname(fd, (struct sockaddr *)&me, &length);
    stamps_ask(fd);
    for (int64_t end = monotonic_ns() + 2000000000LL; monotonic_ns() < end;) {
        char byte = 0;
        int64_t stamp = 0;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        sendto(fd, &byte, 1, 0, (struct sockaddr *)&me, sizeof me);
        poll(&wait, 1, 10);
        if (stamps_receive(fd, &byte, 1, &stamp) > 0 && stamp) return 1;
    }
    return 0;
}
#endif
