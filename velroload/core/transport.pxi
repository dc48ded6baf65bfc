# Bytes in and out of a connection. A transport is a table of four functions; plain TCP is the
# first. Reads bring the kernel's receive stamp of the newest segment in the buffer.
#
# Every function returns a count of bytes, or one of WANT_* and FAILED; the errno of a failure
# stands in connection.errno_ and error_of() in fault.pxi turns it into an ErrorKind.

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/eventfd.h>
    #include <sys/socket.h>
    #include <sys/timerfd.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <linux/net_tstamp.h>
    #include <linux/errqueue.h>
    #include <unistd.h>

    /* recvmsg with the newest software receive stamp, CLOCK_REALTIME ns, or 0 without one. */
    static ssize_t vl_receive(int fd, char *to, size_t size, int64_t *stamp_ns) {
        char control[128] __attribute__((aligned(8)));
        struct iovec into = {to, size};
        struct msghdr message = {0};
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        ssize_t got = recvmsg(fd, &message, 0);
        *stamp_ns = 0;
        if (got <= 0) return got;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
                struct scm_timestamping stamps;
                memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
                *stamp_ns = (int64_t) stamps.ts[0].tv_sec * 1000000000 + stamps.ts[0].tv_nsec;
            }
        }
        return got;
    }
    /* Ask for receive stamps; RX_SOFTWARE alone reports none. */
    static int vl_ask_stamps(int fd) {
        int want = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
        return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &want, sizeof want);
    }
    /* A non-blocking stream socket. */
    static int vl_socket(int family) {
        int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) return -1;
        if (family != AF_UNIX) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            vl_ask_stamps(fd);
        }
        return fd;
    }
    static int vl_connect(int fd, const uint8_t *address, uint32_t length) {
        struct sockaddr_storage to;
        memcpy(&to, address, length);
        return connect(fd, (struct sockaddr *) &to, length);
    }
    static int vl_socket_error(int fd) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
        return error;
    }
    static int vl_watch(int epoll, int fd, uint32_t events, uint64_t tag) {
        struct epoll_event event;
        event.events = events;
        event.data.u64 = tag;
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
    static int vl_connected(int fd) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        return getpeername(fd, (struct sockaddr *) &peer, &size) == 0;
    }
    static int vl_arm(int timer, int64_t at_ns) {
        struct itimerspec when;
        memset(&when, 0, sizeof when);
        if (at_ns < 1) at_ns = 1;    /* 0 would disarm */
        when.it_value.tv_sec = at_ns / 1000000000;
        when.it_value.tv_nsec = at_ns % 1000000000;
        return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
    }
    """
    ctypedef union epoll_data_t:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    enum:
        EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP, EPOLLET
        EPOLL_CLOEXEC, TFD_NONBLOCK, TFD_CLOEXEC, EFD_NONBLOCK, EFD_CLOEXEC
        MSG_NOSIGNAL
        EAGAIN, EINTR, EISCONN, EINPROGRESS
        ECONNREFUSED, ECONNRESET, ECONNABORTED, ETIMEDOUT, EPIPE
        ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN, EMFILE, ENFILE, EADDRNOTAVAIL, EADDRINUSE
        ENOBUFS, ENOMEM, EACCES, EPERM, ENOSPC
    int errno
    ssize_t vl_receive(int fd, char *to, size_t size, int64_t *stamp_ns) noexcept nogil
    int vl_socket(int family) noexcept nogil
    int vl_connect(int fd, const uint8_t *address, uint32_t length) noexcept nogil
    int vl_socket_error(int fd) noexcept nogil
    int vl_connected(int fd) noexcept nogil
    int vl_watch(int epoll, int fd, uint32_t events, uint64_t tag) noexcept nogil
    int vl_arm(int timer, int64_t at_ns) noexcept nogil
    int vl_ask_stamps(int fd) noexcept nogil
    ssize_t send(int fd, const void *data, size_t size, int flags) noexcept nogil
    ssize_t read(int fd, void *to, size_t size) noexcept nogil
    ssize_t write(int fd, const void *data, size_t size) noexcept nogil
    int close(int fd) noexcept nogil
    int epoll_create1(int flags) noexcept nogil
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout_ms) noexcept nogil
    int timerfd_create(int clock, int flags) noexcept nogil
    int eventfd(unsigned int start, int flags) noexcept nogil

cdef enum:
    WANT_READ = -1
    WANT_WRITE = -2
    FAILED = -3

ctypedef ssize_t (*connect_fn)(vl_engine *, vl_connection *) noexcept nogil
ctypedef ssize_t (*read_fn)(vl_engine *, vl_connection *, char *, size_t,
                            int64_t *) noexcept nogil
ctypedef ssize_t (*write_fn)(vl_engine *, vl_connection *, const char *, size_t) noexcept nogil
ctypedef void (*close_fn)(vl_engine *, vl_connection *) noexcept nogil

cdef enum:
    TRANSPORT_PLAIN = 0
    TRANSPORT_TLS = 1

cdef struct vl_transport:
    connect_fn open             # start; 0 connected, WANT_WRITE under way, FAILED
    connect_fn established      # the socket became writable: 0, WANT_*, FAILED
    connect_fn secure           # one step of its handshake: 0, WANT_READ, FAILED; NULL without
    read_fn read                # bytes, 0 at end of stream, WANT_READ, FAILED
    write_fn write              # bytes, WANT_WRITE, FAILED
    close_fn close


cdef ssize_t plain_open(vl_engine *e, vl_connection *c) noexcept nogil:
    """A port of our own choice may be taken: then the next one is tried, on a new socket."""
    cdef int left = PORT_TRIES if e.bind_ports else 1
    cdef ssize_t state = plain_dial(e, c)
    while state == FAILED and left > 1 and (c.errno_ == EADDRINUSE or c.errno_ == EADDRNOTAVAIL):
        plain_close(e, c)
        left -= 1
        state = plain_dial(e, c)
    return state


cdef ssize_t plain_dial(vl_engine *e, vl_connection *c) noexcept nogil:
    cdef vl_address *address = &e.program.addresses[c.address]
    c.fd = vl_socket(address.family)
    if c.fd < 0:
        c.errno_ = errno
        return FAILED
    c.generation += 1
    if address_bind(e, c) < 0 \
            or vl_watch(e.epoll, c.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                        connection_tag(e, c)) < 0:
        c.errno_ = errno
        return FAILED
    return plain_connect(c, address)


cdef ssize_t plain_connect(vl_connection *c, vl_address *address) noexcept nogil:
    if vl_connect(c.fd, address.raw, address.length) == 0 or errno == EISCONN:
        return 0
    # A unix socket whose backlog is full says EAGAIN, and no event will come: see wait_again().
    if errno == EINPROGRESS or (errno == EAGAIN and address.family == AF_UNIX):
        return WANT_WRITE
    c.errno_ = errno
    return FAILED


cdef ssize_t plain_established(vl_engine *e, vl_connection *c) noexcept nogil:
    cdef vl_address *address = &e.program.addresses[c.address]
    if address.family == AF_UNIX:
        return plain_connect(c, address)
    c.errno_ = vl_socket_error(c.fd)
    if c.errno_:
        return FAILED
    return 0 if vl_connected(c.fd) else WANT_WRITE


cdef ssize_t plain_read(vl_engine *e, vl_connection *c, char *to, size_t size,
                        int64_t *stamp) noexcept nogil:
    cdef ssize_t got = vl_receive(c.fd, to, size, stamp)
    c.more = got == <ssize_t> size
    if got >= 0:
        return got
    if errno == EAGAIN or errno == EINTR:
        return WANT_READ
    c.errno_ = errno
    return FAILED


cdef ssize_t plain_write(vl_engine *e, vl_connection *c, const char *data,
                         size_t size) noexcept nogil:
    cdef ssize_t sent = send(c.fd, data, size, MSG_NOSIGNAL)
    if sent >= 0:
        return sent
    if errno == EAGAIN or errno == EINTR:
        return WANT_WRITE
    c.errno_ = errno
    return FAILED


cdef void plain_close(vl_engine *e, vl_connection *c) noexcept nogil:
    if c.fd >= 0:
        close(c.fd)
    c.fd = -1


cdef vl_transport PLAIN
PLAIN.open = plain_open
PLAIN.established = plain_established
PLAIN.secure = NULL
PLAIN.read = plain_read
PLAIN.write = plain_write
PLAIN.close = plain_close
