/* The coordinator's side of a segment: the input is what a hostile worker does to the memory that
 * both share, between the coordinator's own turns. Nothing may crash, no drain may give more than
 * the ring holds, and every sample that is drained is in the figures or counted as corrupt.
 */
#define RING_SLOTS 16
#define RING_PHASES 2
#define RING_ENDPOINTS 2

enum {
    DO_NOTHING,
    DO_WRITE,  /* any eight bytes anywhere */
    DO_SAMPLE, /* push 64 bytes as they are */
    DO_LIKELY, /* push a sample whose fields are near what is allowed */
    DO_HEAD,   /* move the head */
    DO_DRAIN,
    DO_TAKE,
    DO_LOOK,  /* counters, stalls, examples, reservoir */
    DO_FLOOD, /* more samples than a tail keeps */
    DO_READ,
    DO_REOPEN, /* a reader that sees the header for the first time */
    DO_COUNT
};

typedef struct {
    uint8_t *memory; /* owned */
    size_t size;
    PyObject *view, *reader, *merger;
    uint64_t merged; /* since the last take */
} vl_rig;

/* Call a door. NULL after a refusal; anything but the two kinds of refusal is a bug. */
static PyObject *ring_ask(PyObject *object, const char *name)
{
    PyObject *said = PyObject_CallMethod(object, name, NULL);
    if (said == NULL)
        refused();
    return said;
}

static uint64_t ring_number(PyObject *object, const char *name)
{
    PyObject *said = PyObject_GetAttrString(object, name);
    uint64_t number;
    REQUIRE(said != NULL);
    number = PyLong_AsUnsignedLongLong(said);
    Py_DECREF(said);
    REQUIRE(!PyErr_Occurred());
    return number;
}

static PyObject *ring_class(const char *name)
{
    PyObject *module = PyImport_ImportModule("_core"), *found;
    REQUIRE(module != NULL);
    found = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    REQUIRE(found != NULL);
    return found;
}

static PyObject *ring_reader(vl_rig *rig)
{
    PyObject *class = ring_class("RingReader");
    PyObject *made = PyObject_CallOneArg(class, rig->view);
    Py_DECREF(class);
    if (made == NULL)
        refused();
    return made;
}

static void ring_open(vl_rig *rig)
{
    PyObject *class = ring_class("Merger");
    rig->size = VL_HEADER_BYTES + RING_SLOTS * sizeof(vl_sample);
    rig->memory = block(rig->size);
    memset(rig->memory, 0, rig->size);
    CORE(segment_format)((char *) rig->memory, RING_SLOTS);
    rig->view = PyMemoryView_FromMemory((char *) rig->memory, (Py_ssize_t) rig->size, PyBUF_WRITE);
    rig->merger = PyObject_CallFunction(class, "ii", RING_PHASES, RING_ENDPOINTS);
    Py_DECREF(class);
    rig->reader = ring_reader(rig);
    rig->merged = 0;
    REQUIRE(rig->view && rig->merger && rig->reader);
}

static void ring_push(vl_rig *rig, const vl_sample *sample)
{
    uint64_t head;
    memcpy(&head, rig->memory + 128, 8);
    memcpy(rig->memory + VL_HEADER_BYTES + head % RING_SLOTS * sizeof(*sample), sample,
           sizeof(*sample));
    head++;
    memcpy(rig->memory + 128, &head, 8);
}

static void ring_likely(vl_rig *rig, vl_input *in)
{
    static const uint8_t errors[] = {0, 10, 20, 40, 41, 43, 50, 60, 64, 70, 71, 255};
    vl_sample s;
    uint8_t shape = (uint8_t) take_number(in, 1);
    take(in, &s, sizeof(s));
    s.endpoint %= RING_ENDPOINTS + (shape == 255);
    s.phase %= RING_PHASES + (shape == 254);
    s.status %= 1000 + (shape == 253);
    s.error = errors[s.error % sizeof(errors)];
    s.scheduled_ns &= (1LL << (shape % 63)) - 1;
    s.sent_ns = s.scheduled_ns + s.sent_ns % (1LL << (shape % 44));
    s.end_ns = s.sent_ns + s.end_ns % (1LL << (shape % 44));
    ring_push(rig, &s);
}

static uint64_t ring_merged(vl_rig *rig)
{
    PyObject *kinds = ring_ask(rig->reader, "kinds");
    uint64_t sum = 0;
    Py_ssize_t i;
    for (i = 0; i < 4; i++)
        sum += PyLong_AsUnsignedLongLong(PyList_GET_ITEM(kinds, i));
    Py_DECREF(kinds);
    return sum;
}

static void ring_drain(vl_rig *rig, uint64_t limit)
{
    uint64_t before = ring_number(rig->reader, "drained");
    uint64_t corrupt = ring_number(rig->reader, "corrupt");
    uint64_t merged = ring_merged(rig), done = 0;
    PyObject *said = PyObject_CallMethod(rig->reader, "drain", "OK", rig->merger, limit);
    if (said == NULL) {
        refused();
    } else {
        done = PyLong_AsUnsignedLongLong(said);
        REQUIRE(done <= limit);
        REQUIRE(done <= ring_number(rig->reader, "capacity"));
        Py_DECREF(said);
    }
    REQUIRE(ring_number(rig->reader, "drained") - before == done);
    merged = ring_merged(rig) - merged;
    REQUIRE(merged + ring_number(rig->reader, "corrupt") - corrupt == done);
    REQUIRE(ring_number(rig->reader, "high_water") <= ring_number(rig->reader, "capacity"));
    rig->merged += merged;
}

/* Response times that rise or fall, 16 samples to a drain. */
static void ring_flood(vl_rig *rig, vl_input *in)
{
    uint64_t random = take_number(in, 1), step = 1 + take_number(in, 3), drains = 64, i, n;
    uint64_t merged = ring_merged(rig);
    PyObject *said;
    vl_sample s;
    memset(&s, 0, sizeof(s));
    for (i = 0; i < drains; i++) {
        for (n = 0; n < RING_SLOTS; n++) {
            s.end_ns = (int64_t) (step * (random & 1 ? i : drains - i)
                                  + vl_random_below(&random, step));
            ring_push(rig, &s);
        }
        said = PyObject_CallMethod(rig->reader, "drain", "O", rig->merger);
        if (said == NULL)
            refused();
        Py_XDECREF(said);
    }
    rig->merged += ring_merged(rig) - merged;
}

/* How many samples the counts of a delta have, by outcome. */
static void ring_ends(PyObject *counts, uint64_t ends[3])
{
    const vl_counts_entry *entry = (const vl_counts_entry *) PyBytes_AS_STRING(counts);
    size_t n = (size_t) PyBytes_GET_SIZE(counts) / sizeof(*entry), i;
    memset(ends, 0, 3 * sizeof(*ends));
    for (i = 0; i < n; i++) {
        REQUIRE(entry[i].endpoint < RING_ENDPOINTS && entry[i].counter < VALUE(COUNTS_SIZE));
        REQUIRE(entry[i].value > 0);
        if (entry[i].counter >= VALUE(N_OK) && entry[i].counter <= VALUE(N_TRANSPORT))
            ends[entry[i].counter - VALUE(N_OK)] += (uint64_t) entry[i].value;
    }
}

/* Each sample that was merged stands once in the response times, unless it has none. */
static void ring_take(vl_rig *rig)
{
    PyObject *delta = ring_ask(rig->merger, "take"), *hist;
    const vl_hist_entry *entry;
    uint64_t ends[3], timed[2] = {0, 0};
    size_t n, i;
    REQUIRE(delta != NULL);
    ring_ends(PyTuple_GET_ITEM(delta, 3), ends);
    REQUIRE(ends[0] + ends[1] + ends[2] == rig->merged);
    rig->merged = 0;
    hist = PyTuple_GET_ITEM(delta, 0);
    entry = (const vl_hist_entry *) PyBytes_AS_STRING(hist);
    n = (size_t) PyBytes_GET_SIZE(hist) / sizeof(*entry);
    for (i = 0; i < n; i++) {
        REQUIRE(entry[i].phase < RING_PHASES && entry[i].endpoint < RING_ENDPOINTS);
        REQUIRE(entry[i].outcome < 2 && entry[i].bin < VALUE(BINS_3) && entry[i].count);
        if (entry[i].quantity == VALUE(Q_RESPONSE))
            timed[entry[i].outcome] += entry[i].count;
    }
    REQUIRE(timed[0] == ends[0] && timed[1] == ends[1]);
    Py_DECREF(delta);
}

static void ring_look(vl_rig *rig, vl_input *in)
{
    static const char *names[] = {"counters", "stalls", "requests_by_error"};
    uint64_t first = take_number(in, 1);
    PyObject *said;
    size_t i;
    for (i = 0; i < 3; i++) {
        said = ring_ask(rig->reader, names[i]);
        REQUIRE(said != NULL);
        Py_DECREF(said);
    }
    said = PyObject_CallMethod(rig->reader, "examples", "K", first);
    REQUIRE(said && PyBytes_GET_SIZE(said) % VL_EXAMPLE_BYTES == 0);
    REQUIRE(PyBytes_GET_SIZE(said) <= VL_EXAMPLES * VL_EXAMPLE_BYTES);
    Py_DECREF(said);
    said = ring_ask(rig->merger, "reservoir");
    REQUIRE(said && PyBytes_GET_SIZE(said) % (Py_ssize_t) sizeof(vl_sample) == 0);
    Py_DECREF(said);
}

static void ring_write(vl_rig *rig, vl_input *in)
{
    uint64_t at = take_number(in, 3) % (rig->size - 7), word = take_number(in, 8);
    memcpy(rig->memory + at, &word, 8);
}

static void ring_do(vl_rig *rig, vl_input *in, uint64_t what)
{
    vl_sample sample;
    uint64_t word;
    PyObject *said;
    switch (what) {
    case DO_WRITE:
        ring_write(rig, in);
        break;
    case DO_SAMPLE:
        take(in, &sample, sizeof(sample));
        ring_push(rig, &sample);
        break;
    case DO_LIKELY:
        ring_likely(rig, in);
        break;
    case DO_HEAD:
        word = take_number(in, 8);
        memcpy(rig->memory + 128, &word, 8);
        break;
    case DO_DRAIN:
        ring_drain(rig, take_number(in, 1));
        break;
    case DO_TAKE:
        ring_take(rig);
        break;
    case DO_LOOK:
        ring_look(rig, in);
        break;
    case DO_FLOOD:
        ring_flood(rig, in);
        break;
    case DO_READ:
        said = ring_ask(rig->reader, "read");
        REQUIRE(!said || PyBytes_GET_SIZE(said) <= RING_SLOTS * (Py_ssize_t) sizeof(sample));
        Py_XDECREF(said);
        break;
    case DO_REOPEN:
        said = ring_reader(rig);
        if (said) {
            Py_SETREF(rig->reader, said);
            REQUIRE(ring_number(rig->reader, "capacity") <= RING_SLOTS);
        }
        break;
    }
}

static void ring_try(const uint8_t *data, size_t size)
{
    vl_input in = {data, size};
    vl_rig rig;
    ring_open(&rig);
    while (in.left)
        ring_do(&rig, &in, take_number(&in, 1) % DO_COUNT);
    ring_take(&rig);
    Py_DECREF(rig.reader);
    Py_DECREF(rig.merger);
    Py_DECREF(rig.view);
    free(rig.memory);
}
