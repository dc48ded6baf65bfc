# The one record that all rooms share: 64 bytes, little endian. velroload/sample.py has its twin,
# and a test holds the two together field by field.

cdef extern from *:
    """
    typedef struct {
        int64_t scheduled_ns;    /* since the run's epoch; when the request should have started */
        int64_t sent_ns;         /* just before send() */
        int64_t end_ns;          /* kernel receive time of the last byte */
        uint32_t first_byte_us;  /* from sent_ns */
        uint32_t wait_us;        /* no free VU or connection: the target's doing */
        uint32_t connect_us;     /* group, iteration: think time inside, in us */
        uint32_t tls_us;
        uint32_t read_lag_ns;    /* our read - kernel receive time: ours */
        uint32_t bytes_in;
        uint32_t user_address;   /* low 24 bits user, high 8 bits address */
        uint32_t iteration;
        uint16_t endpoint;
        uint16_t status;
        uint8_t error;           /* ErrorKind */
        uint8_t phase;
        uint16_t flags;          /* bits 0-1 kind, 2-9 see FLAG_*, 10-11 age, 12-15 cache layer */
    } vl_sample;
    _Static_assert(sizeof(vl_sample) == 64, "a sample is one cache line");
    """
    ctypedef struct vl_sample:
        int64_t scheduled_ns
        int64_t sent_ns
        int64_t end_ns
        uint32_t first_byte_us
        uint32_t wait_us
        uint32_t connect_us
        uint32_t tls_us
        uint32_t read_lag_ns
        uint32_t bytes_in
        uint32_t user_address
        uint32_t iteration
        uint16_t endpoint
        uint16_t status
        uint8_t error
        uint8_t phase
        uint16_t flags

cdef enum:
    SAMPLE_SIZE = 64

cdef enum:
    KIND_REQUEST = 0
    KIND_HOP = 1
    KIND_GROUP = 2
    KIND_ITERATION = 3
    KIND_MASK = 3

cdef enum:
    FLAG_NEW_CONNECTION = 1 << 2
    FLAG_USER_CLOCK = 1 << 3    # no kernel stamp, or the clocks jumped: end_ns is our own reading
    FLAG_CENSORED = 1 << 4      # timed out: the true time is at least this long
    FLAG_RETRIED = 1 << 5
    FLAG_WARM_UP = 1 << 6
    FLAG_COALESCED = 1 << 7     # first byte not read alone: left out of time to first byte
    FLAG_PREEMPTED = 1 << 8     # the sender lost its core between the two clock reads
    FLAG_SETUP = 1 << 9         # a once-per-user step (login)
    AGE_SHIFT = 10              # age of the connection: < 1 s, < 10 s, < 100 s, older
    AGE_MASK = 3 << AGE_SHIFT
    CACHE_SHIFT = 12            # what the answer said of the cache: CACHE_*
    CACHE_MASK = 15 << CACHE_SHIFT

cdef enum:
    CACHE_NOT_ASKED = 0
    CACHE_MISS = 1
    CACHE_HIT = 2               # its layer was not told
    CACHE_L1 = 3
    CACHE_L2 = 4
    CACHE_L3 = 5
    CACHE_UNKNOWN = 6           # in a ring: asked; nothing was said that the plan knows

cdef enum:
    ERR_NONE = 0
    ERR_DNS = 10
    ERR_CONNECT_REFUSED = 20
    ERR_CONNECT_TIMEOUT = 21
    ERR_CONNECT_UNREACHABLE = 22
    ERR_CONNECT_RESET = 23
    ERR_CONNECT_FAILED = 24
    ERR_TLS_HANDSHAKE = 30
    ERR_TLS_CERTIFICATE = 31
    ERR_TLS_ALERT = 32
    ERR_TLS_TIMEOUT = 33
    ERR_RESET = 40
    ERR_CLOSED_EARLY = 41
    ERR_BROKEN_PIPE = 42
    ERR_TIMEOUT = 43
    ERR_TRANSFER_FAILED = 44
    ERR_TLS_BROKEN = 45
    ERR_BAD_STATUS_LINE = 50
    ERR_BAD_HEADER = 51
    ERR_HEADER_TOO_LARGE = 52
    ERR_BAD_LENGTH = 53
    ERR_BAD_CHUNK = 54
    ERR_BODY_SHORT = 55
    ERR_EXTRA_BYTES = 56
    ERR_BODY_TOO_LARGE = 57
    ERR_NO_DESCRIPTOR = 60
    ERR_NO_PORT = 61
    ERR_NO_MEMORY = 62
    ERR_LOCAL_FAILED = 63
    ERR_STATUS = 70
    ERR_CHECK_FAILED = 71
    ERR_CAPTURE_FAILED = 72
    ERR_CAPTURE_TOO_LONG = 73
    ERR_TOO_MANY_REDIRECTS = 74
    ERR_BAD_REDIRECT = 75
    ERR_REDIRECT_REFUSED = 76
