/* When to answer: the delay models of the ground-truth server.
 *
 *   zero                      at once
 *   fixed:MS                  always MS
 *   bimodal:MS1:MS2:SHARE2    MS2 for a share SHARE2 of the requests, MS1 for the others
 *   lognormal:MEDIAN_MS:SIGMA exp(normal(ln median, sigma)), at most 10 s
 *   stall:BASE_MS:S_MS:T_MS   BASE, but in every period T the server answers nothing for S: a
 *                             request received at u into the stall is answered at S + BASE of it.
 *                             Periods are counted from the first delayed request; the stall stands
 *                             in the middle of its period, so k periods hold exactly k stalls.
 *
 * Draws come from a seeded xorshift64*, so a seed repeats the sequence of delays.
 */
#ifndef TRUTH_DELAY_H
#define TRUTH_DELAY_H
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum delay_kind { DELAY_ZERO, DELAY_FIXED, DELAY_BIMODAL, DELAY_LOGNORMAL, DELAY_STALL };

struct delay {
    enum delay_kind kind;
    double a, b, c;    /* the numbers of the specification, in its order and units */
    uint64_t random;   /* never 0 */
    int64_t anchor_ns; /* receive time of the first delayed request; 0 before it */
};

static double delay_uniform(struct delay *d) { /* in (0, 1] */
    uint64_t x = d->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    d->random = x;
    return (double)((x * 0x2545F4914F6CDD1DULL >> 11) + 1) / 9007199254740992.0;
}

static int delay_parse(struct delay *d, const char *text, uint64_t seed) {
    double *a = &d->a, *b = &d->b, *c = &d->c;
    char rest = 0;
    memset(d, 0, sizeof *d);
    d->random = seed * 0x9E3779B97F4A7C15ULL + 0xD1B54A32D192ED03ULL;
    if (!d->random) d->random = 1;
    for (int i = 0; i < 16; i++) delay_uniform(d);
    if (!strcmp(text, "zero")) {
        d->kind = DELAY_ZERO;
        return 1;
    }
    if (sscanf(text, "fixed:%lf%c", a, &rest) == 1) {
        d->kind = DELAY_FIXED;
        return *a >= 0;
    }
    if (sscanf(text, "bimodal:%lf:%lf:%lf%c", a, b, c, &rest) == 3) {
        d->kind = DELAY_BIMODAL;
        return *a >= 0 && *b >= 0 && *c >= 0 && *c <= 1;
    }
    if (sscanf(text, "lognormal:%lf:%lf%c", a, b, &rest) == 2) {
        d->kind = DELAY_LOGNORMAL;
        return *a > 0 && *b >= 0;
    }
    if (sscanf(text, "stall:%lf:%lf:%lf%c", a, b, c, &rest) == 3) {
        d->kind = DELAY_STALL;
        return *a >= 0 && *b > 0 && *c > *b;
    }
    return 0;
}

static int64_t delay_stalled_ns(const struct delay *d, int64_t received_ns) {
    int64_t period = (int64_t)(d->c * 1e6), length = (int64_t)(d->b * 1e6);
    int64_t begin = (period - length) / 2;
    int64_t into = (received_ns - d->anchor_ns) % period;
    if (into < 0) into += period;
    if (into < begin || into >= begin + length) return 0;
    return begin + length - into;
}

/* The planned delay of a request, in ns after its receive time. */
static int64_t delay_draw(struct delay *d, int64_t received_ns) {
    if (!d->anchor_ns) d->anchor_ns = received_ns;
    switch (d->kind) {
    case DELAY_ZERO:
        return 0;
    case DELAY_FIXED:
        return (int64_t)(d->a * 1e6);
    case DELAY_BIMODAL:
        return (int64_t)((delay_uniform(d) <= d->c ? d->b : d->a) * 1e6);
    case DELAY_LOGNORMAL: {
        double radius = sqrt(-2 * log(delay_uniform(d)));
        double normal = radius * cos(2 * M_PI * delay_uniform(d));
        double ms = d->a * exp(d->b * normal);
        return (int64_t)((ms < 1e4 ? ms : 1e4) * 1e6);
    }
    case DELAY_STALL:
        return delay_stalled_ns(d, received_ns) + (int64_t)(d->a * 1e6);
    }
    return 0;
}
#endif
