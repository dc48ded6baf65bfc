# What a step asks for beside its answer: headers that are kept while the answer is parsed, and what
# is done with them when it is whole. A step without a row of extras pays one comparison.


cdef inline vl_http1_wanted *wanted_at(vl_engine *e, vl_connection *c, uint32_t i) noexcept nogil:
    return e.wanted + <size_t> (c - e.connections) * e.n_wanted + i


cdef void headers_want(vl_engine *e, vl_connection *c) noexcept nogil:
    if e.n_wanted:
        http1_want(&c.http, wanted_at(e, c, 0), <uint8_t> e.n_wanted)


cdef bint extra_take(vl_engine *e, vl_connection *c, vl_request *r, vl_step *step,
                     int64_t now) noexcept nogil:
    """The answer is whole. True when the request goes on elsewhere, or has been ended here."""
    cdef vl_extra *extra = &e.program.extras[step.extra - 1]
    if extra.redirects and redirects(c.http.status) and wanted_at(e, c, e.location).length:
        redirect_follow(e, c, r, step, now)
        return True
    return False
