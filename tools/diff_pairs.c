/* SPDX-License-Identifier: MIT */
#include "tools/diff_pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

static int by_names(const void *left, const void *right)
{
    const struct diff_pair *one = left;
    const struct diff_pair *other = right;
    int order = strcmp(one->source, other->source);

    if (order == 0)
        order = strcmp(one->table, other->table);
    return order != 0 ? order : (other->from != NULL) - (one->from != NULL);
}

static size_t count_tables(const struct stored_tree *tree)
{
    size_t count = 0;

    for (size_t i = 0; i < tree->source_count; i++)
        count += tree->sources[i].table_count;
    return count;
}

static void add_tables(struct diff_pairs *pairs, const struct stored_tree *tree, bool from)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];

        for (size_t j = 0; j < source->table_count; j++) {
            const struct stored_table *table = &source->tables[j];

            pairs->items[pairs->count++] = (struct diff_pair){
                .source = source->name,
                .table = table->name,
                .kind = source->kind,
                .from = from ? table : NULL,
                .to = from ? NULL : table,
            };
        }
    }
}

int diff_pairs_make(const struct stored_tree trees[2], struct diff_pairs *pairs)
{
    size_t kept = 0;

    pairs->items =
        allocate_array(count_tables(&trees[0]) + count_tables(&trees[1]), sizeof *pairs->items);
    if (pairs->items == NULL)
        return -ENOMEM;
    add_tables(pairs, &trees[0], true);
    add_tables(pairs, &trees[1], false);
    if (pairs->count != 0)
        qsort(pairs->items, pairs->count, sizeof *pairs->items, by_names);
    /* Of two neighbours of one name, the first is the older. */
    for (size_t i = 0; i < pairs->count; i++) {
        struct diff_pair pair = pairs->items[i];

        if (i + 1 < pairs->count && strcmp(pair.source, pairs->items[i + 1].source) == 0 &&
            strcmp(pair.table, pairs->items[i + 1].table) == 0) {
            pair.to = pairs->items[++i].to;
            if (strcmp(pair.kind, pairs->items[i].kind) != 0)
                pair.kind = NULL;
        }
        pairs->items[kept++] = pair;
    }
    pairs->count = kept;
    return 0;
}
