# Doors to what this machine can do, asked before the start: receive stamps, how late a timer is.


def stamp_of(int fd):
    """Receive from `fd` and return the kernel's stamp (CLOCK_REALTIME ns), 0 without one."""
    cdef char buffer[64]
    cdef int64_t stamp = 0
    if vl_receive(fd, buffer, 64, &stamp) < 0:
        raise OSError(errno, "cannot receive")
    return stamp


def ask_stamps(int fd):
    """Switch on software receive stamps for a socket (Documentation/networking/timestamping)."""
    if vl_ask_stamps(fd) < 0:
        raise OSError(errno, "no receive timestamps")


def wake_up_delays(int n, int64_t every_ns=1_000_000):
    """Sleep `n` times until a timerfd's instant; returns how late each wake-up was, in ns."""
    cdef int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)
    cdef int64_t due
    cdef uint64_t word
    cdef list late = []
    if timer < 0:
        raise OSError(errno, "cannot open a timerfd")
    for _ in range(n):
        due = monotonic_ns() + every_ns
        with nogil:
            vl_arm(timer, due)
            read(timer, &word, 8)
        late.append(monotonic_ns() - due)
    close(timer)
    return late
