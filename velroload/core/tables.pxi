# The tables of a worker: users, connections, requests in flight, scenarios, and the engine that
# owns them. They refer to each other by index (NONE = no row): a user may wait for a connection,
# a connection may serve many users in turn.

cdef enum:
    NONE = 0xFFFFFFFF

cdef enum:
    USER_OFF = 0
    USER_IDLE                   # open model: waits for a start
    USER_BETWEEN                # thinks between two iterations, or backs off
    USER_THINKING               # inside an iteration
    USER_READY                  # in the ready queue
    USER_WAITING                # for a connection of the pool
    USER_BUSY                   # has a request under way
    USER_PARKED                 # a step is with Python

cdef enum:
    SECTION_REST = 0            # nothing: between iterations
    SECTION_SETUP               # its once-per-user steps: a log-in
    SECTION_FLOW
    SECTION_RENEW               # what renews its token

cdef struct vl_user:
    uint64_t random             # splitmix64 state, its own
    int64_t scheduled_ns        # when the step under way should start
    int64_t available_ns        # when nothing of the target's held it back any more
    int64_t freed_ns            # end of its last response
    int64_t late_ns             # how much earlier that had been without our own lag so far
    int64_t waiting_ns          # since when it waits for a connection of the pool
    int64_t iteration_ns        # when its iteration should have started
    int64_t think_ns            # spent thinking in this iteration
    int64_t renew_ns            # its token is renewed then, when it rests; INT64_MAX = never
    int64_t renew_by_ns         # from then on inside an iteration too
    int64_t resume_ns           # closed: when the iteration is due that a renewal comes before
    uint32_t resume_pc          # the step of the flow that a session's steps interrupt, or NONE
    uint32_t pc                 # index of the step under way
    uint32_t iteration
    uint32_t connection
    uint32_t next               # in the idle, ready or waiting queue
    uint32_t once               # bits: which once-steps it has done
    uint16_t scenario
    uint8_t state
    uint8_t phase
    uint8_t section             # SECTION_*: what it is executing
    uint8_t has_start           # begun on demand: the start it was begun for waits for its setup
    uint8_t leaving             # ends after this iteration
    uint8_t queued              # stands in the idle queue (perhaps no longer idle)
    uint8_t failures            # requests in a row that brought no response
    uint8_t begun
    uint8_t login_due           # LOGIN_DUE*
    uint8_t logged_in           # before the load
    uint8_t repeated            # the request at hand is sent once more, after a 401
    uint8_t failed_logins       # in a row
    uint8_t starved             # a data set had no row for it

cdef struct vl_request:
    int64_t scheduled_ns
    int64_t begun_ns            # taken up: connection at hand
    int64_t sent_ns
    int64_t first_byte_ns
    int64_t end_ns
    uint64_t bytes_in
    uint64_t rendered           # bytes of the request
    uint64_t written            # of them, handed to the kernel
    uint64_t part_at            # with spans: how far into what begins with `part`
    uint32_t part               # with spans: the first part that is not wholly written
    uint32_t user
    uint32_t step
    uint32_t wait_us
    uint32_t connect_us
    uint32_t tls_us
    uint32_t next               # free list
    uint32_t capture            # captured body: index of a body buffer, or NONE
    uint16_t flags
    uint8_t phase
    uint8_t sent                # handed to the kernel, or tried to
    uint8_t retried
    uint8_t hops                # redirects followed so far
    uint8_t warming             # opens its connection and is never sent

cdef enum:
    CONN_CLOSED = 0
    CONN_CONNECTING
    CONN_SECURING               # connected; the transport shakes hands
    CONN_OPEN

cdef struct vl_connection:
    vl_transport *transport
    int64_t deadline_ns         # of what it is doing; INT64_MAX when nothing may run out
    int64_t opened_ns           # connect() began
    int64_t freed_ns            # end of its last response
    int64_t late_ns             # as its last user's
    int64_t connected_ns        # the handshake began
    int64_t queued_ns           # in the queue of handshakes since
    int64_t queue_ns            # spent there: our delay, not the target's
    uint32_t generation         # of its descriptor: events of an earlier one are stale
    uint32_t request            # in flight, or NONE
    uint32_t next               # in the idle queue of the pool
    uint32_t next_unread
    uint32_t next_secure        # in the queue of handshakes
    uint32_t served             # responses on this descriptor
    uint32_t source             # whose turn it was: counts rounds of the addresses
    int32_t fd
    int32_t errno_
    uint8_t state
    uint8_t address
    uint8_t origin              # whose descriptor it is
    uint8_t idle_queued
    uint8_t warmed              # was opened before the start
    uint8_t more                # the last read filled the buffer: the kernel may have more
    uint8_t secure_queued
    uint8_t truncated           # its stream ended without the transport's own farewell
    uint8_t unsent              # the transport holds bytes that the kernel did not take yet
    uint8_t unread              # more may be waiting in the kernel's buffer, or to be sent
    uint8_t write_error         # ErrorKind of the write that failed
    vl_http1 http

cdef enum:
    CACHE_TEXT_BYTES = 64       # longer values of a header are not told apart

cdef struct vl_warm:
    uint32_t left               # connections that have not been opened yet
    uint32_t pending            # of them, under way
    uint32_t cursor             # which is next
    uint8_t failures            # in a row
    uint8_t error               # the last failure's ErrorKind
    int64_t hold_until_ns       # back-off after a failure
    int64_t last_ns             # when the last one was opened

cdef struct vl_queue:
    uint32_t head
    uint32_t tail

cdef struct vl_chain:           # of a request that was redirected: what its exchanges so far took
    int64_t served_ns           # from sent to end, summed
    int64_t due_ns              # when the exchange under way should have started
    int64_t deadline_ns         # of the whole request
    uint32_t wait_us            # these: summed
    uint32_t connect_us
    uint32_t tls_us
    uint32_t step               # the one that was asked for
    uint16_t flags              # of all exchanges, which count for the whole

cdef struct vl_mark:            # where a group began
    int64_t begun_ns
    int64_t think_ns

cdef struct vl_scenario:
    vl_pacer starts             # open: when iterations start
    vl_pacer vus                # when users join and leave
    vl_queue idle               # first in, first out: all users take their turn
    int64_t end_ns              # no iteration starts at or after
    int64_t pacing_ns           # closed: an iteration starts every so long; 0 = at once
    int64_t budget              # iterations left to start, -1 without limit
    uint32_t setup_first
    uint32_t setup_count
    uint32_t setup_requests
    uint32_t renew_first
    uint32_t renew_count
    uint32_t renew_requests
    uint32_t flow_first
    uint32_t flow_count
    uint32_t flow_requests
    uint32_t think              # step between iterations, or NONE
    uint32_t user_first
    uint32_t user_count
    uint32_t begun_on_demand
    uint64_t rows_setup         # these: bits of data sets. Its setup reads a row of it
    uint64_t rows_once          # a row per user
    uint64_t rows_each          # a new row per iteration
    uint32_t starved            # users that a data set had no row for
    uint32_t busy               # users that are neither off, idle nor between iterations
    uint16_t iteration_endpoint
    uint8_t open
    uint8_t on_demand           # open, without a stream of users of its own
    uint8_t drop_late
    uint8_t iteration_samples
    uint8_t over
    uint8_t session             # its setup is the log-in of a session
    uint8_t login_when          # LOGIN_*
    uint8_t on_401              # the session is done again, the request sent once more
    uint8_t life_is_jwt
    uint32_t life_slot          # says how long a token lives; NONE: it is never renewed
    uint32_t logins_begun       # before the load
    double renew_low            # shares of a token's life
    double renew_high
    int64_t login_gap_ns        # between two log-ins of all workers; 0 = no limit
    int64_t login_turns         # of this worker, taken so far
    int64_t login_last_ns       # before the load: the turn of the last one begun

cdef struct vl_body:
    char *data                  # owned by the engine
    size_t size
    size_t room
    uint32_t next

cdef struct vl_cache_rule:      # a header's value → what it says of the cache
    uint32_t header             # index of a wanted header
    uint8_t layer               # CACHE_*
    uint8_t size
    char text[CACHE_TEXT_BYTES]     # in lower case

cdef enum:
    MAX_EVENTS = 64
    MAX_SCENARIOS = 256
    RECEIVE_BYTES = 65536
    WAKE_BUCKETS = 64
    UNREAD_READS = 16           # full buffers of one connection before the others have a turn

cdef struct vl_engine:
    vl_program program
    vl_ring ring
    vl_values values
    vl_clock clock
    vl_warm warm
    vl_pauses pauses
    vl_timers timers            # owners: users, then connections, then the heartbeat
    vl_user *users              # all arrays: owned, freed in engine_free
    vl_connection *connections
    vl_request *requests
    vl_scenario *scenarios
    vl_body *bodies
    vl_chain *chains            # per request; NULL when no step follows redirects
    vl_http1_wanted *wanted     # per connection n_wanted rows: headers that are kept
    char *wanted_data           # per connection wanted_bytes
    int64_t *cookies_until_ns   # per user: when a cookie expires; NULL without cookies
    vl_cache_rule *cache_rules
    char *slots
    uint32_t *turns             # per origin: connections opened so far
    char *receive
    char *cipher                # what a transport receives before it is decrypted
    char *rendered
    epoll_event *events
    vl_queue ready
    vl_queue waiting            # users, for a connection of the pool
    vl_queue parked             # users whose step is with Python
    vl_queue pool               # idle connections of the pool
    vl_queue handshakes         # connections with news for their handshake
    uint32_t unread             # connections with more to read, linked by next_unread
    uint32_t free_request
    uint32_t free_body
    uint32_t n_bodies
    uint32_t n_wanted
    uint32_t wanted_bytes
    uint32_t location           # these: index of a wanted header, or NONE
    uint32_t set_cookie
    uint32_t content_encoding
    uint32_t server_timing
    uint32_t response_time
    uint32_t n_cache_rules
    uint32_t n_users
    uint32_t n_connections
    uint32_t n_scenarios
    uint32_t pooled
    uint32_t worker
    uint32_t workers
    uint32_t port_range
    uint32_t port_turn          # where bind_ports: which port is next
    uint32_t user_timeout_ms    # TCP_USER_TIMEOUT
    uint32_t requests_most      # per connection; 0 = no limit
    uint32_t body_limit
    uint32_t read_bytes         # in `receive`, of the request at hand; 0 when nothing was read
    uint32_t read_used          # of them, when the parser stopped
    uint64_t bodies_limit       # of bodies_room
    uint64_t bodies_room        # memory of all captured bodies
    const double *mixes         # borrowed: n_mixes probabilities per phase
    uint8_t *examples_kept      # owned: [endpoint * ERROR_KINDS_MAX + ErrorKind]
    uint32_t max_events
    int64_t epoch_ns
    int64_t connect_timeout_ns
    int64_t idle_timeout_ns
    int64_t graceful_ns
    int64_t spin_review_ns
    uint32_t wake_ups[WAKE_BUCKETS]
    int64_t spin_ns             # spin from so long before a deadline; 0 = sleep
    int64_t drain_until_ns
    int64_t armed_ns
    int64_t due_ns              # what the loop is waiting for
    int64_t phase_starts[256]   # since the epoch, ascending
    uint32_t n_phases
    uint32_t n_mixes
    uint32_t stretch            # of a suite: the phase that the clock is in
    uint8_t phase_flags[256]    # of a suite: PHASE_FREE, PHASE_FIRST
    uint8_t suite
    uint32_t open_fds
    int32_t epoll
    int32_t timer
    int32_t wake
    int32_t control
    uint8_t phase               # of the iteration that began last: the next is near
    uint8_t started
    uint8_t stopping
    uint8_t done
    uint8_t control_ready
    uint8_t bind_ports          # the kernel knows no port ranges: we choose each port
    uint8_t preparing           # users log in before the load
    uint32_t logins_left        # before the load: users that are not done
    uint32_t logins_failed
    int64_t login_due_ns        # before the load: when the next one has its turn
    uint8_t reset_at_end        # RST instead of FIN where a user leaves for good
    void *owner                 # borrowed: the Engine object, for captures
    void *trace                 # borrowed from the Engine; NULL: nobody looks on
    uint32_t *counters          # of loops, loop_depth per user
    vl_mark *marks              # of groups, group_depth per user
    uint64_t *sequences         # per fill: how many numbers were drawn
    uint64_t *row_firsts        # per scenario and data set: the unique row of its first user
    uint32_t short_of           # the data set that ended and fails the run, from 1
    char *scratch               # room to render a slot's text
    uint32_t loop_depth
    uint32_t group_depth
    void *tls                   # borrowed: its TlsClient, NULL without


cdef inline uint64_t connection_tag(vl_engine *e, vl_connection *c) noexcept nogil:
    """What epoll hands back: the generation above, the index below."""
    return (<uint64_t> c.generation << 32) | <uint32_t> (c - e.connections)


cdef inline void users_push(vl_engine *e, vl_queue *queue, uint32_t u) noexcept nogil:
    e.users[u].next = NONE
    if queue.tail == NONE:
        queue.head = u
    else:
        e.users[queue.tail].next = u
    queue.tail = u


cdef inline uint32_t users_pop(vl_engine *e, vl_queue *queue) noexcept nogil:
    cdef uint32_t u = queue.head
    if u != NONE:
        queue.head = e.users[u].next
        if queue.head == NONE:
            queue.tail = NONE
    return u


cdef inline void connections_push(vl_engine *e, vl_queue *queue, uint32_t c) noexcept nogil:
    e.connections[c].next = NONE
    if queue.tail == NONE:
        queue.head = c
    else:
        e.connections[queue.tail].next = c
    queue.tail = c


cdef inline uint32_t connections_pop(vl_engine *e, vl_queue *queue) noexcept nogil:
    cdef uint32_t c = queue.head
    if c != NONE:
        queue.head = e.connections[c].next
        if queue.head == NONE:
            queue.tail = NONE
    return c


cdef inline void queue_clear(vl_queue *queue) noexcept nogil:
    queue.head = NONE
    queue.tail = NONE
