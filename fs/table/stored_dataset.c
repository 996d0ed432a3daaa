/* SPDX-License-Identifier: MIT */
#include "fs/table/stored_dataset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/group_cursor.h"
#include "fs/table/image.h"
#include "fs/table/stored_table.h"

struct stored_dataset {
    struct dataset dataset;
    struct object_reader *reader;
    const struct stored_source *source;
    struct schema **schemas; /* the source's tables; NULL where it was not read yet */
};

/* IMAGE becomes the cursor's, also on failure. */
static int create_cursor(struct image *image, size_t first_group, struct cursor **ret_cursor)
{
    return group_cursor_create(image, group_rows_create_of_image(image, first_group), ret_cursor);
}

/* ---- The dataset ----------------------------------------------------------------------------- */

static size_t table_count(const struct dataset *base)
{
    return ((const struct stored_dataset *)base)->source->table_count;
}

static struct schema *schema_of(const struct dataset *base, size_t table)
{
    return ((const struct stored_dataset *)base)->schemas[table];
}

static uint64_t csv_bytes(const struct dataset *base, size_t table)
{
    return ((const struct stored_dataset *)base)->source->tables[table].csv_bytes;
}

static int plan(struct dataset *base, size_t table, size_t wanted, struct range_plan *ret_plan,
                struct failure *failure)
{
    (void)base;
    (void)table;
    (void)wanted;
    (void)failure;
    return group_cursor_plan(ret_plan);
}

/* The table's image, seen to have the rows that its snapshot's tree says. */
static int open_image(struct stored_dataset *dataset, size_t table, struct image **ret_image,
                      struct failure *failure)
{
    const struct stored_table *stored = &dataset->source->tables[table];
    struct image *image;
    int error = stored_table_open(dataset->reader, &stored->image, &image, failure);

    if (error != 0)
        return error;
    if (image_rows(image) != stored->rows) {
        image_release(image);
        return failure_set(failure, EIO,
                           "the store is damaged: table \"%s\" is not as long as its snapshot says",
                           stored->name);
    }
    *ret_image = image;
    return 0;
}

static int open_cursor(struct dataset *base, size_t table, const struct range_plan *ranges,
                       size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct image *image = NULL;
    int error = open_image((struct stored_dataset *)base, table, &image, failure);

    (void)ranges;
    (void)range;
    return error == 0 ? create_cursor(image, 0, ret_cursor) : error;
}

static int verify(struct dataset *dataset, struct failure *failure)
{
    (void)dataset;
    (void)failure;
    return 0;
}

static void finish(struct dataset *dataset)
{
    (void)dataset;
}

static void release(struct dataset *base)
{
    struct stored_dataset *dataset = (struct stored_dataset *)base;

    for (size_t i = 0; dataset->schemas != NULL && i < dataset->source->table_count; i++)
        schema_release(dataset->schemas[i]);
    free((void *)dataset->schemas);
    free(dataset);
}

static const struct dataset_class dataset_class = {
    .table_count = table_count,
    .schema = schema_of,
    .csv_bytes = csv_bytes,
    .plan = plan,
    .open_cursor = open_cursor,
    .verify = verify,
    .finish = finish,
    .release = release,
};

int stored_dataset_create(struct object_reader *reader, const struct stored_source *source,
                          struct dataset **ret_dataset, struct failure *failure)
{
    struct stored_dataset *dataset = calloc(1, sizeof *dataset);
    int error = 0;

    if (dataset == NULL)
        return -ENOMEM;
    dataset->dataset.class = &dataset_class;
    dataset->dataset.parallel = 1;
    dataset->reader = reader;
    dataset->source = source;
    dataset->schemas = allocate_array(source->table_count, sizeof(struct schema *));
    if (dataset->schemas == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < source->table_count && error == 0; i++)
        error =
            stored_table_schema(reader, &source->tables[i].image, &dataset->schemas[i], failure);
    if (error != 0) {
        release(&dataset->dataset);
        return error;
    }
    *ret_dataset = &dataset->dataset;
    return 0;
}

bool stored_dataset_is(const struct dataset *dataset)
{
    return dataset->class == &dataset_class;
}

/* ---- Seeking --------------------------------------------------------------------------------- */

/* A whole number of at most 18 digits. */
static bool read_key(const struct cell *cell, int64_t *ret_key)
{
    const char *text = cell->data;
    size_t at = cell->size > 1 && text[0] == '-';
    int64_t value = 0;

    if (cell->class != CELL_NUMBER || cell->size == 0 || cell->size - at > 18)
        return false;
    for (; at < cell->size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        value = value * 10 + (text[at] - '0');
    }
    *ret_key = text[0] == '-' ? -value : value;
    return true;
}

/* The first row's key of a group. 1; 0: it cannot be told; -errno. */
static int first_key(struct image *image, size_t group, size_t column, int64_t *ret_key,
                     struct failure *failure)
{
    struct group_rows *rows = group_rows_create_of_image(image, group);
    const struct cell *cells;
    int got = rows != NULL ? group_rows_next(rows, &cells, failure) : -ENOMEM;

    if (got == 1 && !read_key(&cells[column], ret_key))
        got = 0;
    group_rows_free(rows);
    return got;
}

/* Whether rows stand in the order of one whole number. */
static bool has_number_key(const struct schema *schema)
{
    return schema->primary_key_count == 1 && schema->order_key_count == 1 &&
           schema->order_key[0] == schema->primary_key[0] &&
           schema->columns[schema->primary_key[0]].type == COLUMN_INTEGER;
}

/* The key that a group begins with; fragments of a row have no first row of their own. As above. */
static int begin_of(struct image *image, size_t group, size_t column, int64_t *ret_key,
                    struct failure *failure)
{
    if (image_group_measure(image, group).rows == 0 ||
        (group > 0 && image_group_measure(image, group - 1).rows == 0))
        return 0;
    return first_key(image, group, column, ret_key, failure);
}

/* Whether keys rise from the first group to the last: SQLite's may be declared to fall. As above.
 */
static int keys_rise(struct image *image, size_t column, struct failure *failure)
{
    int64_t first = 0;
    int64_t last = 0;
    int got = begin_of(image, 0, column, &first, failure);

    if (got == 1)
        got = begin_of(image, image_group_count(image) - 1, column, &last, failure);
    return got == 1 ? first < last : got;
}

/* The last group that begins at KEY or before; the first where that cannot be told. */
static int find_group(struct image *image, size_t column, int64_t key, size_t *ret_group,
                      struct failure *failure)
{
    size_t low = 0;
    size_t high = image_group_count(image);
    int got = high > 1 ? keys_rise(image, column, failure) : 0;

    while (got == 1 && high - low > 1) {
        size_t middle = low + (high - low) / 2;
        int64_t first = 0;

        got = begin_of(image, middle, column, &first, failure);
        if (got == 1 && first <= key)
            low = middle;
        else
            high = middle;
    }
    *ret_group = got == 1 ? low : 0;
    return got < 0 ? got : 0;
}

int stored_dataset_seek(struct dataset *base, size_t table, const struct cell *key,
                        struct cursor **ret_cursor, struct failure *failure)
{
    struct stored_dataset *dataset = (struct stored_dataset *)base;
    const struct schema *schema = dataset->schemas[table];
    struct image *image = NULL;
    int64_t number = 0;
    size_t group = 0;
    int error = open_image(dataset, table, &image, failure);

    if (error == 0 && has_number_key(schema) && read_key(key, &number))
        error = find_group(image, schema->primary_key[0], number, &group, failure);
    if (error != 0) {
        image_release(image);
        return error;
    }
    return create_cursor(image, group, ret_cursor);
}
