/* What a timer alone adds: a bare timerfd loop with nothing else to do.
 *
 * lag RATE_PER_S SECONDS SPIN_US
 *
 * RATE_PER_S instants are awaited by an absolute timerfd in an epoll, as velroload's worker awaits
 * its starts; with SPIN_US the loop wakes up that much earlier and looks at the clock until it is
 * time. Prints one line of JSON: how late it was, ms.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank, from 1. */
static double at(const int64_t *sorted, long count, double level) {
    long rank = (long)(level * (double)count + 0.999999);
    return (double)sorted[rank > count ? count - 1 : rank < 1 ? 0 : rank - 1] / 1e6;
}

int main(int count, char **argument) {
    long rate = count == 4 ? atol(argument[1]) : 0;
    long wanted = count == 4 ? (long)(atof(argument[2]) * (double)rate) : 0;
    int64_t spin_ns = count == 4 ? atol(argument[3]) * 1000 : 0;
    if (rate < 1 || wanted < 1 || spin_ns < 0)
        return fprintf(stderr, "usage: lag RATE_PER_S SECONDS SPIN_US\n"), 2;
    int64_t *late = malloc(sizeof *late * (size_t)wanted);
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (!late || epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event))
        return perror("lag"), 1;
    int64_t start = now_ns() + 10000000;
    for (long i = 0; i < wanted; i++) {
        int64_t due = start + i * 1000000000LL / rate, wake = due - spin_ns, now = now_ns();
        if (wake > now) {
            struct itimerspec when = {.it_value = {wake / 1000000000, wake % 1000000000}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
            epoll_wait(epoll, &event, 1, 1000);
            now = now_ns();
        }
        while (now < due) now = now_ns();
        late[i] = now - due;
    }
    qsort(late, (size_t)wanted, sizeof *late, by_size);
    printf("{\"p50\": %.6f, \"p90\": %.6f, \"p95\": %.6f, \"p99\": %.6f, \"p99.9\": %.6f, "
           "\"max\": %.6f}\n",
           at(late, wanted, .5), at(late, wanted, .9), at(late, wanted, .95),
           at(late, wanted, .99), at(late, wanted, .999), at(late, wanted, 1));
    free(late);
    return 0;
}
