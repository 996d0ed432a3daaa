/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/store/check_internal.h"
#include "fs/store/object_reader.h"

int check_find_culprit(struct checking *checking, struct check_damaged *damaged)
{
    cleanup_buffer struct buffer sealed = BUFFER(OBJECT_SEALED_LIMIT);
    cleanup_buffer struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    struct object_reference next = damaged->reference;
    int depth = damaged->depth;

    for (int i = 0; i <= OBJECT_DEPTH_MOST; i++) {
        struct object_reference place;
        struct object_head head;
        struct reach_spot spot;
        int error = object_fetch_at(checking->reader, &next, depth, &sealed, &body, &place, NULL);

        if (error == -ENOMEM)
            return error;
        if (error != 0) {
            if (i > 0 && reach_find(checking->reach, &next, depth, &spot))
                *damaged = (struct check_damaged){spot, next, damaged->type, depth};
            return 0;
        }
        if (object_head_decode(body.data, body.size, &head) < 0 ||
            head.encoding != OBJECT_ZSTD_PARENT)
            break;
        next = head.parent;
        depth = head.place.depth - 1;
    }
    return 0;
}
