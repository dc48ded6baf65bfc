# TLS over our own sockets: ssl.SSLObject between two memory BIOs, so that the kernel's stamps stay.
#
# The one transport that needs Python: every function here takes the GIL once per call. Records are
# counted as they arrive, so that read() is called only when a whole one is there: asking too early
# raises SSLWantReadError, which costs half as much again as the request. A handshake call takes up
# to a millisecond of ours: they queue, and the loop serves one of them per turn.
#
# RFC 8446 section 5.1: a record is a type, a version, a length of two bytes, and the fragment.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory

cdef extern from "Python.h":
    int PyBUF_WRITE

cdef enum:
    CIPHER_BYTES = 32768        # ciphertext of one receive; with a record left over, decrypts whole
    FEED_BYTES = 16384          # at most at once into a BIO, whose buffer never shrinks
    ENCRYPT_BYTES = 65536
    RECORD_HEAD = 5

cdef struct vl_records:
    uint32_t left               # bytes of the fragment under way
    uint32_t head_got
    uint8_t head[8]


cdef uint32_t records_count(vl_records *state, const char *data, size_t size) noexcept nogil:
    """Follow the framing through `size` bytes more; returns how many records end in them."""
    cdef uint32_t ended = 0
    cdef size_t at = 0, take
    while at < size:
        if state.head_got < RECORD_HEAD:
            state.head[state.head_got] = <uint8_t> data[at]
            state.head_got += 1
            at += 1
            if state.head_got == RECORD_HEAD:
                state.left = (<uint32_t> state.head[3] << 8) | state.head[4]
        else:
            take = min(<size_t> state.left, size - at)
            state.left -= <uint32_t> take
            at += take
        if state.head_got == RECORD_HEAD and state.left == 0:
            ended += 1
            state.head_got = 0
    return ended


@cython.internal
@cython.final
cdef class TlsSession:
    """The TLS state of one connection row, made anew for each descriptor; owned by TlsClient."""

    cdef object ssl             # SSLObject
    cdef object give, take      # ciphertext from the kernel, for the kernel: methods of its BIOs
    cdef object read, write     # plain text
    cdef object incoming        # MemoryBIO
    cdef bytes pending          # of it, what the kernel did not take
    cdef vl_records records
    cdef bint closed            # close_notify came: the end of the stream is genuine
    cdef bint begun             # our first flight is made
    cdef bint kept              # its session was kept for resumption


@cython.internal
@cython.final
cdef class TlsClient:
    """All TLS of one engine. `origins`: per origin (SSLContext, server name, resume) or None."""

    cdef list origins
    cdef list rows              # TlsSession per connection, None while it is closed
    cdef list sessions          # SSLSession per connection, to be resumed
    cdef object plain           # writable view of the engine's receive buffer
    cdef object reason          # the last failure in words, for tests and examples
    cdef object memory_bio, want_read, zero_return, certificate_error, ssl_error

    cdef start(self, vl_engine *e, vl_connection *c):
        """A new descriptor: a new session object, resumed where that is asked for."""
        cdef uint32_t i = <uint32_t> (c - e.connections)
        cdef TlsSession session = TlsSession.__new__(TlsSession)
        context, name, resume = self.origins[c.origin]
        session.incoming = self.memory_bio()
        outgoing = self.memory_bio()
        session.kept = not resume
        session.ssl = context.wrap_bio(
            session.incoming, outgoing, server_hostname=name,
            session=self.sessions[i] if resume else None,
        )
        # SSLObject's own methods are Python around these: two frames per request.
        inner = getattr(session.ssl, "_sslobj", session.ssl)
        session.read, session.write = inner.read, inner.write
        session.give, session.take = session.incoming.write, outgoing.read
        self.rows[i] = session

    cdef ssize_t flush(self, TlsSession session, vl_connection *c) except? -3:
        """Send what waits; 0 when all is gone, WANT_WRITE, or FAILED with an errno."""
        cdef ssize_t said
        if session.pending is not None:
            said = self.hand_over(session, c, session.pending)
            if said != 0:
                return said
        cipher = session.take()
        return self.hand_over(session, c, cipher) if cipher else 0

    cdef ssize_t hand_over(self, TlsSession session, vl_connection *c, bytes cipher) except? -3:
        """Give ciphertext to the kernel; what it does not take is pending."""
        cdef ssize_t size = PyBytes_GET_SIZE(cipher)
        cdef ssize_t sent = send(c.fd, PyBytes_AS_STRING(cipher), <size_t> size, MSG_NOSIGNAL)
        if sent == size:
            session.pending = None
            c.unsent = 0
            return 0
        if sent < 0 and errno != EAGAIN and errno != EINTR:
            c.errno_ = errno
            return FAILED
        session.pending = cipher[sent if sent > 0 else 0:]
        c.unsent = 1
        return WANT_WRITE

    cdef ssize_t receive(self, vl_engine *e, TlsSession session, vl_connection *c):
        """Hand what the kernel has to the handshake; FAILED, WANT_READ or how much it was."""
        cdef int64_t stamp
        cdef ssize_t got = vl_receive(c.fd, e.cipher, FEED_BYTES, &stamp)
        c.more = got == FEED_BYTES
        if got > 0:
            records_count(&session.records, e.cipher, <size_t> got)
            session.give(PyBytes_FromStringAndSize(e.cipher, got))
        elif got == 0:
            session.incoming.write_eof()
        elif errno == EAGAIN or errno == EINTR:
            return WANT_READ
        else:
            c.errno_ = errno
            return FAILED
        return got

    cdef ssize_t secure(self, vl_engine *e, vl_connection *c):
        """One step of the handshake: 0 when it is done."""
        cdef TlsSession session = <TlsSession> self.rows[c - e.connections]
        cdef ssize_t said = self.receive(e, session, c)
        if said == FAILED:
            return FAILED
        if said == WANT_READ and session.begun:
            return FAILED if self.flush(session, c) == FAILED else WANT_READ
        session.begun = True
        try:
            session.ssl.do_handshake()
        except self.want_read:
            return FAILED if self.flush(session, c) == FAILED else WANT_READ
        except self.ssl_error as error:
            if said == 0:
                return self.fail(c, ERR_TLS_HANDSHAKE, "the server closed during the handshake")
            self.flush(session, c)                  # our alert, so that the server knows why
            return self.fail(c, handshake_error(self, error), plain_reason(error))
        count(&e.ring, C_TLS_HANDSHAKES, 1)
        count(&e.ring, C_TLS_RESUMED, session.ssl.session_reused)
        return FAILED if self.flush(session, c) == FAILED else 0

    cdef ssize_t fail(self, vl_connection *c, uint8_t error, str reason):
        self.reason = reason
        c.errno_ = -<int32_t> error
        return FAILED

    cdef ssize_t decrypt(self, vl_engine *e, vl_connection *c, ssize_t size):
        """`size` bytes of ciphertext have come: the plain text goes to the receive buffer.

        Returns its length; 0 when the peer ended the stream, WANT_READ when no record is whole.
        """
        cdef TlsSession session = <TlsSession> self.rows[c - e.connections]
        cdef ssize_t at = 0, piece, got = 0
        cdef uint32_t records
        while at < size and not session.closed:
            piece = min(size - at, <ssize_t> FEED_BYTES)
            records = records_count(&session.records, e.cipher + at, <size_t> piece)
            session.give(PyBytes_FromStringAndSize(e.cipher + at, piece))
            at += piece
            while records and not session.closed:
                records -= 1
                try:
                    piece = session.read(RECEIVE_BYTES - got,
                                         self.plain[got:] if got else self.plain)
                    session.closed = piece == 0
                    got += piece
                except self.want_read:              # a ticket or a request, not data
                    if self.flush(session, c) == FAILED:    # our answer, such as a refusal
                        return FAILED
                except self.zero_return:
                    session.closed = True
                except self.ssl_error as error:
                    if got:                         # what came before it still counts
                        session.closed = True
                        break
                    return self.fail(c, ERR_TLS_BROKEN, plain_reason(error))
        c.more |= session.closed
        if not session.kept and got:
            session.kept = True
            self.sessions[c - e.connections] = session.ssl.session
        return got if got or session.closed else WANT_READ

    cdef ssize_t encrypt(self, vl_engine *e, vl_connection *c, const char *data, size_t size):
        """All of `data` is taken unless the kernel's buffer is full; the rest comes again."""
        cdef TlsSession session = <TlsSession> self.rows[c - e.connections]
        cdef size_t at = 0, piece
        cdef ssize_t said = self.flush(session, c) if c.unsent else 0
        while said == 0 and at < size:
            piece = min(size - at, <size_t> ENCRYPT_BYTES)
            session.write(PyBytes_FromStringAndSize(data + at, <Py_ssize_t> piece))
            at += piece
            said = self.flush(session, c)
        return said if said == FAILED or at == 0 else <ssize_t> at


cdef TlsClient make_tls(vl_engine *e, list origins):
    """The engine's TLS, or None when no origin speaks it."""
    import ssl
    cdef TlsClient client = TlsClient.__new__(TlsClient)
    if not any(origins):
        return None
    client.origins = origins
    client.rows = [None] * e.n_connections
    client.sessions = [None] * e.n_connections
    client.plain = PyMemoryView_FromMemory(e.receive, RECEIVE_BYTES, PyBUF_WRITE)
    client.memory_bio = ssl.MemoryBIO
    client.want_read = ssl.SSLWantReadError
    client.zero_return = ssl.SSLZeroReturnError
    client.certificate_error = ssl.SSLCertVerificationError
    client.ssl_error = ssl.SSLError
    return client


cdef uint8_t handshake_error(TlsClient client, error):
    """The one way from an exception of the handshake to ErrorKind."""
    if isinstance(error, client.certificate_error):
        return ERR_TLS_CERTIFICATE
    if "ALERT" in (error.reason or ""):             # the server's refusal, not ours
        return ERR_TLS_ALERT
    return ERR_TLS_HANDSHAKE


cdef str plain_reason(error):
    """OpenSSL's words without its file and line."""
    return getattr(error, "verify_message", None) or error.reason or str(error)


cdef size_t tls_reason(vl_engine *e, char *to, size_t size) noexcept with gil:
    """Copy the words for the last failure; returns how many bytes they are."""
    cdef bytes words
    try:
        words = (<TlsClient> e.tls).reason.encode()[:size]
        memcpy(to, PyBytes_AS_STRING(words), <size_t> len(words))
        return <size_t> len(words)
    except Exception:
        return 0


# -- the transport's functions: no exception leaves them ------------------------------------------

cdef ssize_t tls_secure(vl_engine *e, vl_connection *c) noexcept with gil:
    cdef TlsClient client = <TlsClient> e.tls
    try:
        if client.rows[c - e.connections] is None:
            client.start(e, c)
        return client.secure(e, c)
    except Exception as error:
        return client.fail(c, ERR_TLS_HANDSHAKE, str(error))


cdef ssize_t tls_decrypt(vl_engine *e, vl_connection *c, ssize_t size) noexcept with gil:
    cdef TlsClient client = <TlsClient> e.tls
    try:
        return client.decrypt(e, c, size)
    except Exception as error:
        return client.fail(c, ERR_TLS_BROKEN, str(error))


cdef bint tls_closed(vl_engine *e, vl_connection *c) noexcept with gil:
    return (<TlsSession> (<TlsClient> e.tls).rows[c - e.connections]).closed


cdef ssize_t tls_read(vl_engine *e, vl_connection *c, char *to, size_t size,
                      int64_t *stamp) noexcept nogil:
    """Plain text of whole records, into the engine's receive buffer, which `to` is.

    The end of the stream without close_notify may be a truncation (RFC 9112 section 9.8).
    """
    cdef ssize_t got
    if c.more and tls_closed(e, c):
        return 0
    while True:
        got = vl_receive(c.fd, e.cipher, CIPHER_BYTES, stamp)
        c.more = got == CIPHER_BYTES
        if got == 0:
            c.truncated = not tls_closed(e, c)
            return 0
        if got < 0:
            if errno == EAGAIN or errno == EINTR:
                return WANT_READ
            c.errno_ = errno
            return FAILED
        got = tls_decrypt(e, c, got)
        if got != WANT_READ or not c.more:
            return got


cdef ssize_t tls_write(vl_engine *e, vl_connection *c, const char *data,
                       size_t size) noexcept with gil:
    cdef TlsClient client = <TlsClient> e.tls
    try:
        return client.encrypt(e, c, data, size)
    except Exception as error:
        return client.fail(c, ERR_TLS_BROKEN, str(error))


cdef void tls_close(vl_engine *e, vl_connection *c) noexcept with gil:
    """Like most clients: no close_notify of ours, which would cost a send and an answer."""
    (<TlsClient> e.tls).rows[c - e.connections] = None
    c.unsent = 0
    plain_close(e, c)


cdef vl_transport TLS
TLS.open = plain_open
TLS.established = plain_established
TLS.secure = tls_secure
TLS.read = tls_read
TLS.write = tls_write
TLS.close = tls_close
