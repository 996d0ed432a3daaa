/* SPDX-License-Identifier: MIT */
/*
 * How memory is shared out: in sixteenths of what the files may take, between content that is not
 * stored yet, nodes that are not, nodes that are, and pieces that were read.
 *
 * The first two come and go. Of what content leaves, nodes that are not stored may take half; of
 * what both leave, the other two half each. So a file that is read here and there is kept decoded
 * as long as nothing is written, and a folder that grows is stored less often. What is known of
 * earlier versions is taken off the nodes that are stored.
 */
#include "fs/files/files_internal.h"

#define SHARE 16
#define WAITING_SHARES 5
#define DIRTY_SHARES 4
#define CLEAN_SHARES 5
#define PIECES_SHARES 2
#define PAST_SHARES 4 /* of those of CLEAN_SHARES */

static size_t left_of(size_t whole, size_t taken)
{
    return taken < whole ? whole - taken : 0;
}

void files_share_memory(struct files *files)
{
    size_t share = files->options.memory_bytes / SHARE;
    size_t dirty = files->nodes.dirty_count * sizeof(struct node);
    size_t unused = left_of(WAITING_SHARES * share, files->waiting_bytes);
    size_t idle = left_of(unused + DIRTY_SHARES * share, dirty);

    files->waiting_most = WAITING_SHARES * share;
    files->dirty_nodes_most = (DIRTY_SHARES * share + unused / 2) / sizeof(struct node);
    files->past_most = PAST_SHARES * share;
    files->nodes.clean_most =
        left_of(CLEAN_SHARES * share + idle / 2, files->past_bytes + files->removed.bytes) /
        sizeof(struct node);
    if (files->pieces_most != PIECES_SHARES * share + idle / 2) {
        files->pieces_most = PIECES_SHARES * share + idle / 2;
        content_cache_limit(files->contents, files->pieces_most);
    }
}
