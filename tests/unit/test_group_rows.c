/* SPDX-License-Identifier: MIT */
/* Rows in fragments, put together again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/group_rows.h"
#include "fs/table/row_group.h"
#include "tests/unit/fake_source.h"

#define LARGE ((size_t)3000000)
#define MOST 64

struct cut {
    struct spool *spool;
    struct image_group groups[MOST];
    size_t count;
};

/* A row_group_take. */
static int take(void *context, const struct buffer *encoded,
                const struct row_group_measure *measure, struct failure *failure)
{
    struct cut *cut = context;

    must(cut->count < MOST);
    (void)measure;
    return spool_put(cut->spool, encoded->data, encoded->size,
                     &cut->groups[cut->count++].place.blob, failure);
}

/* A table of an integer and a text. */
static struct schema *make_schema(void)
{
    struct schema *schema = schema_create("large", 2);

    must(schema != NULL);
    schema->columns[0] =
        (struct column){.name = strdup("id"), .native_type = strdup(""), .type = COLUMN_INTEGER};
    schema->columns[1] =
        (struct column){.name = strdup("text"), .native_type = strdup(""), .type = COLUMN_TEXT};
    schema->ddl = strdup("");
    return schema;
}

/* What reading all rows of the groups ends in: 0 or -errno. */
static int read_through(struct spool *spool, const struct image_group *groups, size_t count)
{
    struct group_rows *rows = group_rows_create(spool, 2, groups, count);
    const struct cell *cells;
    int got;

    must(rows != NULL);
    do
        got = group_rows_next(rows, &cells, NULL);
    while (got > 0);
    group_rows_free(rows);
    return got;
}

static void swap(struct image_group *one, struct image_group *other)
{
    struct image_group kept = *one;

    *one = *other;
    *other = kept;
}

/* They are one row in their own order alone, and from the first one on. */
static void test_fragments_out_of_order(void **state)
{
    const struct spool_options options = {.limit_bytes = (uint64_t)1 << 30};
    struct schema *schema = make_schema();
    struct cut cut = {.count = 0};
    char *text = malloc(LARGE);
    char number[24];

    (void)state;
    must(text != NULL && spool_create(&options, &cut.spool, NULL) == 0);
    memset(text, 'L', LARGE);

    const struct cell cells[] = {cell_integer(1, number), {CELL_TEXT, LARGE, text}};

    must(row_group_cut_row(schema, NULL, cells, take, &cut, NULL) == 0);
    assert_true(cut.count > 3);
    assert_int_equal(read_through(cut.spool, cut.groups, cut.count), 0);
    assert_int_equal(read_through(cut.spool, cut.groups + 1, cut.count - 1), -EIO);
    assert_int_equal(read_through(cut.spool, cut.groups, cut.count - 1), -EIO);
    swap(&cut.groups[0], &cut.groups[1]);
    assert_int_equal(read_through(cut.spool, cut.groups, cut.count), -EIO);
    swap(&cut.groups[0], &cut.groups[1]);
    swap(&cut.groups[cut.count - 1], &cut.groups[cut.count - 2]);
    assert_int_equal(read_through(cut.spool, cut.groups, cut.count), -EIO);
    for (size_t i = 0; i < cut.count; i++)
        spool_drop(cut.spool, &cut.groups[i].place.blob);
    spool_free(cut.spool);
    schema_release(schema);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fragments_out_of_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
