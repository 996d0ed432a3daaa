/* SPDX-License-Identifier: MIT */
#include "fs/restore/refusals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define REASONS_MOST \
    20 /* of a table's rows; a reason may name the value, and so be each row's own */

/* NULL stays NULL. */
static int copy(const char *text, char **ret_copy)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL ? 0 : -ENOMEM;
}

static int add(struct refusals *refusals, const struct restore_refusal *refusal)
{
    struct restore_refusal *items =
        reallocarray(refusals->items, refusals->count + 1, sizeof *items);
    struct restore_refusal *own;

    if (items == NULL)
        return -ENOMEM;
    refusals->items = items;
    own = &items[refusals->count++];
    *own = *refusal;
    own->table = own->column = own->value = own->reason = NULL;
    if (copy(refusal->table, &own->table) != 0 || copy(refusal->column, &own->column) != 0 ||
        copy(refusal->value, &own->value) != 0 || copy(refusal->reason, &own->reason) != 0)
        return -ENOMEM;
    return 0;
}

static bool is_of_data(int error)
{
    return error == -EINVAL || error == -EEXIST || error == -ENOENT || error == -EBUSY ||
           error == -EACCES || error == -EROFS || error == -ENOSPC || error == -EIO;
}

static bool is_same(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

int refusals_note(struct refusals *refusals, const char *table, bool is_whole, int error,
                  const struct failure *failure)
{
    char words[FAILURE_TEXT_SIZE];

    if (!is_of_data(error))
        return error;
    /* Said already, when it was tried before. */
    for (size_t i = 0; i < refusals->count; i++) {
        if (is_whole && refusals->items[i].is_whole && is_same(refusals->items[i].table, table))
            return 0;
    }
    strncpy(words, failure_text(failure, error), sizeof words - 1);
    words[sizeof words - 1] = '\0';
    return add(refusals, &(struct restore_refusal){
                             .table = (char *)table, .reason = words, .is_whole = is_whole});
}

int refusals_note_row(struct refusals *refusals, const char *table, const struct bad_row *bad)
{
    struct restore_refusal *last = NULL;
    size_t reasons = 0;

    for (size_t i = 0; i < refusals->count; i++) {
        struct restore_refusal *item = &refusals->items[i];

        if (item->rows == 0 || !is_same(item->table, table))
            continue;
        if (is_same(item->column, bad->column) && is_same(item->reason, bad->reason)) {
            item->rows++;
            return 0;
        }
        last = item;
        reasons++;
    }
    if (reasons == REASONS_MOST) {
        last->rows++;
        return 0;
    }
    return add(refusals, &(struct restore_refusal){
                             .table = (char *)table,
                             .column = reasons + 1 == REASONS_MOST ? NULL : (char *)bad->column,
                             .value = (char *)bad->value,
                             .reason = (char *)(reasons + 1 == REASONS_MOST
                                                    ? "is refused, as others are, for reasons of "
                                                      "each its own"
                                                    : bad->reason),
                             .row = bad->number,
                             .rows = 1});
}

static void release_item(struct restore_refusal *item)
{
    free(item->table);
    free(item->column);
    free(item->value);
    free(item->reason);
}

void refusals_keep_whole(struct refusals *refusals)
{
    size_t kept = 0;

    for (size_t i = 0; i < refusals->count; i++) {
        if (refusals->items[i].is_whole)
            refusals->items[kept++] = refusals->items[i];
        else
            release_item(&refusals->items[i]);
    }
    refusals->count = kept;
}

void refusals_release(struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->count; i++)
        release_item(&refusals->items[i]);
    free(refusals->items);
    *refusals = (struct refusals){.count = 0};
}
