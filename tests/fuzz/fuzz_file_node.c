/* SPDX-License-Identifier: MIT */
/* A node of files/: it is refused, or it is the same bytes when it is written again. */
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/files/node.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer again = BUFFER(FILE_NODE_LIMIT);
    cleanup_free struct node *node = malloc(sizeof *node);

    require(node != NULL);
    if (node_decode(data, size, true, node) != 0)
        return 0;
    require(node_encode(node, &again) == 0);
    require(again.size == size && memcmp(again.data, data, size) == 0);
    for (unsigned i = 0; i < node->count; i++) {
        struct file_item item = node_item(node, i);
        struct file_extent extent;

        if (file_extent_decode(&item, &extent) == 0)
            require(extent.from + extent.length <= FILE_CONTENT_LIMIT);
    }
    return 0;
}
