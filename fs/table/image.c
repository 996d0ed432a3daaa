/* SPDX-License-Identifier: MIT */
#include "fs/table/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/table/image_internal.h"

static uint64_t next_number;

static void drop_blobs(struct spool *spool, const struct image_group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        spool_drop(spool, &groups[i].place.blob);
}

/* A chain: each link digests the one before and the next group's own digest. */
static void digest_groups(const struct image_group *groups, size_t count, uint8_t *digest)
{
    uint8_t link[2 * IMAGE_DIGEST_BYTES] = {0};

    for (size_t i = 0; i < count; i++) {
        XXH128_canonical_t canonical;

        memcpy(link + IMAGE_DIGEST_BYTES, groups[i].digest, IMAGE_DIGEST_BYTES);
        XXH128_canonicalFromHash(&canonical, XXH3_128bits(link, sizeof link));
        memcpy(link, canonical.digest, IMAGE_DIGEST_BYTES);
    }
    memcpy(digest, link, IMAGE_DIGEST_BYTES);
}

/* Everything but where the groups are. NULL: no memory. */
static struct image *create(struct schema *schema, const struct image_group *groups,
                            size_t group_count)
{
    struct image *image = calloc(1, sizeof *image + group_count * sizeof image->groups[0]);

    if (image == NULL)
        return NULL;
    for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
        if (format_head_bytes(schema, format, &image->head_bytes[format]) != 0) {
            free(image);
            return NULL;
        }
    }
    image->references = 1;
    image->number = __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED);
    image->schema = schema_reference(schema);
    image->group_count = group_count;
    digest_groups(groups, group_count, image->digest);

    uint64_t csv = 0;
    uint64_t ndjson = 0;
    uint64_t rows = 0;

    for (size_t i = 0; i < group_count; i++) {
        csv += groups[i].measure.csv_bytes;
        ndjson += groups[i].measure.ndjson_bytes;
        rows += groups[i].measure.rows;
        image->groups[i] = (struct group){groups[i].place, csv, ndjson, rows};
    }
    return image;
}

int image_create(struct schema *schema, struct spool *spool, const struct image_group *groups,
                 size_t group_count, struct image **ret_image)
{
    struct image *image = create(schema, groups, group_count);

    if (image == NULL) {
        drop_blobs(spool, groups, group_count);
        return -ENOMEM;
    }
    image->spool = spool;
    for (size_t i = 0; i < group_count; i++)
        image->stored_bytes += groups[i].place.blob.size;
    *ret_image = image;
    return 0;
}

int image_create_stored(struct schema *schema, struct object_reader *objects,
                        const struct image_group *groups, size_t group_count,
                        struct image **ret_image)
{
    struct image *image = create(schema, groups, group_count);

    if (image == NULL)
        return -ENOMEM;
    image->objects = objects;
    for (size_t i = 0; i < group_count; i++)
        image->stored_bytes += groups[i].place.object.sealed_size;
    *ret_image = image;
    return 0;
}

int image_create_kept(struct schema *schema, struct kept *kept, const struct image_group *groups,
                      size_t group_count, struct image **ret_image)
{
    struct image *image = create(schema, groups, group_count);

    if (image == NULL) {
        kept_close(kept);
        return -ENOMEM;
    }
    image->kept = kept;
    for (size_t i = 0; i < group_count; i++)
        image->stored_bytes += groups[i].place.kept.sealed_size;
    *ret_image = image;
    return 0;
}

struct image *image_reference(struct image *image)
{
    __atomic_add_fetch(&image->references, 1, __ATOMIC_RELAXED);
    return image;
}

void image_release(struct image *image)
{
    if (image == NULL || __atomic_sub_fetch(&image->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < image->group_count && image->spool != NULL; i++)
        spool_drop(image->spool, &image->groups[i].place.blob);
    kept_close(image->kept);
    schema_release(image->schema);
    free(image);
}

size_t image_memory_bytes(const struct image *image)
{
    return sizeof *image + image->group_count * sizeof image->groups[0];
}

uint64_t image_number(const struct image *image)
{
    return image->number;
}

uint64_t image_rows(const struct image *image)
{
    return image->group_count != 0 ? image->groups[image->group_count - 1].rows_end : 0;
}

uint64_t image_stored_bytes(const struct image *image)
{
    return image->stored_bytes;
}

bool image_is_kept(const struct image *image)
{
    return image->kept != NULL;
}

struct schema *image_schema(const struct image *image)
{
    return image->schema;
}

struct image_identity image_identity(const struct image *image)
{
    struct image_identity identity = {.rows = image_rows(image)};

    memcpy(identity.digest, image->digest, IMAGE_DIGEST_BYTES);
    return identity;
}

static uint64_t tail_size(enum table_format format)
{
    size_t size;

    format_tail(format, &size);
    return size;
}

/* Bytes of groups 0 … INDEX-1 in FORMAT. JSON has a comma after every row but the last. */
static uint64_t groups_bytes(const struct image *image, enum table_format format, size_t index)
{
    if (index == 0)
        return 0;

    const struct group *group = &image->groups[index - 1];

    switch (format) {
    case FORMAT_CSV: return group->csv_end;
    case FORMAT_NDJSON: return group->ndjson_end;
    default:
        return group->ndjson_end + group->rows_end -
               (index == image->group_count && group->rows_end != 0 ? 1 : 0);
    }
}

uint64_t image_size(const struct image *image, enum table_format format)
{
    return image->head_bytes[format] + groups_bytes(image, format, image->group_count) +
           tail_size(format);
}

static struct image_part part_of(const struct image *image, enum table_format format, size_t number)
{
    uint64_t head = image->head_bytes[format];

    if (number == 0)
        return (struct image_part){0, 0, head};

    size_t index = number - 1;

    if (index > image->group_count)
        return (struct image_part){number, image_size(image, format), 0};

    uint64_t before = groups_bytes(image, format, index);

    if (index == image->group_count)
        return (struct image_part){number, head + before, tail_size(format)};
    return (struct image_part){number, head + before,
                               groups_bytes(image, format, index + 1) - before};
}

struct image_part image_find(const struct image *image, enum table_format format, uint64_t offset)
{
    uint64_t head = image->head_bytes[format];

    if (offset < head)
        return part_of(image, format, 0);
    offset -= head;

    /* The first group that ends after the offset. */
    size_t low = 0;
    size_t high = image->group_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (groups_bytes(image, format, middle + 1) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return part_of(image, format, low + 1);
}

struct image_part image_next(const struct image *image, enum table_format format,
                             const struct image_part *part)
{
    struct image_part next = part_of(image, format, part->number + 1);

    while (next.size == 0 && next.number <= image->group_count)
        next = part_of(image, format, next.number + 1);
    return next;
}

size_t image_group_count(const struct image *image)
{
    return image->group_count;
}

struct row_group_measure image_group_measure(const struct image *image, size_t index)
{
    static const struct group none;
    const struct group *before = index == 0 ? &none : &image->groups[index - 1];
    const struct group *group = &image->groups[index];

    return (struct row_group_measure){
        .rows = (uint32_t)(group->rows_end - before->rows_end),
        .csv_bytes = group->csv_end - before->csv_end,
        .ndjson_bytes = group->ndjson_end - before->ndjson_end,
    };
}

struct image_part image_group_part(const struct image *image, enum table_format format,
                                   size_t index)
{
    return part_of(image, format, index + 1);
}

size_t image_group_of_row(const struct image *image, uint64_t row, uint64_t *ret_rows_before)
{
    size_t low = 0;
    size_t high = image->group_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (image->groups[middle].rows_end > row)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_rows_before = low != 0 ? image->groups[low - 1].rows_end : 0;
    return low;
}
