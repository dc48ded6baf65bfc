/* The floor: a bare epoll HTTP/1.1 loop. Below its CPU per request nothing can go on a machine.
 *
 * floor HOST:PORT PATH CONNECTIONS SECONDS
 *
 * Closed load: every connection sends the same request again as soon as something arrived. It
 * parses nothing and times nothing; a response must fit into one read (the bench's are ~350
 * bytes). Prints one line of JSON. CPU is that of the loop, connecting excluded; the bench also
 * measures the whole process from outside.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024, BUFFER_BYTES = 65536 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double seconds_of(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address_of(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (!colon || length >= sizeof host) {
        fprintf(stderr, "floor: %s: not HOST:PORT\n", text);
        exit(2);
    }
    memcpy(host, text, length);
    host[length] = 0;
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        fprintf(stderr, "floor: %s: not an IPv4 address\n", host);
        exit(2);
    }
    return address;
}

static int open_connection(int epoll, const struct sockaddr_in *address) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address)) fail("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    return fd;
}

struct totals {
    int64_t requests, waits, closed;
};

static void loop(int epoll, const char *request, size_t bytes, int64_t end, struct totals *sum) {
    static char buffer[BUFFER_BYTES];
    static struct epoll_event events[EVENTS];
    while (now_ns() < end) {
        int ready = epoll_wait(epoll, events, EVENTS, 100);
        sum->waits++;
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got > 0) {
                sum->requests++;
                if (send(fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) got = 0; /* gone */
            }
            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                sum->closed++;
                close(fd);
            }
        }
    }
}

int main(int count, char **argument) {
    if (count != 5) {
        fprintf(stderr, "usage: floor HOST:PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    struct sockaddr_in address = address_of(argument[1]);
    int connections = atoi(argument[3]);
    double duration_s = atof(argument[4]);
    char request[2048];
    int bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                         argument[2], argument[1]);
    if (connections < 1 || duration_s <= 0 || bytes >= (int)sizeof request) {
        fprintf(stderr, "floor: needs a connection, a duration and a path below 2 KiB\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int epoll = epoll_create1(0);
    int *sockets = malloc(sizeof(int) * (size_t)connections);
    if (!sockets) fail("malloc");
    for (int i = 0; i < connections; i++) sockets[i] = open_connection(epoll, &address);
    struct rusage before, after;
    struct totals sum = {0};
    getrusage(RUSAGE_SELF, &before);
    int64_t start = now_ns();
    for (int i = 0; i < connections; i++)
        if (send(sockets[i], request, (size_t)bytes, MSG_NOSIGNAL) != bytes) fail("send");
    loop(epoll, request, (size_t)bytes, start + (int64_t)(duration_s * 1e9), &sum);
    double elapsed_s = (now_ns() - start) / 1e9;
    getrusage(RUSAGE_SELF, &after);
    free(sockets);
    double user_s = seconds_of(after.ru_utime) - seconds_of(before.ru_utime);
    double system_s = seconds_of(after.ru_stime) - seconds_of(before.ru_stime);
    double each = sum.requests ? 1e6 / (double)sum.requests : 0;
    printf("{\"connections\": %d, \"requests\": %lld, \"elapsed_s\": %.6f, \"rps\": %.1f, "
           "\"cpu_us_per_request\": %.4f, \"user_us_per_request\": %.4f, "
           "\"system_us_per_request\": %.4f, \"requests_per_wait\": %.2f, \"closed\": %lld}\n",
           connections, (long long)sum.requests, elapsed_s, (double)sum.requests / elapsed_s,
           (user_s + system_s) * each, user_s * each, system_s * each,
           sum.waits ? (double)sum.requests / (double)sum.waits : 0, (long long)sum.closed);
    return 0;
}
