/* SPDX-License-Identifier: MIT */
#include "fs/table/record_search.h"

#include <errno.h>

#include "fs/base/memory.h"
#include "fs/table/key_compare.h"
#include "fs/table/record_rows.h"

struct search {
    struct image *image;
    const struct cell *wanted; /* in the order of KEY */
    size_t count;              /* of the leading columns of the order, as far as they are wanted */
    size_t columns[KEY_COLUMNS_MOST];
    size_t places[KEY_COLUMNS_MOST]; /* among the wanted */
    enum key_order order;
    bool descending;
    bool sure;
    struct record_rows rows;
};

static void release_search(struct search *search)
{
    record_rows_release(&search->rows);
}

/* What the rows stand in the order of, as far as it is part of the key. */
static void take_columns(struct search *search, const struct record_key *key)
{
    const struct schema *schema = image_schema(search->image);

    for (size_t i = 0; i < schema->order_key_count && search->count < KEY_COLUMNS_MOST; i++) {
        size_t place = 0;

        while (place < key->count && key->columns[place] != schema->order_key[i])
            place++;
        if (place == key->count)
            break;
        search->columns[search->count] = schema->order_key[i];
        search->places[search->count++] = place;
    }
    /* With more columns, each may rise or fall. */
    search->sure = key->count == 1 && search->count == 1;
}

static struct cell cell_of(const struct cell_view *view)
{
    static const enum cell_class classes[KIND_COUNT] = {
        [KIND_NULL] = CELL_NULL,     [KIND_NUMBER] = CELL_NUMBER, [KIND_SPECIAL] = CELL_NUMBER,
        [KIND_TEXT] = CELL_TEXT,     [KIND_RAW_TEXT] = CELL_TEXT, [KIND_BYTES] = CELL_BYTES,
        [KIND_DOCUMENT] = CELL_TEXT, [KIND_TRUE] = CELL_BOOLEAN,  [KIND_FALSE] = CELL_BOOLEAN,
    };

    return (struct cell){.class = classes[view->kind], .size = view->size, .data = view->data};
}

/* A key whose name is digits is wanted as what the rows have: numbers, texts or booleans. */
static struct cell wanted_beside(const struct cell *wanted, const struct cell *found)
{
    struct cell cell = *wanted;

    if (cell.class != CELL_BYTES && found->class != CELL_BYTES && found->class != CELL_NULL &&
        (cell.class == CELL_NUMBER || found->class != CELL_NUMBER))
        cell.class = found->class;
    return cell;
}

/* Below 0, 0, above 0 as the wanted row stands before, at or behind the current one. */
static int compare(struct search *search, const struct cell_view *found)
{
    struct key_term terms[KEY_COLUMNS_MOST];
    struct key_rule rule = {.count = 1, .terms = terms};
    int order = 0;

    terms[0] = (struct key_term){.order = search->order};
    for (size_t i = 0; i < search->count && order == 0; i++) {
        struct cell right = cell_of(&found[i]);
        struct cell left = wanted_beside(&search->wanted[search->places[i]], &right);

        search->sure = search->sure && left.class == CELL_NUMBER && right.class == CELL_NUMBER;
        order = key_compare(&rule, &left, &right, NULL);
    }
    return search->descending ? -order : order;
}

/* As compare, with the first row that begins in the group. A row without a key is passed by. */
static int probe(struct search *search, size_t group, int *ret_order, struct failure *failure)
{
    struct record_key order_key = {search->count, search->columns};
    int error = record_rows_open(&search->rows, search->image, group, &order_key, NULL, failure);

    if (error != 0)
        return error;
    if (record_rows_next(&search->rows)) {
        *ret_order = compare(search, search->rows.cells);
    } else {
        search->sure = false;
        *ret_order = 1;
    }
    return 0;
}

/* Whether the rows stand in falling order: by the first row of the first and of the last group. */
static int find_direction(struct search *search, size_t last, struct failure *failure)
{
    struct record_key order_key = {search->count, search->columns};
    struct record_rows *rows = &search->rows;
    cleanup_buffer struct buffer kept = BUFFER(RECORD_KEY_LIMIT);
    int error = record_rows_open(rows, search->image, 0, &order_key, NULL, failure);

    if (error != 0 || !record_rows_next(rows))
        return error;

    struct cell first = cell_of(&rows->cells[0]);

    error = buffer_append(&kept, first.data, (size_t)first.size);
    if (error != 0)
        return error;
    first.data = kept.data;
    error = record_rows_open(rows, search->image, last, &order_key, NULL, failure);
    if (error != 0 || !record_rows_next(rows))
        return error;

    struct cell final = cell_of(&rows->cells[0]);
    struct key_term term = {.order = search->order};
    struct key_rule rule = {.count = 1, .terms = &term};

    search->descending = key_compare(&rule, &first, &final, NULL) > 0;
    return 0;
}

/* The last group whose first row is not behind the wanted one; low: none is. */
static int bisect(struct search *search, size_t *ret_group, struct failure *failure)
{
    size_t low = 0;
    size_t high = image_group_count(search->image);
    size_t found = SIZE_MAX;

    while (low < high) {
        size_t begin = record_rows_begin(search->image, low + (high - low) / 2);
        int order;
        int error = probe(search, begin, &order, failure);

        if (error != 0)
            return error;
        if (order < 0) {
            high = begin;
        } else {
            found = begin;
            low = record_rows_end(search->image, begin);
        }
    }
    if (found == SIZE_MAX)
        return -ENOENT;
    *ret_group = found;
    return 0;
}

int record_search(struct image *image, const struct record_key *key, const struct cell *cells,
                  enum key_order order, size_t *ret_group, bool *ret_sure, struct failure *failure)
{
    cleanup(release_search) struct search search = {
        .image = image, .wanted = cells, .order = order};
    size_t count = image_group_count(image);

    take_columns(&search, key);
    *ret_sure = true;
    if (count == 0)
        return -ENOENT;
    *ret_group = 0;
    if (record_rows_end(image, 0) == count)
        return 0; /* that is all there is */
    *ret_sure = false;
    if (search.count == 0)
        return -ENOENT;

    int error = find_direction(&search, record_rows_begin(image, count - 1), failure);

    if (error == 0)
        error = bisect(&search, ret_group, failure);
    *ret_sure = search.sure;
    return error;
}
