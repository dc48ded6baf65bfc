/* Answers that are due, the earliest first: a binary heap that grows when it must. */
#ifndef TRUTH_HEAP_H
#define TRUTH_HEAP_H
#include <stdint.h>
#include <stdlib.h>

struct due {
    int64_t at_ns;
    int fd;
    uint32_t connection; /* the descriptor may belong to another connection by then */
};

struct heap {
    struct due *items; /* owned; connections that went away leave their entries until due */
    uint32_t count, room;
};

/* Returns 0 when there is no memory. */
static int heap_push(struct heap *heap, struct due item) {
    if (heap->count == heap->room) {
        uint32_t room = heap->room ? 2 * heap->room : 16384;
        struct due *items = realloc(heap->items, room * sizeof *items);
        if (!items) return 0;
        heap->items = items;
        heap->room = room;
    }
    uint32_t i = heap->count++;
    for (; i && heap->items[(i - 1) / 2].at_ns > item.at_ns; i = (i - 1) / 2)
        heap->items[i] = heap->items[(i - 1) / 2];
    heap->items[i] = item;
    return 1;
}

static struct due heap_pop(struct heap *heap) {
    struct due *items = heap->items, top = items[0], last = items[--heap->count];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count && items[child + 1].at_ns < items[child].at_ns) child++;
        if (items[child].at_ns >= last.at_ns) break;
        items[i] = items[child];
    }
    items[i] = last;
    return top;
}
#endif
