/* SPDX-License-Identifier: MIT */
/* Row groups that are damaged are refused, or rendered within bounds whatever they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/row_group.h"
#include "fs/table/row_group_fragment.h"
#include "tests/unit/table_data.h"

/* Refused, or rendered within bounds whatever it says. */
static void try_damaged(struct schema *schema, struct format_plan *plan, const uint8_t *encoded,
                        size_t size, size_t *opened)
{
    struct row_group_view view = {0};
    uint8_t *exact = malloc(size != 0 ? size : 1);
    int error;

    assert_non_null(exact);
    if (size != 0)
        memcpy(exact, encoded, size);
    error = row_group_open(&view, schema->column_count, exact, size);
    if (error == 0) {
        for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
            struct buffer output = BUFFER((size_t)1 << 24);

            error = format_render(plan, format, &view, true, &output);
            assert_true(error == 0 || error == -EFBIG);
            buffer_release(&output);
        }
        ++*opened;
    } else {
        assert_int_equal(error, -EBADMSG);
    }
    row_group_view_release(&view);
    free(exact);
}

static void damage(struct schema *schema, const struct buffer *encoded, uint64_t *random)
{
    struct format_plan *plan = format_plan_create(schema);
    uint8_t *bytes = malloc(encoded->size + 1);
    size_t opened = 0;

    assert_non_null(plan);
    assert_non_null(bytes);
    memcpy(bytes, encoded->data, encoded->size);
    for (size_t size = 0; size < encoded->size; size++)
        try_damaged(schema, plan, bytes, size, &opened);
    bytes[encoded->size] = 0;
    try_damaged(schema, plan, bytes, encoded->size + 1, &opened);
    assert_int_equal(opened, 0);
    for (size_t place = 0; place < encoded->size; place++) {
        uint8_t was = bytes[place];

        bytes[place] = (uint8_t)random_word(random);
        try_damaged(schema, plan, bytes, encoded->size, &opened);
        bytes[place] = (uint8_t)(was ^ 1 << random_below(random, 8));
        try_damaged(schema, plan, bytes, encoded->size, &opened);
        bytes[place] = was;
    }
    free(bytes);
    format_plan_free(plan);
}

static int damage_fragment(void *context, const struct buffer *encoded,
                           const struct row_group_measure *measure, struct failure *failure)
{
    (void)measure;
    (void)failure;

    uint64_t random = 1;

    damage(context, encoded, &random);
    return 0;
}

static void test_damage(void **state)
{
    uint64_t random = 12;

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct random_table table = random_table(&random, 6);
        const struct row_cut cut = {
            .schema = table.schema,
            .cells = table.cells,
            .fragment_bytes = 60,
            .take = damage_fragment,
            .context = table.schema,
        };

        damage(table.schema, &table.group.encoded, &random);
        assert_int_equal(row_group_cut(&cut, NULL), 0);
        release_random_table(&table);
    }
}

/* Each field of the header, wrong. */
static void test_wrong_header(void **state)
{
    static const struct {
        size_t place;
        uint8_t byte;
    } wrong[] = {{0, 'X'}, {4, 0},  {4, 3},           {6, 3},           {8, 2},  {8, 4},
                 {8, 0},   {12, 1}, {16, 2},          {16, 4},          {16, 8}, {16, 1},
                 {17, 3},  {18, 1}, {19, 1},          {20, KIND_COUNT}, {20, 0}, {21, 3},
                 {21, 5},  {22, 4}, {23, 1},          {24, 2},          {24, 4}, {27, 1},
                 {44, 2},  {45, 0}, {49, KIND_COUNT}, {49, 0},          {60, 1}, {91, 1}};
    struct schema *schema = schema_of(3, three_types);
    struct made_group group = group_of_two(schema);
    struct row_group_view view = {0};

    (void)state;
    assert_int_equal(row_group_open(&view, 3, group.encoded.data, group.encoded.size), 0);
    assert_int_equal(row_group_open(&view, 2, group.encoded.data, group.encoded.size), -EBADMSG);
    assert_int_equal(row_group_open(&view, 4, group.encoded.data, group.encoded.size), -EBADMSG);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        uint8_t was = group.encoded.data[wrong[i].place];

        group.encoded.data[wrong[i].place] = wrong[i].byte;
        if (row_group_open(&view, 3, group.encoded.data, group.encoded.size) != -EBADMSG)
            fail_msg("byte %zu = %u was accepted", wrong[i].place, wrong[i].byte);
        group.encoded.data[wrong[i].place] = was;
    }
    row_group_view_release(&view);
    release_group(&group);
    schema_release(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_wrong_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
