"""The request and timing core: the contents page of velroload's one extension module.

Chapters, in the order they build on each other. Types and prose for callers: _core.pyi.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport (
    INT64_MAX, UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

include "core/atomics.pxi"
include "core/clock.pxi"
include "core/sample.pxi"
include "core/random.pxi"
include "core/ring.pxi"
include "core/values.pxi"
include "core/timer.pxi"
include "core/pacer.pxi"
include "core/pause.pxi"
include "core/cells.pxi"
include "core/template.pxi"
include "core/http1_text.pxi"
include "core/http1.pxi"
include "core/http1_head.pxi"
include "core/tables.pxi"
include "core/address.pxi"
include "core/transport.pxi"
include "core/fault.pxi"
include "core/tls.pxi"
include "core/trace.pxi"
include "core/connection.pxi"
include "core/request.pxi"
include "core/handshake.pxi"
include "core/body.pxi"
include "core/extra.pxi"
include "core/redirect.pxi"
include "core/judge.pxi"
include "core/timing.pxi"
include "core/response.pxi"
include "core/users.pxi"
include "core/fill.pxi"
include "core/data.pxi"
include "core/flow.pxi"
include "core/session.pxi"
include "core/suite.pxi"
include "core/scenario.pxi"
include "core/loop.pxi"
include "core/warm.pxi"
include "core/check.pxi"
include "core/engine.pxi"
include "core/program.pxi"
include "core/machine.pxi"
include "core/load.pxi"
include "core/histogram.pxi"
include "core/keep.pxi"
include "core/merge.pxi"
include "core/take.pxi"
include "core/layout.pxi"
include "core/reader.pxi"
include "core/values_reader.pxi"

cdef extern from *:
    """
    #ifndef VL_PROFILE
    #define VL_PROFILE "unknown"
    #endif
    """
    const char *VL_PROFILE
    const char *VL_COMPILER "__VERSION__"

SAMPLE_BYTES = SAMPLE_SIZE
VALUE_BYTES = VALUE_SIZE
DONE, PARKED = POLL_DONE, POLL_PARKED
BUILD = {
    "profile": VL_PROFILE.decode(),
    "compiler": VL_COMPILER.decode(),
}
