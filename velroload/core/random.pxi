# Seeded randomness for virtual users and pacers: splitmix64, one uint64 of state per owner.
# Any state is a good state, so a seed needs no preparation; equal seeds give equal runs.

cdef extern from "<math.h>" nogil:
    double log(double x) noexcept
    double exp(double x) noexcept
    double sqrt(double x) noexcept
    double fabs(double x) noexcept
    double cos(double x) noexcept

cdef extern from *:
    """
    static inline uint64_t vl_random_u64(uint64_t *state) {
        uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    /* Lemire's multiplication with rejection: no bias for any n. */
    static inline uint64_t vl_random_below(uint64_t *state, uint64_t n) {
        unsigned __int128 wide;
        uint64_t floor;
        if (n == 0) return 0;
        wide = (unsigned __int128) vl_random_u64(state) * n;
        if ((uint64_t) wide < n) {
            floor = (0 - n) % n;
            while ((uint64_t) wide < floor)
                wide = (unsigned __int128) vl_random_u64(state) * n;
        }
        return (uint64_t) (wide >> 64);
    }
    """
    uint64_t random_u64 "vl_random_u64" (uint64_t *state) noexcept nogil
    uint64_t random_below "vl_random_below" (uint64_t *state, uint64_t n) noexcept nogil


cdef inline double random_double(uint64_t *state) noexcept nogil:
    """Uniform in [0, 1), 53 bits."""
    return <double> (random_u64(state) >> 11) * (1.0 / 9007199254740992.0)


cdef inline double random_exponential(uint64_t *state, double mean) noexcept nogil:
    """Exponential with this mean; at most 36.8 times the mean, never infinite."""
    return -mean * log(1.0 - random_double(state))


cdef inline double random_normal(uint64_t *state) noexcept nogil:
    """Standard normal (Box and Muller, 1958); the second value is not kept."""
    cdef double radius = sqrt(-2.0 * log(1.0 - random_double(state)))
    return radius * cos(6.283185307179586 * random_double(state))


@cython.final
cdef class Random:
    """The core's generator, at the door."""
    cdef uint64_t state

    def __init__(self, uint64_t seed):
        self.state = seed

    def u64(self):
        return random_u64(&self.state)

    def double(self):
        return random_double(&self.state)

    def exponential(self, double mean):
        return random_exponential(&self.state, mean)

    def below(self, uint64_t n):
        return random_below(&self.state, n)
