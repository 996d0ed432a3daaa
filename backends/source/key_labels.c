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

struct wanted {
    const void *text;
    size_t size;
};

/* Of a struct wanted, and a label. */
static int compare_wanted(const void *left, const void *right)
{
    const struct wanted *wanted = left;
    const struct label *label = right;
    size_t common = wanted->size < label->size ? wanted->size : label->size;
    int order = common != 0 ? memcmp(wanted->text, label->text, common) : 0;

    return order != 0 ? order : (wanted->size > label->size) - (wanted->size < label->size);
}

static int by_bytes(const void *left, const void *right)
{
    const struct label *label = left;
    const struct wanted wanted = {.text = label->text, .size = label->size};

    return compare_wanted(&wanted, right);
}

void key_labels_end(struct key_labels *labels)
{
    if (labels->count != 0)
        qsort(labels->items, labels->count, sizeof *labels->items, by_bytes);
}

size_t key_labels_rank(const struct key_labels *labels, const void *text, size_t size)
{
    const struct wanted wanted = {.text = text, .size = size};
    const struct label *found = labels->count != 0 ? bsearch(&wanted, labels->items, labels->count,
                                                             sizeof *labels->items, compare_wanted)
                                                   : NULL;

    return found != NULL ? found->rank : SIZE_MAX;
}
