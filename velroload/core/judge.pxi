# What a step asks of its answer, captures and checks: one call of the worker's Python for both.
#
# It runs after the response was timed. A step that asks for nothing pays one comparison.


cdef bint has_control(const char *text, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        if <uint8_t> text[i] < 32 or text[i] == 127:
            return True
    return False


cdef int response_judge(vl_engine *e, vl_connection *c, vl_request *r,
                        vl_step *step) noexcept with gil:
    """Hand over what the judge reads, fill the slots that it fills; returns an ErrorKind.

    A value with control characters is refused: it would land in a header (RFC 9110 section 5.5).
    """
    cdef Engine engine = <Engine> e.owner
    cdef tuple wanted, reads, fills, values
    cdef bytes value
    cdef int error
    cdef Py_ssize_t i
    try:
        body = b"" if r.capture == NONE else body_text(e, c, &e.bodies[r.capture], step)
        if isinstance(body, int):
            return body
        judge, wanted, reads, fills = engine.judges[step.capture_first]
        error, values = judge(c.http.status, body, c.http.body_bytes,
                              headers_kept(e, c, wanted) if wanted else (),
                              r.end_ns - r.scheduled_ns, served_ns(e, r),
                              slot_texts(e, r.user, reads) if reads else ())
        for i in range(len(fills)):
            value = values[i]
            if value is None:
                continue
            if has_control(value, len(value)):
                error = ERR_CAPTURE_FAILED
            elif not slot_put(e, r.user, fills[i], value):
                error = ERR_CAPTURE_TOO_LONG
    except Exception:
        return ERR_CAPTURE_FAILED
    return error


cdef object body_text(vl_engine *e, vl_connection *c, vl_body *body, vl_step *step):
    """The body as the step reads it: decoded, where it was asked for compressed."""
    cdef bytes text = body.data[:body.size]
    cdef vl_http1_wanted *coding
    if not step.extra or not e.program.extras[step.extra - 1].flags & EXTRA_DECODE:
        return text
    coding = wanted_at(e, c, e.content_encoding)
    if coding.truncated:
        return ERR_CAPTURE_FAILED
    return (<Engine> e.owner).decode(coding.buf[:coding.length], text)


cdef inline int64_t served_ns(vl_engine *e, vl_request *r) noexcept nogil:
    """The service time, over all exchanges of a redirected request."""
    return r.end_ns - r.sent_ns + (chain_of(e, r).served_ns if r.hops else 0)


cdef tuple headers_kept(vl_engine *e, vl_connection *c, tuple wanted):
    """The values of these kept headers; None for one that was not there."""
    cdef vl_http1_wanted *row
    cdef list found = []
    for index in wanted:
        row = wanted_at(e, c, index)
        found.append(row.buf[:row.length] if row.found else None)
    return tuple(found)


cdef tuple slot_texts(vl_engine *e, uint32_t u, tuple reads):
    """What these slots hold. Bytes that are no UTF-8 come back as they were."""
    cdef list texts = []
    cdef const char *text
    cdef uint32_t n
    for index in reads:
        text = slot_text(e.slots, &e.program, u, index, &n)
        texts.append(text[:n].decode("utf-8", "surrogateescape") if n else "")
    return tuple(texts)


cdef object judges_check(vl_engine *e, list judges):
    """What judges and expressions refer to is there."""
    for judge, wanted, reads, fills in judges:
        if not all(index < e.n_wanted for index in wanted) \
                or not all(slot < e.program.n_slots for slot in reads) \
                or not all(is_own(&e.program, slot) for slot in fills):
            raise ValueError("program: a judge is out of range")


cdef object computed_check(vl_engine *e, list computed):
    for reads, _ in computed:
        if not all(slot < e.program.n_slots for slot in reads):
            raise ValueError("program: an expression is out of range")
