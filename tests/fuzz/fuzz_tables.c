/* SPDX-License-Identifier: MIT */
/*
 * The objects of a snapshot: page, image, schema, tree, chosen by the first byte. Each is refused,
 * or gives exactly its own bytes when it is written again.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/store/tables.h"
#include "tests/fuzz/target.h"

static void require_same(const struct buffer *again, const void *bytes, size_t size)
{
    require(again->size == size && memcmp(again->data, bytes, size) == 0);
}

static void check_page(const uint8_t *bytes, size_t size, struct buffer *again)
{
    struct stored_group *groups;
    size_t count;

    if (page_decode(bytes, size, &groups, &count) != 0)
        return;
    require(page_encode(groups, count, again) == 0);
    require_same(again, bytes, size);
    free(groups);
}

static void check_image(const uint8_t *bytes, size_t size, struct buffer *again)
{
    struct stored_image image;

    if (stored_image_decode(bytes, size, &image) != 0)
        return;
    require(stored_image_encode(&image, again) == 0);
    require_same(again, bytes, size);
    stored_image_release(&image);
}

static void check_schema(const uint8_t *bytes, size_t size, struct buffer *again)
{
    struct schema *schema;

    if (schema_decode(bytes, size, &schema) != 0)
        return;
    require(schema_encode(schema, again) == 0);
    require_same(again, bytes, size);
    schema_release(schema);
}

static void check_tree(const uint8_t *bytes, size_t size, struct buffer *again)
{
    struct stored_tree tree;

    if (stored_tree_decode(bytes, size, &tree) != 0)
        return;
    require(stored_tree_encode(&tree, again) == 0);
    require_same(again, bytes, size);
    stored_tree_release(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer again = BUFFER(OBJECT_DATA_LIMIT);

    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0: check_page(data + 1, size - 1, &again); break;
    case 1: check_image(data + 1, size - 1, &again); break;
    case 2: check_schema(data + 1, size - 1, &again); break;
    default: check_tree(data + 1, size - 1, &again); break;
    }
    return 0;
}
