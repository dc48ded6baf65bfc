# The head and the trailer of an HTTP/1.1 response: lines, fields, and how they frame the body.
# Part of http1.pxi, whose contract holds.

cdef inline bint http1_usual_length(vl_http1 *h, const char *text, size_t size) noexcept nogil:
    """The way every server writes it, one blank and up to 18 digits, and for the first time. False
    where it takes a closer look."""
    cdef uint64_t number = 0
    cdef uint8_t digit
    cdef size_t i
    if size - 2 > 17 or text[0] != c' ' or h.has_length:    # size is unsigned: at least 2
        return False
    for i in range(1, size):
        digit = <uint8_t> (text[i] - c'0')
        if digit > 9:
            return False
        number = number * 10 + digit
    h.content_length = number
    h.has_length = 1
    return True


cdef int http1_content_length(vl_http1 *h, vl_span value) noexcept nogil:
    """Digits, or a list of equal ones (RFC 9110 §8.6), below 2^63."""
    cdef vl_span item
    cdef uint64_t number
    cdef uint8_t digit
    cdef size_t i
    while http1_next_item(&value, &item):
        number = 0
        for i in range(item.size):
            digit = <uint8_t> (item.at[i] - c'0')
            if digit > 9 or number > <uint64_t> INT64_MAX // 10:
                return http1_fail(h, ERR_BAD_LENGTH)
            number = number * 10 + digit
        if (item.size == 0 or number > <uint64_t> INT64_MAX
                or (h.has_length and number != h.content_length)):
            return http1_fail(h, ERR_BAD_LENGTH)
        h.content_length = number
        h.has_length = 1
    return HTTP_GO_ON


cdef int http1_transfer_encoding(vl_http1 *h, vl_span value) noexcept nogil:
    """Codings without parameters; nothing may follow chunked. Whether it is last: head_end."""
    cdef vl_span item
    while http1_next_item(&value, &item):
        if item.size == 0:
            continue
        if h.coding == CODING_CHUNKED or vl_token_span(item.at, item.size) != item.size:
            return http1_fail(h, ERR_BAD_HEADER)
        if item.size == 7 and http1_same(item.at, b"chunked", 7):
            h.coding = CODING_CHUNKED
        else:
            h.coding = CODING_OTHER
    if h.coding == CODING_NONE:
        return http1_fail(h, ERR_BAD_HEADER)
    return HTTP_GO_ON


cdef int http1_connection(vl_http1 *h, vl_span value) noexcept nogil:
    cdef vl_span item
    while http1_next_item(&value, &item):
        if item.size == 5 and http1_same(item.at, b"close", 5):
            h.says_close = 1
        elif item.size == 10 and vl_same_name(item.at, b"keep-alive", 10):
            h.says_keep_alive = 1
    return HTTP_GO_ON


cdef void http1_keep(vl_http1 *h, const char *text, size_t size) noexcept nogil:
    """Append a piece of the value being kept, without its leading blanks."""
    cdef vl_http1_wanted *row = &h.wanted[h.keeping - 1]
    cdef size_t room
    while size and row.length == h.value_at and http1_blank(text[0]):
        text += 1
        size -= 1
    room = row.capacity - row.length
    if size > room:
        while size > room and http1_blank(text[size - 1]):
            size -= 1           # blanks at the end of a value are no loss
        if size > room:
            row.truncated = 1
            size = room
    memcpy(row.buf + row.length, text, size)
    row.length += <uint32_t> size


cdef void http1_keep_start(vl_http1 *h, const char *name, size_t size) noexcept nogil:
    cdef vl_http1_wanted *row
    cdef uint8_t i
    for i in range(h.wanted_count):
        row = &h.wanted[i]
        if row.name_length == size and http1_same(name, row.name, size):
            if row.length and row.length < row.capacity:
                row.buf[row.length] = c'\n'
                row.length += 1
            h.value_at = row.length
            h.keeping = i + 1
            return


cdef void http1_keep_end(vl_http1 *h) noexcept nogil:
    cdef vl_http1_wanted *row = &h.wanted[h.keeping - 1]
    while row.length > h.value_at and http1_blank(row.buf[row.length - 1]):
        row.length -= 1
    h.keeping = 0


cdef int http1_status_line(vl_http1 *h, const char *line, size_t size) noexcept nogil:
    """HTTP/1.x SSS reason. 101 was never asked for; what follows it would not be HTTP."""
    cdef uint8_t digit
    cdef int i
    if (size < 12 or memcmp(line, b"HTTP/1.", 7) != 0 or line[8] != c' '
            or (line[7] != c'1' and line[7] != c'0') or (size > 12 and line[12] != c' ')):
        return http1_fail(h, ERR_BAD_STATUS_LINE)
    h.minor = <uint8_t> (line[7] - c'0')
    h.status = 0
    for i in range(9, 12):
        digit = <uint8_t> (line[i] - c'0')
        if digit > 9:
            return http1_fail(h, ERR_BAD_STATUS_LINE)
        h.status = <uint16_t> (h.status * 10 + digit)
    if h.status < 100 or h.status == 101:
        return http1_fail(h, ERR_BAD_STATUS_LINE)
    return HTTP_GO_ON


cdef inline int http1_header(vl_http1 *h, const char *line, size_t size, bint whole) noexcept nogil:
    """One header line, or the first HTTP1_LINE_MAX bytes of a longer one (not whole)."""
    cdef size_t name = vl_token_span(line, size)
    cdef vl_span value
    if name == 0 or name == size or line[name] != c':':
        return http1_fail(h, ERR_BAD_HEADER)
    value.at = line + name + 1
    value.size = size - name - 1
    if h.state == AT_TRAILERS:
        return HTTP_GO_ON
    if h.wanted_count and h.status >= 200:
        http1_keep_start(h, line, name)
        if h.keeping:
            http1_keep(h, value.at, value.size)
            if whole:
                http1_keep_end(h)
    if name == 14 and vl_same_name(line, b"content-length", 14):
        if whole and http1_usual_length(h, value.at, value.size):
            return HTTP_GO_ON
        return http1_content_length(h, value) if whole else http1_fail(h, ERR_BAD_HEADER)
    if name == 17 and vl_same_name(line, b"transfer-encoding", 17):
        return http1_transfer_encoding(h, value) if whole else http1_fail(h, ERR_BAD_HEADER)
    if name == 10 and vl_same_name(line, b"connection", 10):
        if size == 22 and line[11] == c' ' and vl_same_name(line + 12, b"keep-alive", 10):
            h.says_keep_alive = 1       # the way every server writes it
            return HTTP_GO_ON
        return http1_connection(h, value) if whole else http1_fail(h, ERR_BAD_HEADER)
    return HTTP_GO_ON


cdef int http1_interim_end(vl_http1 *h) noexcept nogil:
    """Forget a 1xx head: nothing in it frames or keeps anything."""
    h.interim += 1
    if h.interim > HTTP1_INTERIM_MAX:
        return http1_fail(h, ERR_BAD_HEADER)
    h.status = 0
    h.has_length = 0
    h.content_length = 0
    h.coding = CODING_NONE
    h.says_close = 0
    h.says_keep_alive = 0
    h.state = AT_STATUS
    return HTTP_TURN


cdef int http1_head_end(vl_http1 *h) noexcept nogil:
    """Decide how the body is framed (RFC 9112 §6.3)."""
    if h.coding != CODING_NONE and h.has_length:
        return http1_fail(h, ERR_BAD_LENGTH)
    if h.coding == CODING_OTHER:
        return http1_fail(h, ERR_BAD_HEADER)
    if h.status < 200:
        return http1_interim_end(h)
    h.head_done = 1
    h.keep_alive = not h.says_close and (h.minor == 1 or h.says_keep_alive)
    if h.minor == 0 and h.coding != CODING_NONE:
        h.keep_alive = 0        # chunked is not 1.0's: do not trust what follows (§6.1)
    if h.head_request or h.status == 204 or h.status == 304:
        h.state = AT_DONE
    elif h.coding == CODING_CHUNKED:
        h.state = AT_CHUNK_SIZE
    elif h.has_length:
        h.left = h.content_length
        h.state = AT_BODY_LENGTH if h.left else AT_DONE
    else:
        h.close_delimited = 1
        h.keep_alive = 0
        h.state = AT_BODY_CLOSE
    return HTTP_TURN


cdef inline int http1_line(vl_http1 *h, const char *line, size_t size) noexcept nogil:
    """One whole line without its end, known to be text."""
    cdef int code
    if h.state == AT_STATUS:
        code = http1_status_line(h, line, size)
        if code == HTTP_GO_ON:
            h.state = AT_HEADERS
        return code
    if size:
        return http1_header(h, line, size, True)
    h.head_bytes = 0
    if h.state == AT_HEADERS:
        return http1_head_end(h)
    h.state = AT_DONE
    return HTTP_TURN


cdef int http1_raw_line(vl_http1 *h, const char *line, size_t size) noexcept nogil:
    """One whole line without its LF."""
    if size and line[size - 1] == c'\r':
        size -= 1
    if vl_text_span(line, size) != size:
        return http1_fail_line(h)
    return http1_line(h, line, size)


cdef int http1_long_piece(vl_http1 *h, const char *piece, size_t size, bint ended) noexcept nogil:
    """A later piece of a long line: checked, kept if wanted, forgotten."""
    if size:
        if h.ends_in_cr:
            return http1_fail_line(h)
        h.ends_in_cr = piece[size - 1] == c'\r'
        size -= h.ends_in_cr
        if vl_text_span(piece, size) != size:
            return http1_fail_line(h)
        if h.keeping:
            http1_keep(h, piece, size)
    if ended:
        if h.keeping:
            http1_keep_end(h)
        h.long_line = 0
        h.ends_in_cr = 0
        h.spilled = 0
        if h.state == AT_STATUS:
            h.state = AT_HEADERS
    return HTTP_GO_ON


cdef int http1_piece(vl_http1 *h, const char *piece, size_t size, bint ended) noexcept nogil:
    """A piece of a line that came in several or is longer than HTTP1_LINE_MAX."""
    cdef size_t fits = min(size, <size_t> (HTTP1_LINE_MAX - h.spilled))
    cdef size_t taken
    cdef int code
    if h.long_line:
        return http1_long_piece(h, piece, size, ended)
    memcpy(h.spill + h.spilled, piece, fits)
    h.spilled += <uint16_t> fits
    if fits == size:
        if ended:
            taken = h.spilled
            h.spilled = 0
            return http1_raw_line(h, h.spill, taken)
        if h.state == AT_STATUS and memcmp(h.spill, b"HTTP/1.", min(h.spilled, 7)) != 0:
            return http1_fail(h, ERR_BAD_STATUS_LINE)   # do not wait for a line that never ends
        return HTTP_GO_ON
    h.long_line = 1
    h.ends_in_cr = h.spill[HTTP1_LINE_MAX - 1] == c'\r'
    taken = HTTP1_LINE_MAX - h.ends_in_cr
    if vl_text_span(h.spill, taken) != taken:
        return http1_fail_line(h)
    if h.state == AT_STATUS:
        code = http1_status_line(h, h.spill, taken)
    else:
        code = http1_header(h, h.spill, taken, False)
    if code != HTTP_GO_ON:
        return code
    return http1_long_piece(h, piece + fits, size - fits, ended)


cdef int http1_slow_line(vl_http1 *h, const char *line, size_t size, size_t *used) noexcept nogil:
    """A line that is not whole, not short, not text or not ended by CR LF."""
    cdef const char *newline = <const char *> memchr(line, c'\n', size)
    cdef size_t length = size if newline == NULL else <size_t> (newline - line)
    used[0] = length + (newline != NULL)
    if newline != NULL and h.spilled == 0 and length <= HTTP1_LINE_MAX:
        return http1_raw_line(h, line, length)
    return http1_piece(h, line, length, newline != NULL)


cdef int http1_lines(vl_http1 *h, const char *data, size_t size, size_t *used) noexcept nogil:
    """The lines of a head or a trailer, until it or the data ends."""
    cdef size_t start = used[0]
    cdef size_t end = min(size, start + HTTP1_HEAD_MAX - h.head_bytes)
    cdef size_t at = start
    cdef size_t length
    cdef size_t taken
    cdef const char *line
    cdef int code
    while at < end:
        line = data + at
        length = vl_text_span(line, end - at)
        if (length < HTTP1_LINE_MAX and length + 1 < end - at and h.spilled == 0
                and line[length] == c'\r' and line[length + 1] == c'\n'):
            at += length + 2
            code = http1_line(h, line, length)
        else:
            code = http1_slow_line(h, line, end - at, &taken)
            at += taken
        if code != HTTP_GO_ON:
            used[0] = at
            return code
    used[0] = end
    h.head_bytes += <uint32_t> (end - start)
    if size > end:
        return http1_fail(h, ERR_HEADER_TOO_LARGE)
    return HTTP_NEED_MORE
