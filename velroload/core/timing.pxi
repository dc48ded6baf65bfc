# What a server says of its own time: Server-Timing (W3C) and X-Response-Time, taken from the kept
# headers into the ring of values. Malformed pieces are passed over and counted; what has no
# duration (a mere description) is no value. `cache;desc="L1";dur=…` is the series "cache L1".

cdef enum:
    DIGITS_MOST = 9             # of whole milliseconds: 11 days
    FRACTION_DIGITS = 6         # of a millisecond: a nanosecond


cdef struct vl_metric:          # of one metric of Server-Timing
    int64_t value_ns            # -1: no dur yet, -2: it makes no sense
    const char *desc            # without its quotes
    size_t desc_size


cdef inline size_t blanks_span(const char *p, size_t n) noexcept nogil:
    cdef size_t i = 0
    while i < n and http1_blank(p[i]):
        i += 1
    return i


cdef size_t decimal_read(const char *p, size_t n, int64_t *millionths) noexcept nogil:
    """A plain decimal, in millionths; returns its length, 0 for what is none."""
    cdef size_t i = 0
    cdef int64_t whole = 0, part = 0
    cdef int digits = 0
    while i < n and c'0' <= p[i] <= c'9':
        if i == DIGITS_MOST:
            return 0
        whole = 10 * whole + (p[i] - c'0')
        i += 1
    if i == 0:
        return 0
    if i < n and p[i] == c'.':
        i += 1
        while i < n and c'0' <= p[i] <= c'9':
            if digits < FRACTION_DIGITS:
                part = 10 * part + (p[i] - c'0')
                digits += 1
            i += 1
    while digits < FRACTION_DIGITS:
        part *= 10
        digits += 1
    millionths[0] = whole * 1_000_000 + part
    return i


cdef size_t quoted_span(const char *p, size_t n) noexcept nogil:
    """Length of a quoted string that begins at p, its end quote included; without one it ends with
    its line."""
    cdef size_t i = 1
    while i < n:
        if p[i] == c'\n':
            return i
        if p[i] == c'\\':
            i += 1
        elif p[i] == c'"':
            return i + 1
        i += 1
    return n


cdef size_t parameter_read(const char *p, size_t n, vl_metric *metric) noexcept nogil:
    """One `; name=value`, with p at the semicolon; the first dur and the last desc count. Returns
    its length."""
    cdef size_t at = 1 + blanks_span(p + 1, n - 1)
    cdef size_t name = vl_token_span(p + at, n - at)
    cdef const char *key = p + at
    cdef const char *value
    cdef int64_t found = -1
    cdef size_t size, inside
    at += name
    at += blanks_span(p + at, n - at)
    if at >= n or p[at] != c'=':
        return at
    at += 1
    at += blanks_span(p + at, n - at)
    value = p + at
    if at < n and p[at] == c'"':
        size = quoted_span(value, n - at)
        value += 1
        inside = size - 2 if size > 2 else 0
    else:
        size = inside = vl_token_span(value, n - at)
    if name == 3 and http1_same(key, b"dur", 3) and metric.value_ns == -1:
        if decimal_read(value, inside, &found) != inside or inside == 0:
            found = -2
        metric.value_ns = found
    elif name == 4 and http1_same(key, b"desc", 4):
        metric.desc = value
        metric.desc_size = inside
    return at + size


cdef inline bint names_layer(const char *name, size_t size, vl_metric *metric) noexcept nogil:
    """`cache` whose description is L1, L2 or L3. Other texts would make series without end."""
    return (size == 5 and http1_same(name, b"cache", 5) and metric.desc_size == 2
            and (metric.desc[0] == c'L' or metric.desc[0] == c'l')
            and c'1' <= metric.desc[1] <= c'3')


cdef void metric_push(vl_engine *e, vl_request *r, uint16_t endpoint, const char *name,
                      size_t size, vl_metric *metric) noexcept nogil:
    cdef char layer[8]
    if names_layer(name, size, metric):
        memcpy(layer, b"cache L", 7)
        layer[7] = metric.desc[1]
        value_push(e, r, endpoint, layer, 8, metric.value_ns)
    else:
        value_push(e, r, endpoint, name, size, metric.value_ns)


cdef void server_timing_take(vl_engine *e, vl_request *r, uint16_t endpoint, const char *p,
                             size_t n) noexcept nogil:
    """name;dur=1.5;desc="x", name2, … of all lines of the header (joined by line feeds)."""
    cdef size_t at = 0, name, before
    cdef vl_metric metric
    while at < n:
        at += blanks_span(p + at, n - at)
        name = vl_token_span(p + at, n - at)
        before = at
        at += name
        metric.value_ns = -1
        metric.desc = NULL
        metric.desc_size = 0
        while at < n:
            at += blanks_span(p + at, n - at)
            if at >= n or p[at] != c';':
                break
            at += parameter_read(p + at, n - at, &metric)
        if name and metric.value_ns >= 0:
            metric_push(e, r, endpoint, p + before, name, &metric)
        elif metric.value_ns == -2 or (name == 0 and at < n and p[at] != c',' and p[at] != c'\n'):
            count(&e.ring, C_VALUES_IGNORED, 1)
        while at < n and p[at] != c',' and p[at] != c'\n':      # what makes no sense
            at += quoted_span(p + at, n - at) if p[at] == c'"' else 1
        at += 1


cdef void response_time_take(vl_engine *e, vl_request *r, uint16_t endpoint, const char *p,
                             size_t n) noexcept nogil:
    """12.34ms, 12.34 (ms), 0.5s, 120us; of several lines the first."""
    cdef int64_t value_ns = 0
    cdef size_t at
    cdef const char *newline = <const char *> memchr(p, c'\n', n)
    if newline != NULL:
        n = newline - p
    at = decimal_read(p, n, &value_ns)
    if at == 0:
        count(&e.ring, C_VALUES_IGNORED, 1)
        return
    at += blanks_span(p + at, n - at)
    if n - at == 1 and p[at] == c's':
        value_ns *= 1000
    elif n - at == 2 and memcmp(p + at, b"us", 2) == 0:
        value_ns //= 1000
    elif n != at and not (n - at == 2 and memcmp(p + at, b"ms", 2) == 0):
        count(&e.ring, C_VALUES_IGNORED, 1)
        return
    value_push(e, r, endpoint, b"x-response-time", 15, value_ns)


cdef void value_push(vl_engine *e, vl_request *r, uint16_t endpoint, const char *name, size_t size,
                     int64_t value_ns) noexcept nogil:
    cdef uint32_t series = series_of(&e.values, name, size)
    cdef vl_value *record
    if series == VL_SERIES:
        count(&e.ring, C_VALUES_IGNORED, 1)
        return
    record = value_slot(&e.values)
    if record == NULL:
        count(&e.ring, C_LOST_VALUES, 1)
        return
    memset(record, 0, sizeof(vl_value))
    record.at_ns = r.end_ns - e.epoch_ns
    record.value_ns = value_ns
    record.endpoint = endpoint
    record.series = <uint16_t> series
    record.phase = r.phase
    value_publish(&e.values)


cdef void values_take(vl_engine *e, vl_connection *c, vl_request *r,
                      uint16_t endpoint) noexcept nogil:
    """The values of a whole answer. A header that did not fit loses its last, cut-off piece."""
    cdef vl_http1_wanted *said = wanted_at(e, c, e.server_timing)
    cdef size_t size = said.length
    if said.truncated:
        count(&e.ring, C_VALUES_IGNORED, 1)
        while size and said.buf[size - 1] != c',' and said.buf[size - 1] != c'\n':
            size -= 1
    if size:
        server_timing_take(e, r, endpoint, said.buf, size)
    said = wanted_at(e, c, e.response_time)
    if said.length and not said.truncated:
        response_time_take(e, r, endpoint, said.buf, said.length)
