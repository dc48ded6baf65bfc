/* The calibrated loopback path: what the way to the server and back adds to its own service time.
 *
 * path HOST:PORT PATH REQUESTS GAP_US
 *
 * One connection, one request at a time, GAP_US apart. Prints a JSON list: per request, the ns
 * from just before send() to the kernel's receive stamp of the answer. The bench takes the
 * server's own time for the same request (its log, same order) from it; what is left is the path.
 */
#define _GNU_SOURCE
#include "clock.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what) {
    perror(what);
    return 1;
}

int main(int count, char **argument) {
    char request[512], answer[4096], host[64] = "";
    int port = 0, one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (count != 5 || sscanf(argument[1], "%63[^:]:%d", host, &port) != 2 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return fprintf(stderr, "usage: path HOST:PORT PATH REQUESTS GAP_US\n"), 2;
    address.sin_port = htons((uint16_t)port);
    size_t bytes = (size_t)snprintf(request, sizeof request,
                                    "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argument[2], argument[1]);
    int fd = socket(AF_INET, SOCK_STREAM, 0), requests = atoi(argument[3]);
    int64_t offset = clock_offset(0);
    struct timespec gap = {0, atol(argument[4]) * 1000};
    if (!stamps_wait()) return fail("no kernel receive stamps");
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    stamps_ask(fd);
    for (int i = 0; i < requests; i++) {
        int64_t stamp = 0;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        offset = clock_offset(offset);
        int64_t sent = monotonic_ns();
        if (send(fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) return fail("send");
        if (poll(&wait, 1, 30000) != 1) return fail("poll");
        if (stamps_receive(fd, answer, sizeof answer, &stamp) <= 0) return fail("recv");
        printf("%c%lld", i ? ',' : '[', (long long)(stamp ? stamp - offset - sent : -1));
        nanosleep(&gap, NULL);
    }
    puts(requests > 0 ? "]" : "[]");
    return 0;
}
