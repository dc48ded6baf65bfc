# Redirects: a request goes on at the place that an answer names (RFC 9110 section 15.4).
#
# The step is exchanged for one compiled for that origin and method, whose path stands in a slot of
# the user. Each exchange has a sample of its own, of kind HOP. The request's is of the whole: its
# response time runs from when it was due to the last answer's end; its service time, wait,
# connect and TLS are the sums over the exchanges: what we took in between is generator lag.
# For the ledger there is one request, sent when its exchange under way is.

cdef enum:
    PATH_BYTES = 16_384         # of the head that is looked at for the path


cdef inline bint redirects(uint16_t status) noexcept nogil:
    return 301 <= status <= 303 or status == 307 or status == 308


cdef inline vl_chain *chain_of(vl_engine *e, vl_request *r) noexcept nogil:
    return &e.chains[r - e.requests]


cdef inline uint32_t hop_step(vl_engine *e, vl_step *step, uint32_t origin,
                              uint16_t status) noexcept nogil:
    """303 asks for a GET; after 301 and 302 browsers turn POST into one (RFC 9110 15.4.2-4)."""
    cdef uint32_t first = e.program.extras[step.extra - 1].hop_first
    cdef bint as_get = status == 303 or (status < 303 and step.flags & STEP_POST)
    return first + 2 * origin + as_get


cdef void redirect_follow(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step,
                          int64_t now) noexcept nogil:
    cdef uint16_t status = c.http.status
    cdef uint32_t origin = 0
    cdef uint8_t error = ERR_TOO_MANY_REDIRECTS
    cdef bint spent
    c.served += 1
    spent = connection_spent(e, c, step)
    if r.hops < e.program.extras[step.extra - 1].redirects:
        error = <uint8_t> redirect_resolve(e, c, r, step, &origin)
    if error:
        request_end(e, c, error, status, now)
        return
    if r.hops == 0:
        chain_begin(e, r, step)
    hop_push(e, c, r, ERR_NONE, status, now)
    unsend(e, r, now)
    chain_extend(e, r)
    request_renew(e, r, hop_step(e, step, origin, status), now)
    c.freed_ns = chain_of(e, r).due_ns
    step = &e.program.steps[r.step]
    response_expect(e, c, step)
    if spent or c.origin != step.origin:
        connection_drop(e, c)
        connection_open(e, c, now)
    else:
        r.flags |= age_flags(now - c.opened_ns)
        request_send(e, c)


cdef void chain_begin(vl_engine *e, vl_request *r, vl_step *step) noexcept nogil:
    cdef vl_chain *chain = chain_of(e, r)
    memset(chain, 0, sizeof(vl_chain))
    chain.due_ns = r.scheduled_ns
    chain.deadline_ns = r.sent_ns + step.timeout_ns
    chain.step = r.step
    chain.flags = r.flags & AGE_MASK


cdef void chain_extend(vl_engine *e, vl_request *r) noexcept nogil:
    """Add the exchange that has just ended."""
    cdef vl_chain *chain = chain_of(e, r)
    chain.served_ns += r.end_ns - r.sent_ns
    chain.due_ns = r.end_ns
    chain.wait_us += r.wait_us
    chain.connect_us += r.connect_us
    chain.tls_us += r.tls_us
    chain.flags |= r.flags & (FLAG_NEW_CONNECTION | FLAG_USER_CLOCK | FLAG_PREEMPTED
                              | FLAG_RETRIED)
    r.hops += 1


cdef void request_renew(vl_engine *e, vl_request *r, uint32_t step, int64_t now) noexcept nogil:
    """Nothing of the next exchange has happened yet."""
    if r.capture != NONE:
        body_release(e, r.capture)
        r.capture = NONE
    r.step = step
    r.begun_ns = now
    r.sent_ns = r.first_byte_ns = r.end_ns = 0
    r.bytes_in = r.rendered = r.written = 0
    r.wait_us = r.connect_us = r.tls_us = 0
    r.sent = 0
    r.flags &= FLAG_SETUP


cdef inline void chain_sending(vl_engine *e, vl_connection *c, vl_request *r) noexcept nogil:
    """The next exchange begins: the earlier ones count again, and their time is part of the limit.
    """
    cdef vl_chain *chain = chain_of(e, r)
    count(&e.ring, C_IN_FLIGHT_INTEGRAL, <uint64_t> chain.served_ns)
    deadline_set(e, c, chain.deadline_ns)


cdef void chain_add(vl_engine *e, vl_request *r, vl_sample *s) noexcept nogil:
    """Make the last exchange's sample one of the whole request."""
    cdef vl_chain *chain = chain_of(e, r)
    s.endpoint = e.program.steps[chain.step].endpoint
    s.flags = (s.flags & <uint16_t> ~AGE_MASK) | chain.flags
    s.wait_us += chain.wait_us
    s.connect_us += chain.connect_us
    s.tls_us += chain.tls_us
    if not r.sent:
        return
    s.sent_ns -= chain.served_ns
    if r.first_byte_ns:
        s.first_byte_us = saturate(s.first_byte_us + chain.served_ns // 1000)


cdef void hop_push(vl_engine *e, vl_connection *c, vl_request *r, uint8_t error,
                   uint16_t status, int64_t now) noexcept nogil:
    """The sample of one exchange."""
    cdef vl_sample *s = ring_slot(&e.ring)
    cdef vl_chain *chain = chain_of(e, r)
    cdef vl_step *asked = &e.program.steps[chain.step]
    count(&e.ring, C_HOPS, 1)
    if s == NULL:
        count(&e.ring, C_LOST_ITERATIONS, 1)
        return
    sample_fill(e, c, r, s, error, status, now)
    s.scheduled_ns = chain.due_ns - e.epoch_ns
    s.endpoint = e.program.extras[asked.extra - 1].hop_endpoint
    s.flags |= KIND_HOP
    ring_publish(&e.ring)


cdef int redirect_resolve(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step,
                          uint32_t *origin) noexcept with gil:
    """Ask the worker's Python where the Location leads; puts the path into the user's slot.

    Runs after the response was timed. Returns an ErrorKind.
    """
    cdef Engine engine = <Engine> e.owner
    cdef vl_http1_wanted *location = wanted_at(e, c, e.location)
    cdef bytes path
    if location.truncated or has_control(location.buf, location.length):
        return ERR_BAD_REDIRECT
    try:
        said = engine.redirect(step.origin, request_path(e, r, step),
                               location.buf[:location.length])
        if isinstance(said, int):
            return said
        origin[0], path = said
        if origin[0] >= e.program.n_origins \
                or not slot_put(e, r.user, e.program.extras[step.extra - 1].path_slot, path):
            return ERR_BAD_REDIRECT
        if e.program.extras[step.extra - 1].flags & EXTRA_COOKIES:
            slot_put(e, r.user, e.program.extras[step.extra - 1].cookie_slot,
                     engine.cookies.line(r.user, origin[0], path))
    except Exception:
        return ERR_BAD_REDIRECT
    return ERR_NONE


cdef bytes request_path(vl_engine *e, vl_request *r, vl_step *step):
    """The path that the request asked for, query included."""
    cdef bytes head = b""
    cdef vl_part *part
    cdef const char *text
    cdef uint32_t i, n
    for i in range(step.part_first, step.part_first + step.part_count):
        part = &e.program.parts[i]
        if part.kind == PART_SLOT:
            text = slot_text(e.slots, &e.program, r.user, part.slot, &n)
            if n:
                head += text[:n]
        elif part.kind == PART_LITERAL or (part.kind == PART_SPAN and part.slot == 0):
            head += (e.program.literals + part.offset)[:min(part.length, <uint32_t> PATH_BYTES)]
        if b" HTTP/1.1\r\n" in head or len(head) > PATH_BYTES:
            break
    return head.split(b" ", 2)[1]
