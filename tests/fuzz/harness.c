/* The core under libFuzzer: one binary with a target per chapter, chosen by the name it is run by
 * (build/fuzz/http1, …/ring).
 *
 * It includes the generated _core.c, because the functions to feed are static there, and embeds
 * Python, because the doors that refuse hostile input raise. Everything that a function may touch
 * is a block of its own of the exact size: AddressSanitizer sees the first byte beside it.
 */
#include "_core.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORE(name) __pyx_f_9velroload_5_core_##name
#define VALUE(name) __pyx_e_9velroload_5_core_##name
#define STRUCT(name) struct __pyx_t_9velroload_5_core_##name
/* A property that does not hold is a crash like any other: libFuzzer keeps its input. */
#define REQUIRE(truth) \
    do { \
        if (!(truth)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #truth); \
            abort(); \
        } \
    } while (0)

static void *block(size_t size)
{
    void *made = malloc(size);
    REQUIRE(made != NULL || size == 0);
    return made;
}

/* What is left of the input. Behind its end come zeros. */
typedef struct {
    const uint8_t *at;
    size_t left;
} vl_input;

static void take(vl_input *in, void *to, size_t size)
{
    size_t n = size < in->left ? size : in->left;
    memset(to, 0, size);
    if (n)
        memcpy(to, in->at, n);
    in->at += n;
    in->left -= n;
}

static uint64_t take_number(vl_input *in, size_t bytes)
{
    uint64_t number = 0;
    take(in, &number, bytes);
    return number;
}

/* A door refused: with a ValueError, or it is a bug. */
static void refused(void)
{
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Print();
        abort();
    }
    PyErr_Clear();
}

static uint64_t hash(uint64_t state, const void *data, size_t size) /* FNV-1a */
{
    const uint8_t *p = data;
    size_t i;
    for (i = 0; i < size; i++)
        state = (state ^ p[i]) * 0x100000001b3ULL;
    return state;
}
#define HASH_START 0xcbf29ce484222325ULL

#include "http1.c"
#include "records.c"
#include "ring.c"
#include "template.c"

static const struct {
    const char *name;
    void (*feed)(const uint8_t *data, size_t size);
} targets[] = {
    {"http1", http1_try}, {"records", records_try}, {"ring", ring_try}, {"template", template_try},
};

static void (*chosen)(const uint8_t *data, size_t size);

/* The allocator is malloc: in Python's own pools no sanitizer would see anything. */
static void start_python(void)
{
    PyPreConfig before;
    PyConfig config;
    PyPreConfig_InitIsolatedConfig(&before);
    before.allocator = PYMEM_ALLOCATOR_MALLOC;
    REQUIRE(!PyStatus_Exception(Py_PreInitialize(&before)));
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    REQUIRE(!PyStatus_Exception(PyConfig_SetBytesString(&config, &config.home, VL_PYTHON_HOME)));
    REQUIRE(PyImport_AppendInittab("_core", PyInit__core) == 0);
    REQUIRE(!PyStatus_Exception(Py_InitializeFromConfig(&config)));
    PyConfig_Clear(&config);
    if (PyImport_ImportModule("_core") == NULL) {
        PyErr_Print();
        abort();
    }
}

/* A short quarantine: most of the time went into fresh pages for a merger's tables. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=12";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *slash = strrchr((*argv)[0], '/');
    const char *name = slash ? slash + 1 : (*argv)[0];
    size_t i;
    (void) argc;
    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (!strcmp(name, targets[i].name))
            chosen = targets[i].feed;
    if (chosen == NULL) {
        fprintf(stderr, "%s: run it by the name of a target\n", name);
        exit(2);
    }
    start_python();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    chosen(data, size);
    return 0;
}
