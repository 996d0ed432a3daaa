/* SPDX-License-Identifier: MIT */
#include "fs/table/indexed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/table/group_cursor.h"
#include "fs/table/indexed_internal.h"

struct indexed_dataset {
    struct dataset dataset;
    struct edition *edition; /* referenced */
};

/* --- datasets ----------------------------------------------------------------------------- */

static struct edition *edition_of(const struct dataset *dataset)
{
    return ((const struct indexed_dataset *)dataset)->edition;
}

static size_t dataset_table_count(const struct dataset *dataset)
{
    return edition_table_count(edition_of(dataset));
}

static struct schema *dataset_schema(const struct dataset *dataset, size_t table)
{
    return edition_schema(edition_of(dataset), table);
}

static int dataset_plan(struct dataset *dataset, size_t table, size_t wanted,
                        struct range_plan *ret_plan, struct failure *failure)
{
    (void)dataset;
    (void)table;
    (void)wanted;
    (void)failure;
    return group_cursor_plan(ret_plan);
}

/* The table's image, referenced, and where its groups are. */
static int full_image(struct dataset *dataset, size_t table, struct edition **ret_full,
                      size_t *ret_table, struct image **ret_image, struct failure *failure)
{
    struct edition *edition = edition_of(dataset);
    const struct failure *why = edition_failure(edition, table);

    if (why != NULL) {
        if (failure != NULL)
            *failure = *why;
        return -why->code;
    }

    int error = edition_full(edition, table, ret_full, ret_table, failure);

    return error != 0 ? error : intake_image((*ret_full)->intake, *ret_table, ret_image, failure);
}

static int dataset_open_cursor(struct dataset *dataset, size_t table, const struct range_plan *plan,
                               size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct edition *full = edition_of(dataset);
    struct image *image = NULL;
    const struct image_group *groups;
    size_t count;

    (void)plan;
    (void)range;

    int error = full_image(dataset, table, &full, &table, &image, failure);

    if (error != 0)
        return error;
    intake_groups(full->intake, table, &groups, &count);
    return group_cursor_create(image,
                               group_rows_create(full->spool,
                                                 intake_schema(full->intake, table)->column_count,
                                                 groups, count),
                               ret_cursor);
}

static int dataset_verify(struct dataset *dataset, struct failure *failure)
{
    (void)dataset;
    (void)failure;
    return 0;
}

static void dataset_finish(struct dataset *dataset)
{
    (void)dataset;
}

static void dataset_release(struct dataset *base)
{
    edition_release(edition_of(base));
    free(base);
}

static const struct dataset_class indexed_dataset_class = {
    .table_count = dataset_table_count,
    .schema = dataset_schema,
    .plan = dataset_plan,
    .open_cursor = dataset_open_cursor,
    .verify = dataset_verify,
    .finish = dataset_finish,
    .release = dataset_release,
};

bool indexed_dataset_is(const struct dataset *dataset)
{
    return dataset->class == &indexed_dataset_class;
}

int indexed_dataset_image(struct dataset *dataset, size_t table, struct image **ret_image,
                          struct failure *failure)
{
    struct edition *full;

    return full_image(dataset, table, &full, &table, ret_image, failure);
}

const struct failure *indexed_dataset_failure(const struct dataset *dataset, size_t table)
{
    return edition_failure(edition_of(dataset), table);
}

int indexed_dataset_begun_image(struct dataset *dataset, size_t table, struct image **ret_image,
                                struct failure *failure)
{
    struct edition *full;
    int error = edition_full(edition_of(dataset), table, &full, &table, failure);

    return error != 0 ? error : intake_begun_image(full->intake, table, ret_image, failure);
}

bool indexed_dataset_lacks(const struct dataset *dataset)
{
    return edition_lacks(edition_of(dataset));
}

bool indexed_dataset_is_complete(const struct dataset *dataset)
{
    return __atomic_load_n(&edition_of(dataset)->complete, __ATOMIC_ACQUIRE);
}

int indexed_dataset_encode(const struct dataset *dataset, struct buffer *output)
{
    return edition_encode(edition_of(dataset), output);
}

/* --- members ------------------------------------------------------------------------------ */

size_t indexed_dataset_member_count(const struct dataset *dataset)
{
    return edition_member_count(edition_of(dataset));
}

const struct stream_member *indexed_dataset_member(const struct dataset *dataset, size_t index)
{
    return edition_member(edition_of(dataset), index);
}

static int take_bytes(void *context, const void *bytes, size_t size, struct failure *failure)
{
    return raw_bytes_add(context, bytes, size, failure);
}

/* Fetches a member again from the archive, which must be the one that was read. */
static int fetch_member(const struct edition *edition, const struct stream_member *member,
                        struct raw_bytes *bytes, struct failure *failure)
{
    struct source *stream = edition->stream;
    struct source_version version;
    int error = stream->class->extract(stream, member->path, take_bytes, bytes, failure);

    if (error == 0)
        error = stream->class->version(stream, &version, failure);
    if (error == 0 && (memcmp(&version, &edition->version, sizeof version) != 0 ||
                       raw_bytes_size(bytes) != member->bytes))
        error = failure_set(failure, ESTALE, "the archive has changed since it was read");
    return error;
}

int indexed_dataset_member_bytes(struct dataset *dataset, size_t index,
                                 struct raw_bytes **ret_bytes, struct failure *failure)
{
    struct edition *edition = edition_of(dataset);
    struct raw_bytes *bytes = edition_member_bytes(edition, index);
    int error;

    if (bytes != NULL) {
        *ret_bytes = bytes;
        return 0;
    }
    bytes = raw_bytes_create(edition->spool);
    if (bytes == NULL)
        return -ENOMEM;
    error = fetch_member(edition, edition_member(edition, index), bytes, failure);
    if (error != 0) {
        raw_bytes_release(bytes);
        return error;
    }
    edition_keep_bytes(edition, index, bytes);
    *ret_bytes = bytes;
    return 0;
}

int edition_dataset(struct edition *edition, struct dataset **ret_dataset)
{
    struct indexed_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL)
        return -ENOMEM;
    dataset->edition = edition_reference(edition);
    dataset->dataset = (struct dataset){
        .class = &indexed_dataset_class,
        .identity = edition->identity,
        .changed = edition->changed,
        .kind = edition->kind,
        .parallel = 1,
    };
    *ret_dataset = &dataset->dataset;
    return 0;
}

int indexed_dataset_share(struct dataset *dataset, struct dataset **ret_dataset)
{
    return edition_dataset(edition_of(dataset), ret_dataset);
}
