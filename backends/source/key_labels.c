/* SPDX-License-Identifier: MIT */
#include "backends/source/key_labels.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct label {
    char *text;
    size_t size;
    size_t rank;
};

struct key_labels {
    unsigned references; /* atomic */
    size_t count;
    struct label *items; /* by their bytes */
};

struct key_labels *key_labels_create(void)
{
    struct key_labels *labels = calloc(1, sizeof *labels);

    if (labels != NULL)
        labels->references = 1;
    return labels;
}

struct key_labels *key_labels_reference(struct key_labels *labels)
{
    if (labels != NULL)
        __atomic_add_fetch(&labels->references, 1, __ATOMIC_RELAXED);
    return labels;
}

void key_labels_release(struct key_labels *labels)
{
    if (labels == NULL || __atomic_sub_fetch(&labels->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < labels->count; i++)
        free(labels->items[i].text);
    free(labels->items);
    free(labels);
}

int key_labels_add(struct key_labels *labels, char *text)
{
    size_t count = labels->count;
    struct label *items = labels->items;

    /* The room doubles. */
    if ((count & (count - 1)) == 0)
        items = reallocarray(items, count == 0 ? 1 : 2 * count, sizeof *items);
    if (items == NULL) {
        free(text);
        return -ENOMEM;
    }
    items[count] = (struct label){.text = text, .size = strlen(text), .rank = count};
    labels->items = items;
    labels->count++;
    return 0;
}

static int by_bytes(const void *left, const void *right)
{
    const struct label *one = left;
    const struct label *other = right;
    size_t common = one->size < other->size ? one->size : other->size;
    int order = common != 0 ? memcmp(one->text, other->text, common) : 0;

    return order != 0 ? order : (one->size > other->size) - (one->size < other->size);
}

void key_labels_end(struct key_labels *labels)
{
    if (labels->count != 0)
        qsort(labels->items, labels->count, sizeof *labels->items, by_bytes);
}

size_t key_labels_rank(const struct key_labels *labels, const void *text, size_t size)
{
    const struct label wanted = {.text = (char *)(uintptr_t)text, .size = size};
    const struct label *found = labels->count != 0 ? bsearch(&wanted, labels->items, labels->count,
                                                             sizeof *labels->items, by_bytes)
                                                   : NULL;

    return found != NULL ? found->rank : SIZE_MAX;
}
