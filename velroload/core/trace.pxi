# The trace: what goes over the wire in plain text, handed to Python. For `velroload try` alone: a
# traced engine gives its connections transports of their own, so that all others pay nothing.

cdef inline vl_transport *transport_beneath(vl_engine *e, uint8_t origin) noexcept nogil:
    return &TLS if e.program.origins[origin].transport == TRANSPORT_TLS else &PLAIN


cdef vl_transport *transport_of(vl_engine *e, uint8_t origin) noexcept nogil:
    """How connections to an origin speak."""
    if e.trace == NULL:
        return transport_beneath(e, origin)
    return &TRACED_TLS if transport_beneath(e, origin) == &TLS else &TRACED


cdef void trace_tell(vl_engine *e, vl_connection *c, bint sent, const char *data,
                     ssize_t size) noexcept with gil:
    """Call trace(sent, bytes written before or 0, step, bytes, texts of the user's slots)."""
    cdef vl_request *r
    cdef Engine engine = <Engine> e.owner
    if c.request == NONE or engine.trace_error is not None:
        return
    r = &e.requests[c.request]
    try:
        engine.trace(sent, r.written if sent else 0, r.step, data[:size],
                     slot_texts(e, r.user, tuple(range(e.program.n_slots))))
    except BaseException as error:
        engine.trace_error = error          # poll() raises it


cdef ssize_t traced_read(vl_engine *e, vl_connection *c, char *to, size_t size,
                         int64_t *stamp) noexcept nogil:
    cdef ssize_t got = transport_beneath(e, c.origin).read(e, c, to, size, stamp)
    if got > 0:
        trace_tell(e, c, False, to, got)
    return got


cdef ssize_t traced_write(vl_engine *e, vl_connection *c, const char *data,
                          size_t size) noexcept nogil:
    cdef ssize_t sent = transport_beneath(e, c.origin).write(e, c, data, size)
    if sent > 0:
        trace_tell(e, c, True, data, sent)
    return sent


cdef vl_transport TRACED = PLAIN
TRACED.read = traced_read
TRACED.write = traced_write
cdef vl_transport TRACED_TLS = TLS
TRACED_TLS.read = traced_read
TRACED_TLS.write = traced_write
