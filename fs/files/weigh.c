/* SPDX-License-Identifier: MIT */
#include "fs/files/weigh.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/files/attributes.h"

#define NAME_SIZE ((size_t)2 * OBJECT_ID_BYTES + 1)

struct weighed {
    char *name; /* of the node, by its id */
    struct files_weight weight;
};

struct files_scale {
    struct object_reader *reader;
    struct name_map *by_name;
    struct weighed *nodes;
    size_t count;
};

struct weighing {
    struct files_scale *scale;
    struct files_weight weight;
    int error;
    struct failure *failure;
};

int files_scale_create(struct object_reader *reader, struct files_scale **ret_scale)
{
    struct files_scale *scale = calloc(1, sizeof *scale);

    if (scale == NULL || name_map_create(&scale->by_name) != 0) {
        free(scale);
        return -ENOMEM;
    }
    scale->reader = reader;
    *ret_scale = scale;
    return 0;
}

void files_scale_free(struct files_scale *scale)
{
    if (scale == NULL)
        return;
    name_map_free(scale->by_name);
    for (size_t i = 0; i < scale->count; i++)
        free(scale->nodes[i].name);
    free(scale->nodes);
    free(scale);
}

static int remember(struct files_scale *scale, const char name[NAME_SIZE],
                    const struct files_weight *weight)
{
    size_t count = scale->count;

    if ((count & (count - 1)) == 0) {
        struct weighed *nodes =
            reallocarray(scale->nodes, count != 0 ? 2 * count : 1, sizeof *nodes);

        if (nodes == NULL)
            return -ENOMEM;
        scale->nodes = nodes;
    }
    scale->nodes[count] = (struct weighed){strdup(name), *weight};
    if (scale->nodes[count].name == NULL)
        return -ENOMEM;
    scale->count++;
    return name_map_add(scale->by_name, scale->nodes[count].name, count);
}

static int weigh_node(struct files_scale *scale, const struct object_reference *reference,
                      int level, struct files_weight *sum, struct failure *failure);

/* A file_item_visit. */
static int weigh_item(void *context, unsigned level, const struct file_item *item)
{
    struct weighing *weighing = context;
    struct attributes attributes;

    if (level > 0) {
        const struct object_reference below = object_reference_decode(item->value);

        weighing->error = weigh_node(weighing->scale, &below, (int)level - 1, &weighing->weight,
                                     weighing->failure);
    } else if (item->key.kind == FILE_ATTRIBUTES) {
        if (attributes_decode(item, &attributes) != 0)
            return -EBADMSG;
        /* One without a name is an orphan, which nobody sees in a snapshot. */
        if (S_ISREG(attributes.mode) && attributes.links > 0) {
            weighing->weight.files++;
            weighing->weight.bytes += attributes.size;
            weighing->weight.content_bytes += attributes.content_bytes;
        }
    }
    return weighing->error;
}

/* Of a node that is damaged no sum is remembered. LEVEL: below 0 for the top, any. */
static int read_node(struct weighing *weighing, const struct object_reference *reference, int level)
{
    cleanup_buffer struct buffer data = BUFFER(FILE_NODE_LIMIT);
    unsigned found;
    int error = object_read(weighing->scale->reader, reference, OBJECT_NODE, false, &data,
                            weighing->failure);

    if (error == 0)
        error = file_node_visit(data.data, data.size, level < 0, &found, NULL, NULL);
    if (error == 0 && level >= 0 && found != (unsigned)level)
        error = -EBADMSG;
    if (error == 0)
        error = file_node_visit(data.data, data.size, level < 0, &found, weigh_item, weighing);
    return error == 0 || error == -ENOMEM ? error : -EIO;
}

static int weigh_node(struct files_scale *scale, const struct object_reference *reference,
                      int level, struct files_weight *sum, struct failure *failure)
{
    struct weighing weighing = {.scale = scale, .failure = failure};
    char name[NAME_SIZE];
    const size_t *known;
    int error = 0;

    sodium_bin2hex(name, sizeof name, reference->id, OBJECT_ID_BYTES);
    known = name_map_find(scale->by_name, name);
    if (known != NULL) {
        weighing.weight = scale->nodes[*known].weight;
    } else {
        error = read_node(&weighing, reference, level);
        if (error == 0)
            error = remember(scale, name, &weighing.weight);
    }
    sum->files += weighing.weight.files;
    sum->bytes += weighing.weight.bytes;
    sum->content_bytes += weighing.weight.content_bytes;
    return error;
}

int files_weigh(struct files_scale *scale, const struct object_reference *top,
                struct files_weight *ret_weight, struct failure *failure)
{
    struct files_weight weight = {.files = 0};
    int error = weigh_node(scale, top, -1, &weight, failure);

    if (error == 0)
        *ret_weight = weight;
    return error;
}
