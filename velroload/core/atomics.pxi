# Acquire and release on the words that two processes share. numpy has neither.

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t vl_load_acquire(const uint64_t *p) {
        return __atomic_load_n(p, __ATOMIC_ACQUIRE);
    }
    static inline void vl_store_release(uint64_t *p, uint64_t v) {
        __atomic_store_n(p, v, __ATOMIC_RELEASE);
    }
    static inline uint64_t vl_load_relaxed(const uint64_t *p) {
        return __atomic_load_n(p, __ATOMIC_RELAXED);
    }
    static inline void vl_store_relaxed(uint64_t *p, uint64_t v) {
        __atomic_store_n(p, v, __ATOMIC_RELAXED);
    }
    """
    uint64_t vl_load_acquire(const uint64_t *word) noexcept nogil
    void vl_store_release(uint64_t *word, uint64_t value) noexcept nogil
    uint64_t vl_load_relaxed(const uint64_t *word) noexcept nogil
    void vl_store_relaxed(uint64_t *word, uint64_t value) noexcept nogil
