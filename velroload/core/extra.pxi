# What a step asks for beside its answer: headers that are kept while the answer is parsed, and what
# is done with them when it is whole. A step without a row of extras pays one comparison.


cdef inline vl_http1_wanted *wanted_at(vl_engine *e, vl_connection *c, uint32_t i) noexcept nogil:
    return e.wanted + <size_t> (c - e.connections) * e.n_wanted + i


cdef void headers_want(vl_engine *e, vl_connection *c) noexcept nogil:
    if e.n_wanted:
        http1_want(&c.http, wanted_at(e, c, 0), <uint8_t> e.n_wanted)


cdef bint slot_put(vl_engine *e, uint32_t user, uint32_t slot, bytes value):
    """False when the value is longer than a slot."""
    cdef char *at = slot_at(e.slots, &e.program, user, slot)
    if <size_t> len(value) > e.program.slots[slot].room:
        return False
    (<uint32_t *> at)[0] = <uint32_t> len(value)
    memcpy(at + 4, <char *> value, len(value))
    return True


cdef void cache_take(vl_engine *e, vl_connection *c, vl_request *r) noexcept nogil:
    """What the answer says of the cache; of several headers the one that says most counts."""
    cdef uint16_t layer = CACHE_NOT_ASKED
    cdef vl_http1_wanted *said
    cdef vl_cache_rule *rule
    cdef uint32_t i
    for i in range(e.n_cache_rules):
        rule = &e.cache_rules[i]
        said = wanted_at(e, c, rule.header)
        if said.length == rule.size and not said.truncated \
                and http1_same(said.buf, rule.text, rule.size):
            layer = max(layer, <uint16_t> rule.layer)
    if layer == CACHE_NOT_ASKED:
        layer = CACHE_UNKNOWN
    r.flags |= <uint16_t> (layer << CACHE_SHIFT)


cdef inline void extra_begin(vl_engine *e, vl_request *r, vl_step *step,
                             int64_t now) noexcept nogil:
    """A request begins."""
    if e.program.extras[step.extra - 1].flags & EXTRA_COOKIES \
            and e.cookies_until_ns[r.user] <= now:
        cookies_put(e, r, step, NULL)


cdef void cookies_put(vl_engine *e, vl_request *r, vl_step *step,
                      vl_http1_wanted *received) noexcept with gil:
    """Take in what an answer set, or let go of what has expired; renew the user's Cookie lines.

    A bad cookie is no error, as in browsers; the worker's Python counts it.
    """
    cdef Engine engine = <Engine> e.owner
    cdef object found = None
    try:
        if received == NULL:
            found = engine.cookies.expire(r.user)
        else:
            found = engine.cookies.take(r.user, step.origin, request_path(e, r, step),
                                        received.buf[:received.length], bool(received.truncated))
        if found is None:
            return
        lines, left_ns = found
        for slot, line in lines:
            slot_put(e, r.user, slot, line)
        e.cookies_until_ns[r.user] = INT64_MAX if left_ns is None else monotonic_ns() + left_ns
    except Exception:
        e.cookies_until_ns[r.user] = INT64_MAX


cdef bint extra_take(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step,
                     int64_t now) noexcept nogil:
    """The answer is whole. True when the request goes on elsewhere, or has been ended here."""
    cdef vl_extra *extra = &e.program.extras[step.extra - 1]
    cdef vl_http1_wanted *cookies
    cdef bint follow
    if extra.flags & EXTRA_COOKIES:
        cookies = wanted_at(e, c, e.set_cookie)
        if cookies.length:
            cookies_put(e, r, step, cookies)
    follow = extra.redirects and redirects(c.http.status) and wanted_at(e, c, e.location).length
    if extra.flags & EXTRA_VALUES:
        values_take(e, c, r, extra.hop_endpoint if follow else step.endpoint)
    if follow:
        redirect_follow(e, c, r, step, now)
    elif extra.flags & EXTRA_CACHE:
        cache_take(e, c, r)
    return follow
