# Where connections go and where they come from: the addresses of a target and the local sources,
# each in turn, and the local ports that a worker may use.

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #ifndef IP_LOCAL_PORT_RANGE
    #define IP_LOCAL_PORT_RANGE 51   /* Linux 6.3 */
    #endif
    #ifndef IP_BIND_ADDRESS_NO_PORT
    #define IP_BIND_ADDRESS_NO_PORT 24
    #endif

    /* Bind to a source; the port is chosen by connect(), which may share it between targets. */
    static int vl_bind_source(int fd, const uint8_t *source, uint32_t length) {
        struct sockaddr_storage from;
        int on = 1;
        memcpy(&from, source, length);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        return bind(fd, (struct sockaddr *) &from, length);
    }
    /* Bind to a port of ours, of any address without a source. SO_REUSEADDR lets connections to
       several targets have one port; connect() then refuses what really collides. */
    static int vl_bind_port(int fd, int family, const uint8_t *source, uint16_t port) {
        struct sockaddr_storage from;
        socklen_t length = sizeof(struct sockaddr_in6);
        int on = 1;
        if (family == AF_INET) length = sizeof(struct sockaddr_in);
        memset(&from, 0, sizeof from);
        if (source) memcpy(&from, source, length);
        from.ss_family = family;
        ((struct sockaddr_in *) &from)->sin_port = htons(port);     /* as in sockaddr_in6 */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        return bind(fd, (struct sockaddr *) &from, length);
    }
    static void vl_user_timeout(int fd, uint32_t timeout_ms) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    }
    static int vl_share_ports(int fd, uint32_t range) {
        return setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof range);
    }
    /* close() will send RST and leave no TIME_WAIT behind. */
    static void vl_reset_on_close(int fd) {
        struct linger at_once = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    """
    enum:
        AF_UNIX, AF_INET, AF_INET6
    int vl_bind_source(int fd, const uint8_t *source, uint32_t length) noexcept nogil
    int vl_bind_port(int fd, int family, const uint8_t *source, uint16_t port) noexcept nogil
    void vl_user_timeout(int fd, uint32_t timeout_ms) noexcept nogil
    int vl_share_ports(int fd, uint32_t range) noexcept nogil
    void vl_reset_on_close(int fd) noexcept nogil

cdef enum:
    PORT_TRIES = 32             # ports to try for one connection where we choose them ourselves


cdef void address_turn(vl_engine *e, vl_connection *c) noexcept nogil:
    """Give the connection its origin's next address and source. Every address meets every source:
    a round of the addresses goes from one source, the next round from the next."""
    cdef vl_origin *origin = &e.program.origins[c.origin]
    cdef uint32_t turn = e.turns[c.origin]
    e.turns[c.origin] = turn + 1
    c.address = <uint8_t> (origin.address_first + turn % origin.address_count)
    c.source = turn // origin.address_count


cdef vl_address *source_of(vl_engine *e, vl_connection *c) noexcept nogil:
    """The source whose turn it is, of the target's family; NULL where the kernel chooses."""
    cdef uint16_t family = e.program.addresses[c.address].family
    cdef uint32_t v6 = e.program.n_sources - e.program.n_sources_v4
    if family == AF_INET and e.program.n_sources_v4:
        return &e.program.sources[c.source % e.program.n_sources_v4]
    if family == AF_INET6 and v6:
        return &e.program.sources[e.program.n_sources_v4 + c.source % v6]
    return NULL


cdef int address_bind(vl_engine *e, vl_connection *c) noexcept nogil:
    """Prepare a new socket's local end; 0, or -1 with errno."""
    cdef uint16_t family = e.program.addresses[c.address].family
    cdef vl_address *source
    cdef uint16_t low, high, port
    if family == AF_UNIX:
        return 0
    vl_user_timeout(c.fd, e.user_timeout_ms)
    source = source_of(e, c)
    if e.bind_ports:
        low = <uint16_t> (e.port_range & 0xFFFF)
        high = <uint16_t> (e.port_range >> 16)
        port = <uint16_t> (low + e.port_turn % (high - low + <uint32_t> 1))
        e.port_turn += 1
        return vl_bind_port(c.fd, family, NULL if source == NULL else source.raw, port)
    if e.port_range:
        vl_share_ports(c.fd, e.port_range)
    if source != NULL:
        return vl_bind_source(c.fd, source.raw, source.length)
    return 0


def can_share_ports(int fd):
    """Whether the kernel lets a socket have a range of local ports of its own (Linux 6.3)."""
    return vl_share_ports(fd, 0) == 0
