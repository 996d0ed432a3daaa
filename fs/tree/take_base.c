/* SPDX-License-Identifier: MIT */
#include "fs/tree/take_base.h"

#include <errno.h>
#include <string.h>

int take_bases_read(struct object_reader *reader, const struct log_state *state,
                    struct take_bases *ret_bases)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);

    *ret_bases = (struct take_bases){0};
    for (size_t i = state->snapshot_count; i > 0 && ret_bases->count < TAKE_BASES_MOST; i--) {
        const struct snapshot *snapshot = &state->snapshots[i - 1];
        struct stored_tree tree;
        int error = object_read(reader, &snapshot->tree, OBJECT_TREE, false, &data, NULL);

        if (error == 0)
            error = stored_tree_decode(data.data, data.size, &tree);
        if (error == -ENOMEM) {
            take_bases_release(ret_bases);
            return error;
        }
        if (error != 0)
            continue;
        ret_bases->trees[ret_bases->count++] = tree;
    }
    return 0;
}

static const struct stored_table *find_in(const struct stored_tree *tree, const char *source,
                                          const char *table)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *stored = &tree->sources[i];

        if (strcmp(stored->name, source) != 0)
            continue;
        for (size_t j = 0; j < stored->table_count; j++) {
            if (strcmp(stored->tables[j].name, table) == 0)
                return &stored->tables[j];
        }
    }
    return NULL;
}

const struct object_reference *take_bases_find(const struct take_bases *bases, const char *source,
                                               const char *table)
{
    for (size_t i = 0; i < bases->count; i++) {
        const struct stored_table *found = find_in(&bases->trees[i], source, table);

        if (found != NULL)
            return &found->image;
    }
    return NULL;
}

void take_bases_release(struct take_bases *bases)
{
    for (size_t i = 0; i < bases->count; i++)
        stored_tree_release(&bases->trees[i]);
    bases->count = 0;
}
