/* SPDX-License-Identifier: MIT */
/* Pages and images: binary, since they are read with every table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/tables.h"

#define PAGE_HEAD_BYTES 8
#define GROUP_BYTES 80
#define IMAGE_HEAD_BYTES 112
#define IMAGE_PAGES_LIMIT ((OBJECT_DATA_LIMIT - IMAGE_HEAD_BYTES) / OBJECT_REFERENCE_BYTES)

/* No sum of what an image counts passes 2^63. */
#define COUNT_LIMIT ((uint64_t)1 << 40)
#define IMAGE_COUNT_LIMIT ((uint64_t)1 << 62)

bool page_ends_after(const struct stored_group *group, size_t count)
{
    return count >= PAGE_GROUPS_LIMIT || (group->first_key != 0 && group->first_key % 64 == 0);
}

static void encode_group(const struct stored_group *group, uint8_t bytes[GROUP_BYTES])
{
    object_reference_encode(&group->reference, bytes);
    put_u64(bytes + 48, group->first_key);
    put_u32(bytes + 56, group->rows);
    put_u32(bytes + 60, 0);
    put_u64(bytes + 64, group->csv_bytes);
    put_u64(bytes + 72, group->ndjson_bytes);
}

/* Whether the first COUNT of a page's groups may be followed by another. */
static bool is_possible(const struct stored_group *group, size_t count, bool last)
{
    return group->csv_bytes <= COUNT_LIMIT && group->ndjson_bytes <= COUNT_LIMIT &&
           (last || !page_ends_after(group, count));
}

int page_encode(const struct stored_group *groups, size_t count, struct buffer *output)
{
    buffer_clear(output);
    if (count == 0 || count > PAGE_GROUPS_LIMIT)
        return -EFBIG;

    int error = buffer_reserve(output, PAGE_HEAD_BYTES + count * GROUP_BYTES);

    if (error != 0)
        return error;
    put_u32(output->data, (uint32_t)count);
    put_u32(output->data + 4, 0);
    for (size_t i = 0; i < count; i++) {
        if (!is_possible(&groups[i], i + 1, i + 1 == count))
            return -EFBIG;
        encode_group(&groups[i], output->data + PAGE_HEAD_BYTES + i * GROUP_BYTES);
    }
    output->size = PAGE_HEAD_BYTES + count * GROUP_BYTES;
    return 0;
}

int page_decode(const void *bytes, size_t size, struct stored_group **ret_groups, size_t *ret_count)
{
    const uint8_t *at = bytes;

    if (size < PAGE_HEAD_BYTES || get_u32(at + 4) != 0)
        return -EBADMSG;

    size_t count = get_u32(at);

    if (count == 0 || count > PAGE_GROUPS_LIMIT || size != PAGE_HEAD_BYTES + count * GROUP_BYTES)
        return -EBADMSG;

    cleanup_free struct stored_group *groups = allocate_array(count, sizeof *groups);

    if (groups == NULL)
        return -ENOMEM;
    at += PAGE_HEAD_BYTES;
    for (size_t i = 0; i < count; i++, at += GROUP_BYTES) {
        groups[i] = (struct stored_group){.reference = object_reference_decode(at),
                                          .first_key = get_u64(at + 48),
                                          .rows = get_u32(at + 56),
                                          .csv_bytes = get_u64(at + 64),
                                          .ndjson_bytes = get_u64(at + 72)};
        if (get_u32(at + 60) != 0 || !is_possible(&groups[i], i + 1, i + 1 == count))
            return -EBADMSG;
    }
    *ret_groups = steal_pointer(&groups);
    *ret_count = count;
    return 0;
}

/* A table without rows has no pages, and none without pages has rows. */
static bool is_image_possible(const struct stored_image *image)
{
    return image->page_count <= IMAGE_PAGES_LIMIT && image->rows <= IMAGE_COUNT_LIMIT &&
           image->csv_bytes <= IMAGE_COUNT_LIMIT && image->ndjson_bytes <= IMAGE_COUNT_LIMIT &&
           (image->rows == 0) == (image->page_count == 0) &&
           (image->page_count != 0 || (image->csv_bytes == 0 && image->ndjson_bytes == 0));
}

int stored_image_encode(const struct stored_image *image, struct buffer *output)
{
    buffer_clear(output);
    if (!is_image_possible(image))
        return -EFBIG;

    int error =
        buffer_reserve(output, IMAGE_HEAD_BYTES + image->page_count * OBJECT_REFERENCE_BYTES);

    if (error != 0)
        return error;
    put_u64(output->data, image->rows);
    put_u64(output->data + 8, image->csv_bytes);
    put_u64(output->data + 16, image->ndjson_bytes);
    memcpy(output->data + 24, image->digest, STORED_DIGEST_BYTES);
    object_reference_encode(&image->schema, output->data + 56);
    put_u32(output->data + 104, (uint32_t)image->page_count);
    put_u32(output->data + 108, 0);
    output->size = IMAGE_HEAD_BYTES;
    for (size_t i = 0; i < image->page_count; i++) {
        object_reference_encode(&image->pages[i], output->data + output->size);
        output->size += OBJECT_REFERENCE_BYTES;
    }
    return 0;
}

int stored_image_decode(const void *bytes, size_t size, struct stored_image *ret_image)
{
    const uint8_t *at = bytes;

    if (size < IMAGE_HEAD_BYTES || get_u32(at + 108) != 0)
        return -EBADMSG;

    struct stored_image image = {.rows = get_u64(at),
                                 .csv_bytes = get_u64(at + 8),
                                 .ndjson_bytes = get_u64(at + 16),
                                 .schema = object_reference_decode(at + 56),
                                 .page_count = get_u32(at + 104)};

    memcpy(image.digest, at + 24, STORED_DIGEST_BYTES);
    if (!is_image_possible(&image) ||
        size != IMAGE_HEAD_BYTES + image.page_count * OBJECT_REFERENCE_BYTES)
        return -EBADMSG;
    image.pages = allocate_array(image.page_count, sizeof *image.pages);
    if (image.pages == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < image.page_count; i++)
        image.pages[i] =
            object_reference_decode(at + IMAGE_HEAD_BYTES + i * OBJECT_REFERENCE_BYTES);
    *ret_image = image;
    return 0;
}

void stored_image_release(struct stored_image *image)
{
    free(image->pages);
    *image = (struct stored_image){.page_count = 0};
}
