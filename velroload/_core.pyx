"""The request and timing core: the contents page of velroload's one extension module.

Chapters, in the order they build on each other. Types and prose for callers: _core.pyi.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

include "core/atomics.pxi"
include "core/clock.pxi"
include "core/sample.pxi"
include "core/ring.pxi"
include "core/random.pxi"
include "core/pacer.pxi"

cdef extern from *:
    """
    #ifndef VL_PROFILE
    #define VL_PROFILE "unknown"
    #endif
    """
    const char *VL_PROFILE
    const char *VL_COMPILER "__VERSION__"

SAMPLE_BYTES = SAMPLE_SIZE
BUILD = {
    "profile": VL_PROFILE.decode(),
    "compiler": VL_COMPILER.decode(),
}
