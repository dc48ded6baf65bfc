# What Python may know of the C layout: names, numbers and offsets, for tests to hold the twins
# together and for doors that speak in names.

cdef extern from "<stddef.h>":
    """
    #include <stddef.h>
    #define VL_OFFSET(field) offsetof(vl_sample, field)
    """
    size_t VL_OFFSET_SCHEDULED "VL_OFFSET(scheduled_ns)"
    size_t VL_OFFSET_SENT "VL_OFFSET(sent_ns)"
    size_t VL_OFFSET_END "VL_OFFSET(end_ns)"
    size_t VL_OFFSET_FIRST_BYTE "VL_OFFSET(first_byte_us)"
    size_t VL_OFFSET_WAIT "VL_OFFSET(wait_us)"
    size_t VL_OFFSET_CONNECT "VL_OFFSET(connect_us)"
    size_t VL_OFFSET_TLS "VL_OFFSET(tls_us)"
    size_t VL_OFFSET_READ_LAG "VL_OFFSET(read_lag_ns)"
    size_t VL_OFFSET_BYTES_IN "VL_OFFSET(bytes_in)"
    size_t VL_OFFSET_USER_ADDRESS "VL_OFFSET(user_address)"
    size_t VL_OFFSET_ITERATION "VL_OFFSET(iteration)"
    size_t VL_OFFSET_ENDPOINT "VL_OFFSET(endpoint)"
    size_t VL_OFFSET_STATUS "VL_OFFSET(status)"
    size_t VL_OFFSET_ERROR "VL_OFFSET(error)"
    size_t VL_OFFSET_PHASE "VL_OFFSET(phase)"
    size_t VL_OFFSET_FLAGS "VL_OFFSET(flags)"

SAMPLE_OFFSETS = {
    "scheduled_ns": VL_OFFSET_SCHEDULED,
    "sent_ns": VL_OFFSET_SENT,
    "end_ns": VL_OFFSET_END,
    "first_byte_us": VL_OFFSET_FIRST_BYTE,
    "wait_us": VL_OFFSET_WAIT,
    "connect_us": VL_OFFSET_CONNECT,
    "tls_us": VL_OFFSET_TLS,
    "read_lag_ns": VL_OFFSET_READ_LAG,
    "bytes_in": VL_OFFSET_BYTES_IN,
    "user_address": VL_OFFSET_USER_ADDRESS,
    "iteration": VL_OFFSET_ITERATION,
    "endpoint": VL_OFFSET_ENDPOINT,
    "status": VL_OFFSET_STATUS,
    "error": VL_OFFSET_ERROR,
    "phase": VL_OFFSET_PHASE,
    "flags": VL_OFFSET_FLAGS,
}

KINDS = {
    "REQUEST": KIND_REQUEST,
    "HOP": KIND_HOP,
    "GROUP": KIND_GROUP,
    "ITERATION": KIND_ITERATION,
}

AGE_BITS = (AGE_SHIFT, AGE_MASK)
CACHE_BITS = (CACHE_SHIFT, CACHE_MASK)

CACHE_LAYERS = {
    "NOT_ASKED": CACHE_NOT_ASKED,
    "MISS": CACHE_MISS,
    "HIT": CACHE_HIT,
    "L1": CACHE_L1,
    "L2": CACHE_L2,
    "L3": CACHE_L3,
    "UNKNOWN": CACHE_UNKNOWN,
}

FLAGS = {
    "NEW_CONNECTION": FLAG_NEW_CONNECTION,
    "USER_CLOCK": FLAG_USER_CLOCK,
    "CENSORED": FLAG_CENSORED,
    "RETRIED": FLAG_RETRIED,
    "WARM_UP": FLAG_WARM_UP,
    "COALESCED": FLAG_COALESCED,
    "PREEMPTED": FLAG_PREEMPTED,
    "SETUP": FLAG_SETUP,
}

ERROR_KINDS = {
    "NONE": ERR_NONE,
    "DNS": ERR_DNS,
    "CONNECT_REFUSED": ERR_CONNECT_REFUSED,
    "CONNECT_TIMEOUT": ERR_CONNECT_TIMEOUT,
    "CONNECT_UNREACHABLE": ERR_CONNECT_UNREACHABLE,
    "CONNECT_RESET": ERR_CONNECT_RESET,
    "CONNECT_FAILED": ERR_CONNECT_FAILED,
    "TLS_HANDSHAKE": ERR_TLS_HANDSHAKE,
    "TLS_CERTIFICATE": ERR_TLS_CERTIFICATE,
    "TLS_ALERT": ERR_TLS_ALERT,
    "TLS_TIMEOUT": ERR_TLS_TIMEOUT,
    "RESET": ERR_RESET,
    "CLOSED_EARLY": ERR_CLOSED_EARLY,
    "BROKEN_PIPE": ERR_BROKEN_PIPE,
    "TIMEOUT": ERR_TIMEOUT,
    "TRANSFER_FAILED": ERR_TRANSFER_FAILED,
    "TLS_BROKEN": ERR_TLS_BROKEN,
    "BAD_STATUS_LINE": ERR_BAD_STATUS_LINE,
    "BAD_HEADER": ERR_BAD_HEADER,
    "HEADER_TOO_LARGE": ERR_HEADER_TOO_LARGE,
    "BAD_LENGTH": ERR_BAD_LENGTH,
    "BAD_CHUNK": ERR_BAD_CHUNK,
    "BODY_SHORT": ERR_BODY_SHORT,
    "EXTRA_BYTES": ERR_EXTRA_BYTES,
    "BODY_TOO_LARGE": ERR_BODY_TOO_LARGE,
    "NO_DESCRIPTOR": ERR_NO_DESCRIPTOR,
    "NO_PORT": ERR_NO_PORT,
    "NO_MEMORY": ERR_NO_MEMORY,
    "LOCAL_FAILED": ERR_LOCAL_FAILED,
    "CAPTURE_TOO_LONG": ERR_CAPTURE_TOO_LONG,
    "STATUS": ERR_STATUS,
    "CHECK_FAILED": ERR_CHECK_FAILED,
    "CAPTURE_FAILED": ERR_CAPTURE_FAILED,
    "TOO_MANY_REDIRECTS": ERR_TOO_MANY_REDIRECTS,
    "BAD_REDIRECT": ERR_BAD_REDIRECT,
    "REDIRECT_REFUSED": ERR_REDIRECT_REFUSED,
}

EXAMPLE_BYTES = VL_EXAMPLE_BYTES

COUNTER_INDEX = {
    "requests_started": C_REQUESTS_STARTED,
    "requests_sent": C_REQUESTS_SENT,
    "requests_planned": C_REQUESTS_PLANNED,
    "requests_skipped": C_REQUESTS_SKIPPED,
    "requests_unstarted": C_REQUESTS_UNSTARTED,
    "iterations_started": C_ITERATIONS_STARTED,
    "iterations_completed": C_ITERATIONS_COMPLETED,
    "iterations_interrupted": C_ITERATIONS_INTERRUPTED,
    "iterations_dropped": C_ITERATIONS_DROPPED,
    "iterations_unstarted": C_ITERATIONS_UNSTARTED,
    "vus_active": C_VUS_ACTIVE,
    "vus_started": C_VUS_STARTED,
    "connections_open": C_CONNECTIONS_OPEN,
    "connections_opened": C_CONNECTIONS_OPENED,
    "connections_closed_by_server": C_CONNECTIONS_CLOSED_BY_SERVER,
    "retries": C_RETRIES,
    "lost_requests": C_LOST_REQUESTS,
    "lost_iterations": C_LOST_ITERATIONS,
    "in_flight": C_IN_FLIGHT,
    "in_flight_integral": C_IN_FLIGHT_INTEGRAL,
    "in_flight_since": C_IN_FLIGHT_SINCE,
    "open_age": C_OPEN_AGE,
    "bytes_out": C_BYTES_OUT,
    "heartbeat": C_HEARTBEAT,
    "polls": C_POLLS,
    "waits": C_WAITS,
    "collections": C_COLLECTIONS,
    "clock_jumps": C_CLOCK_JUMPS,
    "stalls": C_STALLS,
    "cpu_ns": C_CPU_NS,
    "spin_ns": C_SPIN_NS,
    "waiting": C_WAITING,
    "requests_dropped": C_REQUESTS_DROPPED,
    "tls_handshakes": C_TLS_HANDSHAKES,
    "tls_resumed": C_TLS_RESUMED,
    "lost_values": C_LOST_VALUES,
    "values_ignored": C_VALUES_IGNORED,
    "hops": C_HOPS,
    "values_too_long": C_VALUES_TOO_LONG,
    "expressions_failed": C_EXPRESSIONS_FAILED,
    "examples": C_EXAMPLES,
    "connections_warmed": C_CONNECTIONS_WARMED,
    "idle_closes": C_IDLE_CLOSES,
    "idle_close_least": C_IDLE_CLOSE_LEAST,
    "logins": C_LOGINS,
    "renewals": C_RENEWALS,
    "requests_repeated": C_REQUESTS_REPEATED,
    "lives_unreadable": C_LIVES_UNREADABLE,
}
