/* SPDX-License-Identifier: MIT */
#include "fs/table/kept_image.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "fs/base/memory.h"

_Static_assert(KEPT_DIGEST_BYTES == IMAGE_DIGEST_BYTES, "an image's digest is made of its groups'");

int kept_image_open(struct image_cache *cache, const struct image_key *key, struct schema *schema,
                    struct image **ret_image, struct failure *failure)
{
    cleanup_free struct kept_group *groups = NULL;
    struct kept *kept;
    size_t count;
    int error = kept_open(cache, key, &kept, &groups, &count, failure);

    if (error != 0)
        return error;

    cleanup_free struct image_group *own = allocate_array(count, sizeof *own);

    if (own == NULL) {
        kept_close(kept);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        own[i].place.kept = groups[i].place;
        own[i].measure = (struct row_group_measure){.rows = groups[i].rows,
                                                    .csv_bytes = groups[i].csv_bytes,
                                                    .ndjson_bytes = groups[i].ndjson_bytes};
        memcpy(own[i].digest, groups[i].digest, IMAGE_DIGEST_BYTES);
    }
    return image_create_kept(schema, kept, own, count, ret_image);
}

static struct kept_group describe(const struct image *image, size_t index,
                                  const struct buffer *encoded)
{
    struct row_group_measure measure = image_group_measure(image, index);
    struct kept_group group = {
        .place = {.size = (uint32_t)encoded->size},
        .rows = measure.rows,
        .csv_bytes = measure.csv_bytes,
        .ndjson_bytes = measure.ndjson_bytes,
    };
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(group.digest, digest.digest, sizeof group.digest);
    return group;
}

static int write_groups(struct kept_writer *writer, struct image *image, struct failure *failure)
{
    struct image_scratch scratch = {.encoded = {.size = 0}};
    int error = 0;

    for (size_t i = 0; i < image_group_count(image) && error == 0; i++) {
        error = image_group_read(image, i, &scratch, failure);
        if (error == 0) {
            struct kept_group group = describe(image, i, &scratch.encoded);

            error = kept_writer_add(writer, scratch.encoded.data, &group, failure);
        }
    }
    image_scratch_release(&scratch);
    return error;
}

int kept_image_write(struct image_cache *cache, const struct image_key *key, struct image *image,
                     struct failure *failure)
{
    struct kept_writer *writer;
    int error = kept_writer_create(cache, key, &writer, failure);

    if (error != 0)
        return error;
    error = write_groups(writer, image, failure);
    if (error == 0)
        error = kept_writer_finish(writer, failure);
    kept_writer_free(writer);
    return error;
}

/* --- catalogues: one group, of one row ------------------------------------------------------ */

int kept_catalogue_open(struct image_cache *cache, const struct image_key *key,
                        struct buffer *output, struct failure *failure)
{
    cleanup_free struct kept_group *groups = NULL;
    struct kept_scratch scratch = {.sealed = {.size = 0}};
    struct kept *kept;
    size_t count;
    int error = kept_open(cache, key, &kept, &groups, &count, failure);

    if (error != 0)
        return error;
    error = count == 1 ? kept_read(kept, 0, &groups[0].place, &scratch, output) : -EBADMSG;
    if (error != 0 && error != -ENOMEM)
        kept_discard(kept);
    kept_scratch_release(&scratch);
    kept_close(kept);
    return error;
}

int kept_catalogue_write(struct image_cache *cache, const struct image_key *key,
                         const struct buffer *encoded, struct failure *failure)
{
    struct kept_group group = {.place = {.size = (uint32_t)encoded->size}, .rows = 1};
    XXH128_canonical_t digest;
    struct kept_writer *writer;
    int error = kept_writer_create(cache, key, &writer, failure);

    if (error != 0)
        return error;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(group.digest, digest.digest, sizeof group.digest);
    error = kept_writer_add(writer, encoded->data, &group, failure);
    if (error == 0)
        error = kept_writer_finish(writer, failure);
    kept_writer_free(writer);
    return error;
}
