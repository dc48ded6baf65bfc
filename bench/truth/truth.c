/* A ground-truth HTTP/1.1 server: it answers after known delays and logs its own truth.
 *
 * truth [--host H] [--port P] [--delay SPEC] [--log FILE] [--spin-us N] [--cpu N] [--seed N]
 *       [--body BYTES] [--limit RECORDS]
 *
 * SPEC: see delay.h. A path that begins with /zero is answered at once whatever SPEC says, so the
 * path between the two kernels can be calibrated in the same run. One thread, one epoll; delays by
 * timerfd, or with --spin-us N by spinning for the last N us before an answer is due. Prints a
 * line of JSON with its port when it is ready and one with its counts after SIGTERM or SIGINT.
 * Requests of one connection are answered one after the other. Log: see log.h.
 */
#define _GNU_SOURCE
#include "clock.h"
#include "delay.h"
#include "heap.h"
#include "log.h"
#include "request.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

enum { EVENTS = 64, BUFFER_BYTES = 4096, ANSWER_BYTES = 256, MAX_BODY = 65536 };

struct connection {
    int fd;
    uint32_t used;          /* bytes in buffer */
    uint64_t body_left;     /* bytes of the request's body still to be thrown away */
    int64_t stamp_ns;       /* kernel receive time of the newest bytes, CLOCK_MONOTONIC */
    int64_t due_ns;         /* of the pending answer */
    struct request request; /* the one being read or answered */
    struct record record;
    uint8_t reading_body, pending, unread, half_closed, user_clock;
    char buffer[BUFFER_BYTES];
};

static struct {
    int epoll, listener, timer, signals;
    int64_t offset_ns, spin_ns, armed_ns;
    struct delay delay;
    struct log log;
    struct connection **table; /* by descriptor */
    struct heap heap;
    uint32_t descriptors, connections, open, peak;
    uint64_t requests, zero, bad, user_clock, half_closed, unanswered;
    char body[MAX_BODY];
    int body_bytes;
} S;

static void fail(const char *what) {
    fprintf(stderr, "truth: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void drop(struct connection *c) {
    if (c->pending) {
        c->record.flags |= LOG_UNANSWERED;
        c->record.sent_ns = 0;
        S.unanswered++;
        log_add(&S.log, &c->record);
    }
    S.table[c->fd] = NULL;
    S.open--;
    close(c->fd);
    free(c);
}

static void refuse(struct connection *c, int status) {
    char text[ANSWER_BYTES];
    int bytes = snprintf(text, sizeof text,
                         "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                         status);
    S.bad++;
    send(c->fd, text, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    drop(c);
}

/* Send the pending answer and log it. Returns 0 when the connection is gone. */
static int answer(struct connection *c) {
    char text[ANSWER_BYTES];
    struct request *r = &c->request;
    const char *connection = !r->keep_alive      ? "Connection: close\r\n"
                             : r->say_keep_alive ? "Connection: keep-alive\r\n"
                                                 : "";
    int bytes = snprintf(text, sizeof text,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                         "Content-Length: %d\r\n%s\r\n",
                         S.body_bytes, connection);
    struct iovec parts[2] = {{text, (size_t)bytes}, {S.body, r->head ? 0 : (size_t)S.body_bytes}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t whole = bytes + (ssize_t)parts[1].iov_len;
    c->record.sent_ns = monotonic_ns();
    if (sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != whole) {
        drop(c);
        return 0;
    }
    if (c->half_closed) {
        c->record.flags |= LOG_HALF_CLOSED;
        S.half_closed++;
    }
    log_add(&S.log, &c->record);
    c->pending = 0;
    if (r->keep_alive) return 1;
    drop(c);
    return 0;
}

/* The request is whole: plan its answer. Returns 0 when the connection is gone. */
static int plan(struct connection *c, int64_t now) {
    struct request *r = &c->request;
    struct record *record = &c->record;
    record->id = r->id;
    record->received_ns = c->user_clock ? now : c->stamp_ns;
    record->read_ns = now;
    record->flags = (c->user_clock ? LOG_USER_CLOCK : 0) | (r->zero ? LOG_ZERO : 0);
    record->planned_ns = r->zero ? 0 : delay_draw(&S.delay, record->received_ns);
    S.requests++;
    S.zero += r->zero;
    S.user_clock += c->user_clock;
    c->reading_body = 0;
    c->pending = 1;
    c->due_ns = record->received_ns + record->planned_ns;
    if (c->due_ns <= now) return answer(c);
    if (!heap_push(&S.heap, (struct due){c->due_ns, c->fd, record->connection})) fail("heap");
    return 1;
}

static void consume(struct connection *c, uint64_t bytes) {
    c->used -= (uint32_t)bytes;
    memmove(c->buffer, c->buffer + bytes, c->used);
}

/* Serve what is in the buffer. Returns 0 when the connection is gone. */
static int serve_buffer(struct connection *c, int64_t now) {
    while (!c->pending) {
        if (!c->reading_body) {
            int head = request_parse(c->buffer, c->used, &c->request);
            if (head < 0 || (head == REQUEST_MORE && c->used == BUFFER_BYTES)) {
                refuse(c, head < 0 ? -head : 431);
                return 0;
            }
            if (head == REQUEST_MORE) return 1;
            consume(c, (uint64_t)head);
            c->reading_body = 1;
            c->body_left = c->request.body_bytes;
        }
        uint64_t taken = c->body_left < c->used ? c->body_left : c->used;
        consume(c, taken);
        c->body_left -= taken;
        if (c->body_left) return 1;
        if (!plan(c, now)) return 0;
    }
    return 1;
}

/* Read until the socket is empty or an answer is pending (edge-triggered: the rest is owed). */
static void serve(struct connection *c) {
    while (!c->pending) {
        int64_t stamp = 0;
        size_t space = BUFFER_BYTES - c->used;
        ssize_t got = stamps_receive(c->fd, c->buffer + c->used, space, &stamp);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            drop(c);
            return;
        }
        if (got < 0) {
            c->unread = 0;
            return;
        }
        c->unread = (size_t)got == space || c->half_closed;
        c->used += (uint32_t)got;
        c->user_clock = !stamp;
        c->stamp_ns = stamp - S.offset_ns;
        if (!serve_buffer(c, monotonic_ns())) return;
        if (!c->pending && !c->unread) return;
    }
}

static void answer_due(int64_t now) {
    while (S.heap.count && S.heap.items[0].at_ns <= now) {
        struct due next = heap_pop(&S.heap);
        struct connection *c = S.table[next.fd];
        if (!c || c->record.connection != next.connection || !c->pending) continue;
        if (answer(c) && serve_buffer(c, monotonic_ns()) && c->unread) serve(c);
        now = monotonic_ns();
    }
}

static void accept_all(void) {
    for (;;) {
        int one = 1, fd = accept4(S.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct connection *c = (uint32_t)fd < S.descriptors ? malloc(sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        memset(c, 0, offsetof(struct connection, buffer));
        c->fd = fd;
        c->record.connection = S.connections++;
        S.table[fd] = c;
        if (++S.open > S.peak) S.peak = S.open;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        stamps_ask(fd);
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};
        epoll_ctl(S.epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void on_event(const struct epoll_event *event) {
    if (event->data.fd == S.listener) {
        accept_all();
        return;
    }
    if (event->data.fd == S.timer) {
        uint64_t fired;
        if (read(S.timer, &fired, sizeof fired) > 0) S.armed_ns = 0;
        return;
    }
    struct connection *c = S.table[event->data.fd];
    if (!c) return;
    if (event->events & EPOLLRDHUP) c->half_closed = 1;
    c->unread = 1;
    if (event->events & (EPOLLERR | EPOLLHUP))
        drop(c);
    else
        serve(c);
}

/* How long epoll may block: 0 while spinning towards an answer, else until the timer. */
static int wait_ms(int64_t now) {
    if (!S.heap.count) return -1;
    int64_t at = S.heap.items[0].at_ns - S.spin_ns;
    if (at <= now) return 0;
    if (S.armed_ns && S.armed_ns <= at) return -1;
    struct itimerspec when = {.it_value = {at / 1000000000, at % 1000000000}};
    timerfd_settime(S.timer, TFD_TIMER_ABSTIME, &when, NULL);
    S.armed_ns = at;
    return -1;
}

static void run(void) {
    struct epoll_event events[EVENTS];
    for (;;) {
        int64_t now = monotonic_ns();
        answer_due(now);
        int ready = epoll_wait(S.epoll, events, EVENTS, wait_ms(monotonic_ns()));
        if (ready > 0) S.offset_ns = clock_offset(S.offset_ns);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == S.signals) return;
            on_event(&events[i]);
            answer_due(monotonic_ns());
        }
    }
}

/* Those still waiting for their answer are logged as unanswered: every request has its record. */
static void close_all(void) {
    for (uint32_t fd = 0; fd < S.descriptors; fd++)
        if (S.table[fd]) drop(S.table[fd]);
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd < 0 || epoll_ctl(S.epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll");
}

static void listen_on(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    S.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(S.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    stamps_ask(S.listener); /* inherited: a request may arrive before accept() */
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        bind(S.listener, (struct sockaddr *)&address, sizeof address) || listen(S.listener, 16384))
        fail(host);
    watch(S.listener);
}

static void open_all(const char *host, int port, uint64_t limit) {
    sigset_t set;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    S.descriptors = files.rlim_cur < 1000000 ? (uint32_t)files.rlim_cur : 1000000;
    S.table = calloc(S.descriptors, sizeof *S.table);
    if (!S.table || !log_open(&S.log, limit)) fail("memory");
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    S.epoll = epoll_create1(EPOLL_CLOEXEC);
    S.signals = signalfd(-1, &set, SFD_CLOEXEC);
    S.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    watch(S.signals);
    watch(S.timer);
    listen_on(host, port);
    S.offset_ns = clock_offset(0);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail("--cpu");
}

struct options {
    const char *host, *delay, *path;
    int port;
    uint64_t seed, limit;
};

static int options_read(int count, char **arguments, struct options *o) {
    static const struct option OPTIONS[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"delay", 1, 0, 'd'}, {"log", 1, 0, 'l'},
        {"spin-us", 1, 0, 's'}, {"cpu", 1, 0, 'c'}, {"seed", 1, 0, 'r'}, {"body", 1, 0, 'b'},
        {"limit", 1, 0, 'm'}, {0, 0, 0, 0}};
    for (int option; (option = getopt_long(count, arguments, "", OPTIONS, NULL)) != -1;) {
        if (option == 'h') o->host = optarg;
        else if (option == 'p') o->port = atoi(optarg);
        else if (option == 'd') o->delay = optarg;
        else if (option == 'l') o->path = optarg;
        else if (option == 's') S.spin_ns = atoll(optarg) * 1000;
        else if (option == 'c') pin(atoi(optarg));
        else if (option == 'r') o->seed = strtoull(optarg, NULL, 10);
        else if (option == 'b') S.body_bytes = atoi(optarg);
        else if (option == 'm') o->limit = strtoull(optarg, NULL, 10);
        else return 0;
    }
    return S.body_bytes >= 0 && S.body_bytes <= MAX_BODY && o->limit > 0 && S.spin_ns >= 0 &&
           delay_parse(&S.delay, o->delay, o->seed);
}

static void print_ready(void) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(S.listener, (struct sockaddr *)&address, &length);
    printf("{\"ready\": true, \"port\": %d, \"pid\": %d}\n", ntohs(address.sin_port), getpid());
    fflush(stdout);
}

static void print_counts(void) {
    const struct {
        const char *name;
        uint64_t value;
    } COUNTS[] = {{"requests", S.requests}, {"zero", S.zero}, {"bad", S.bad},
                  {"user_clock", S.user_clock}, {"half_closed", S.half_closed},
                  {"unanswered", S.unanswered}, {"connections", S.connections},
                  {"peak", S.peak}, {"logged", S.log.count}, {"log_lost", S.log.lost}};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        printf("%s\"%s\": %llu", i ? ", " : "{", COUNTS[i].name,
               (unsigned long long)COUNTS[i].value);
    printf("}\n");
}

int main(int count, char **arguments) {
    struct options o = {.host = "127.0.0.1", .delay = "zero", .seed = 1, .limit = 4000000};
    S.body_bytes = 64;
    if (!options_read(count, arguments, &o)) {
        fprintf(stderr, "truth: a flag was not understood (--delay %s); see truth.c\n", o.delay);
        return 2;
    }
    memset(S.body, 'x', sizeof S.body);
    open_all(o.host, o.port, o.limit);
    if (!stamps_wait()) fail("no kernel receive stamps");
    print_ready();
    run();
    close_all();
    if (o.path && !log_save(&S.log, o.path)) fail(o.path);
    print_counts();
    return 0;
}
