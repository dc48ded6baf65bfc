/* Compiled programs: the input is a whole program and the contents of its slots. It is refused at
 * the door, or every request of it is rendered inside render_bytes and is what the twin makes.
 */
#define PROGRAM STRUCT(vl_program)

static void *template_rows(vl_input *in, uint32_t rows, size_t row_bytes)
{
    void *made = block(rows * row_bytes);
    take(in, made, rows * row_bytes);
    return made;
}

static void template_read(PROGRAM *p, vl_input *in)
{
    memset(p, 0, sizeof(*p));
    p->n_steps = take_number(in, 1) % 8;
    p->n_parts = take_number(in, 1) % 24;
    p->n_addresses = take_number(in, 1) % 4;
    p->n_origins = take_number(in, 1) % 3;
    p->n_slots = take_number(in, 1) % 4;
    p->n_expects = take_number(in, 1) % 3;
    p->user_bytes = (uint32_t) take_number(in, 2) % 4400;
    p->render_bytes = (uint32_t) take_number(in, 2);
    p->steps = template_rows(in, p->n_steps, sizeof(vl_step));
    p->parts = template_rows(in, p->n_parts, sizeof(vl_part));
    p->addresses = template_rows(in, p->n_addresses, sizeof(vl_address));
    p->origins = template_rows(in, p->n_origins, sizeof(vl_origin));
    p->slots = template_rows(in, p->n_slots, sizeof(vl_slot));
    p->expects = template_rows(in, p->n_expects, 128);
    p->n_literals = (uint32_t) in->left;
    p->literals = template_rows(in, p->n_literals, 1);
}

static void template_free(PROGRAM *p)
{
    free(p->steps);
    free(p->parts);
    free(p->addresses);
    free(p->origins);
    free(p->slots);
    free(p->expects);
    free(p->literals);
}

/* A slot of a user. */
static char *template_slot(const PROGRAM *p, const char *slots, uint32_t user, uint32_t slot)
{
    return (char *) slots + user * (size_t) p->user_bytes + p->slots[slot].at;
}

/* The check does not say that slots lie apart, and nothing that it keeps safe needs it. Here they
 * are laid apart, so that what one holds is not the length of another. */
static void template_lay(PROGRAM *p)
{
    uint32_t i, at = 0;
    for (i = 0; i < p->n_slots; i++) {
        p->slots[i].at = at;
        at += 4 + (p->slots[i].room + 3) / 4 * 4;
    }
    p->user_bytes = at;
}

/* The slots of two users, as captures fill them: all full, and of any length that fits. */
static char *template_slots(PROGRAM *p, uint64_t *random)
{
    char *slots = block(2 * (size_t) p->user_bytes), *slot;
    uint32_t length, room, user, i;
    for (user = 0; user < 2; user++)
        for (i = 0; i < p->n_slots; i++) {
            room = p->slots[i].room;
            slot = template_slot(p, slots, user, i);
            memset(slot + 4, 'a' + (int) (user + i), room);
            length = user ? (uint32_t) vl_random_below(random, room + 1) : room;
            memcpy(slot, &length, 4);
        }
    return slots;
}

static size_t template_part_length(PROGRAM *p, const vl_part *part, const char *slots,
                                   uint32_t user)
{
    uint32_t length = part->length;
    if (part->kind == VALUE(PART_SLOT))
        memcpy(&length, template_slot(p, slots, user, part->slot), 4);
    return part->kind == VALUE(PART_LENGTH) ? 0 : length;
}

/* The request of a step, written plainly. */
static size_t template_twin(PROGRAM *p, const vl_step *step, const char *slots, uint32_t user,
                            char *to, size_t room)
{
    uint32_t i, j, last = step->part_first + step->part_count;
    size_t at = 0, n, body = 0;
    char digits[24];
    for (j = step->body_first; j < last; j++)
        body += template_part_length(p, &p->parts[j], slots, user);
    for (i = step->part_first; i < last; i++) {
        const vl_part *part = &p->parts[i];
        const char *from = p->literals + part->offset;
        n = template_part_length(p, part, slots, user);
        if (part->kind == VALUE(PART_SLOT))
            from = template_slot(p, slots, user, part->slot) + 4;
        if (part->kind == VALUE(PART_LENGTH)) {
            n = (size_t) sprintf(digits, "%zu", body);
            from = digits;
        }
        REQUIRE(n <= room - at);
        if (n)
            memcpy(to + at, from, n);
        at += n;
    }
    return at;
}

/* Every address of the origin can be read. */
static int template_reaches(PROGRAM *p, const vl_origin *origin)
{
    uint32_t i;
    for (i = 0; i < origin->address_count; i++)
        hash(HASH_START, &p->addresses[origin->address_first + i], sizeof(vl_address));
    return origin->address_count > 0;
}

static void template_step(PROGRAM *p, uint32_t i, char *slots, uint64_t *random)
{
    vl_step *step = &p->steps[i];
    char *ours = block(p->render_bytes), *twins = block(p->render_bytes);
    uint32_t user, status;
    size_t n;
    for (user = 0; user < 2; user++) {
        n = CORE(render)(p, step, slots, user, ours);
        REQUIRE(n <= p->render_bytes);
        REQUIRE(n == template_twin(p, step, slots, user, twins, p->render_bytes));
        REQUIRE(n == 0 || !memcmp(ours, twins, n));
    }
    for (status = 0; status < 1100; status += 1 + status % 7)
        REQUIRE(!CORE(expected)(p, step, (uint16_t) status) || status < 1000);
    for (n = 0; n < 4; n++)
        REQUIRE(CORE(think_ns)(step, random) >= 0);
    REQUIRE(step->timeout_ns >= 0);
    REQUIRE(template_reaches(p, &p->origins[step->origin]));
    free(ours);
    free(twins);
}

/* Control steps have no parts; spans are sent from where they lie. */
static int template_renders(const vl_step *step)
{
    return step->op <= VALUE(STEP_PARK) && !(step->flags & VALUE(STEP_SPANS));
}

static int template_accepted(PROGRAM *p)
{
    PyObject *said = CORE(check_program)(p, 2, 2);
    if (said == NULL)
        refused();
    else
        Py_DECREF(said);
    return said != NULL;
}

/* The least room that the check lets pass. */
static void template_tighten(PROGRAM *p)
{
    uint32_t low = 0, high = p->render_bytes;
    while (low < high) {
        p->render_bytes = (low + high) / 2;
        if (template_accepted(p))
            high = p->render_bytes;
        else
            low = p->render_bytes + 1;
    }
    p->render_bytes = high;
}

static void template_try(const uint8_t *data, size_t size)
{
    vl_input in = {data, size};
    uint64_t random = hash(HASH_START, data, size);
    PROGRAM program;
    char *slots;
    uint32_t i;
    int accepted;
    template_read(&program, &in);
    accepted = template_accepted(&program);
    REQUIRE(accepted || getenv("FUZZ_SEEDS") == NULL);      /* a refused seed tries nothing */
    if (accepted) {
        template_tighten(&program);
        template_lay(&program);
        slots = template_slots(&program, &random);
        for (i = 0; i < program.n_steps; i++)
            if (template_renders(&program.steps[i]))
                template_step(&program, i, slots, &random);
        free(slots);
    }
    template_free(&program);
}
