/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/table/indexed.h"
#include "fs/table/scan.h"

/* A spool as a sink: what the groups of an image are kept in. */
struct spool_sink {
    struct group_sink sink;
    struct spool *spool;
};

static int spool_begin(struct group_sink *sink, void **ret_part, struct failure *failure)
{
    (void)sink;
    (void)failure;
    *ret_part = NULL;
    return 0;
}

static int spool_keep(struct group_sink *sink, void *part, const struct buffer *encoded,
                      struct image_group *group, struct failure *failure)
{
    XXH128_canonical_t digest;

    (void)part;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(group->digest, digest.digest, sizeof group->digest);
    return spool_put(((struct spool_sink *)sink)->spool, encoded->data, encoded->size,
                     &group->place.blob, failure);
}

static int spool_end(struct group_sink *sink, void *part, int error, struct failure *failure)
{
    (void)sink;
    (void)part;
    (void)error;
    (void)failure;
    return 0;
}

static void drop_from_spool(struct group_sink *sink, const struct image_group *group)
{
    spool_drop(((struct spool_sink *)sink)->spool, &group->place.blob);
}

static const struct group_sink_class spool_sink_class = {spool_begin, spool_keep, spool_end,
                                                         drop_from_spool};

int image_scan(struct dataset *dataset, size_t table, struct spool *spool,
               const struct scan_options *options, struct image **ret_image,
               struct failure *failure)
{
    struct spool_sink sink = {{&spool_sink_class}, spool};
    struct image_group *groups;
    size_t count;

    if (indexed_dataset_is(dataset))
        return indexed_dataset_image(dataset, table, ret_image, failure);

    int error = table_scan(dataset, table, &sink.sink, options, &groups, &count, failure);

    if (error != 0)
        return error;
    error = image_create(dataset->class->schema(dataset, table), spool, groups, count, ret_image);
    free(groups);
    return error;
}
