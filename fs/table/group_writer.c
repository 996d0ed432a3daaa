/* SPDX-License-Identifier: MIT */
#include "fs/table/group_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/table/cutter.h"
#include "fs/table/row_group.h"

#define GROUPS_LIMIT ((size_t)1 << 26)

void group_array_drop(struct group_array *array, struct spool *spool)
{
    for (size_t i = 0; i < array->count; i++)
        spool_drop(spool, &array->groups[i].place.blob);
    free(array->groups);
    *array = (struct group_array){.count = 0};
}

int group_writer_begin(struct group_writer *writer, struct spool *spool, uint32_t group_bytes,
                       struct schema *schema, struct group_array *array)
{
    *writer = (struct group_writer){
        .spool = spool,
        .group_bytes = group_bytes,
        .schema = schema_reference(schema),
        .builder = row_group_builder_create(schema),
        .encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT),
        .array = array,
    };
    if (writer->builder != NULL)
        return 0;
    group_writer_end(writer);
    return -ENOMEM;
}

static int make_room(struct group_array *array)
{
    if (array->count < array->capacity)
        return 0;

    size_t capacity = array->capacity != 0 ? array->capacity * 2 : 1;
    struct image_group *groups =
        capacity > GROUPS_LIMIT ? NULL : reallocarray(array->groups, capacity, sizeof *groups);

    if (groups == NULL)
        return -ENOMEM;
    array->groups = groups;
    array->capacity = capacity;
    return 0;
}

static int keep(void *context, const struct buffer *encoded,
                const struct row_group_measure *measure, struct failure *failure)
{
    struct group_writer *writer = context;
    struct image_group group = {.measure = *measure};
    XXH128_canonical_t digest;
    int error = make_room(writer->array);

    if (error != 0)
        return error;
    if (writer->queue != NULL && encoded == &writer->encoded) {
        writer->array->groups[writer->array->count++] = group;
        return put_queue_add(writer->queue, &writer->encoded, writer->array, failure);
    }
    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(group.digest, digest.digest, sizeof group.digest);
    error = spool_put(writer->spool, encoded->data, encoded->size, &group.place.blob, failure);
    if (error == 0)
        writer->array->groups[writer->array->count++] = group;
    return error;
}

int group_writer_flush(struct group_writer *writer, struct failure *failure)
{
    struct row_group_measure measure;

    if (row_group_builder_rows(writer->builder) == 0)
        return 0;

    int error = row_group_builder_finish(writer->builder, &writer->encoded, &measure);

    return error != 0 ? error : keep(writer, &writer->encoded, &measure, failure);
}

int group_writer_add(struct group_writer *writer, const struct cell *cells, struct failure *failure)
{
    size_t there = row_group_builder_bytes(writer->builder);
    int error = 0;

    if (there + row_bytes(writer->schema, cells) > writer->group_bytes)
        error = group_writer_flush(writer, failure);
    if (error != 0)
        return error;

    error = row_group_builder_add(writer->builder, cells);
    if (error == -EFBIG && row_group_builder_rows(writer->builder) != 0) {
        error = group_writer_flush(writer, failure);
        if (error == 0)
            error = row_group_builder_add(writer->builder, cells);
    }
    if (error == -EFBIG)
        error = row_group_cut_row(writer->schema, NULL, cells, keep, writer, failure);
    return error;
}

void group_writer_end(struct group_writer *writer)
{
    row_group_builder_free(writer->builder);
    buffer_release(&writer->encoded);
    schema_release(writer->schema);
    *writer = (struct group_writer){.builder = NULL};
}
