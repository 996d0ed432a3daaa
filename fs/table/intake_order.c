/* SPDX-License-Identifier: MIT */
/* The order in which a table's rows come, and rows of one key. */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "fs/table/intake_internal.h"

void intake_forget_terms(struct intake_table *table)
{
    for (size_t i = 0; i < table->term_count; i++)
        key_labels_release(table->terms[i].labels);
    free(table->terms);
    table->terms = NULL;
    table->term_count = 0;
}

bool intake_is_sortable(const struct intake_table *table)
{
    size_t count = table->term_count;

    if (count == 0 || count > KEY_COLUMNS_MOST)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (table->terms[i].order == KEY_UNKNOWN)
            return false;
    }
    return true;
}

struct key_rule intake_rule(const struct intake_table *table)
{
    return (struct key_rule){table->term_count, table->terms, table->nulls_last};
}

bool intake_makes_one(const struct intake_table *table)
{
    return table->same_key == SAME_KEY_LAST || table->same_key == SAME_KEY_FIRST;
}

void intake_tell_twins(struct intake *intake, struct intake_table *table)
{
    struct failure why;

    if (table->twins_told)
        return;
    table->twins_told = true;
    failure_set(&why, EILSEQ,
                "table %.300s: two of its rows have the same key, which a database does not take: "
                "both show",
                table->schema->name);
    intake_note_trouble(intake, &why);
}

/* The row's key is what the next one is compared with. */
static int keep_key(struct intake_table *table, const struct cell *keys, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += (size_t)keys[i].size;
    table->has_last = size <= KEY_BYTES_MOST;
    if (!table->has_last)
        return 0;
    if (table->last == NULL)
        table->last = allocate_array(count, sizeof *table->last);
    buffer_clear(&table->last_bytes);
    /* What is empty has a place, too. */
    if (table->last == NULL || buffer_reserve(&table->last_bytes, size + 1) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        table->last[i] = keys[i];
        table->last[i].data = table->last_bytes.data + table->last_bytes.size;
        buffer_append(&table->last_bytes, keys[i].data, (size_t)keys[i].size);
    }
    return 0;
}

/* Rows that are to be one are sorted, unless each one's key is behind the one before. */
int intake_note_order(struct intake *intake, struct intake_table *table, const struct cell *cells)
{
    struct cell keys[KEY_COLUMNS_MOST];
    struct key_rule rule = intake_rule(table);
    bool become_one = intake_makes_one(table);
    bool sure = true;
    int order = -1;

    for (size_t i = 0; i < rule.count; i++)
        keys[i] = cells[table->terms[i].column];
    if (table->has_last)
        order = key_compare(&rule, table->last, keys, &sure);
    table->misplaced |= order > 0 && sure;
    if (order > 0 && (sure || become_one))
        table->unordered = true;
    if (order == 0 && become_one)
        table->unordered = true;
    else if (order == 0 && table->same_key == SAME_KEY_ERROR &&
             key_is_same(&rule, table->last, keys))
        intake_tell_twins(intake, table);

    int error = keep_key(table, keys, rule.count);

    if (become_one && !table->has_last)
        table->unordered = true;
    return error;
}
