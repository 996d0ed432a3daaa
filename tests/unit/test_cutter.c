/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/cutter.h"
#include "fs/table/row_group.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";
static const uint8_t other_key[CUTTER_KEY_BYTES] = "another key";

/* A schema of COLUMNS columns, the first KEYS of which are the key. */
static struct schema *create_schema(size_t columns, size_t keys)
{
    struct schema *schema = schema_create("t", columns);

    must(schema != NULL);
    schema->order_key = calloc(keys + 1, sizeof *schema->order_key);
    must(schema->order_key != NULL);
    schema->order_key_count = keys;
    for (size_t i = 0; i < keys; i++)
        schema->order_key[i] = i;
    return schema;
}

/* Whether a row of one integer key and BYTES bytes begins a group. */
static bool begins(const struct schema *schema, const uint8_t *key, int64_t id, uint64_t bytes)
{
    char number[24];
    struct cell cell = cell_integer(id, number);

    return row_begins_group(row_key_hash(schema, key, &cell), bytes, ROW_GROUP_TARGET_BYTES);
}

static void test_row_bytes(void **state)
{
    (void)state;
    struct schema *schema = create_schema(3, 0);
    struct cell cells[] = {cell_null(), cell_text("four"), {CELL_BYTES, 5000000000, NULL}};

    assert_true(row_bytes(schema, cells) == 5000000004);
    schema_release(schema);
}

/* What sizes the rows have does not matter: groups are about as large as they should be. */
static void check_mean(const size_t *row_sizes, size_t count, size_t groups_wanted)
{
    struct schema *schema = create_schema(1, 1);
    uint64_t total = (uint64_t)groups_wanted * ROW_GROUP_TARGET_BYTES;
    uint64_t bytes = 0;
    uint64_t group = 0;
    uint64_t groups = 1;

    for (int64_t id = 0; bytes < total; id++) {
        size_t size = row_sizes[(size_t)id % count];

        if (group != 0 &&
            (begins(schema, cut_key, id, size) || group + size > ROW_GROUP_LARGEST_BYTES)) {
            groups++;
            group = 0;
        }
        group += size;
        bytes += size;
    }
    /* A little less than the target, as the largest are cut. */
    assert_in_range(bytes / groups, ROW_GROUP_TARGET_BYTES * 80 / 100,
                    ROW_GROUP_TARGET_BYTES * 105 / 100);
    schema_release(schema);
}

static void test_mean_size(void **state)
{
    (void)state;
    static const size_t narrow[] = {150};
    static const size_t usual[] = {700, 280, 350, 40, 1200};
    static const size_t wide[] = {9000, 20000, 100};
    static const size_t huge[] = {60000};
    static const size_t mixed[] = {30, 30, 30, 30, 30, 30, 150000, 30, 30, 30};

    check_mean(narrow, COUNT_OF(narrow), 300);
    check_mean(usual, COUNT_OF(usual), 1000);
    check_mean(wide, COUNT_OF(wide), 2000);
    check_mean(huge, COUNT_OF(huge), 3000);
    check_mean(mixed, COUNT_OF(mixed), 3000);
}

static void test_sizes(void **state)
{
    (void)state;
    struct schema *schema = create_schema(1, 1);
    unsigned begun = 0;

    for (int64_t id = 0; id < 5000; id++) {
        bool before = false;

        /* A row of no bytes never begins a group; a larger one never less than a smaller. */
        for (uint64_t bytes = 0; bytes < ROW_GROUP_TARGET_BYTES; bytes += 50000) {
            bool now = begins(schema, cut_key, id, bytes);

            assert_true(now || !before);
            assert_true(!now || bytes != 0);
            before = now;
        }
        begun += begins(schema, cut_key, id, ROW_GROUP_TARGET_BYTES / 2);
        assert_true(begins(schema, cut_key, id, ROW_GROUP_TARGET_BYTES));
        assert_true(begins(schema, cut_key, id, UINT64_MAX));
    }
    assert_in_range(begun, 2300, 2700);
    schema_release(schema);
}

static void test_another_key(void **state)
{
    (void)state;
    struct schema *schema = create_schema(1, 1);
    unsigned both = 0;
    unsigned one = 0;

    for (int64_t id = 0; id < 4000; id++) {
        bool left = begins(schema, cut_key, id, ROW_GROUP_TARGET_BYTES / 4);
        bool right = begins(schema, other_key, id, ROW_GROUP_TARGET_BYTES / 4);

        one += left;
        both += left && right;
    }
    assert_in_range(one, 850, 1150);
    assert_in_range(both, 180, 320); /* a sixteenth: as chance has it */
    schema_release(schema);
}

/* The hashes of two rows that differ somewhere. */
static bool same_hash(const struct schema *schema, const struct cell *left,
                      const struct cell *right)
{
    return row_key_hash(schema, cut_key, left) == row_key_hash(schema, cut_key, right);
}

static void test_key_alone(void **state)
{
    (void)state;
    struct schema *keyed = create_schema(3, 2);
    struct schema *keyless = create_schema(3, 0);
    const struct cell row[] = {cell_text("ab"), cell_text("c"), cell_text("rest")};
    const struct cell rest[] = {cell_text("ab"), cell_text("c"), cell_text("else")};
    const struct cell shifted[] = {cell_text("a"), cell_text("bc"), cell_text("rest")};
    const struct cell number[] = {cell_text("ab"), cell_of(CELL_BYTES, "c", 1), cell_text("rest")};
    const struct cell null[] = {cell_text("ab"), cell_null(), cell_text("rest")};
    const struct cell empty[] = {cell_text("ab"), cell_text(""), cell_text("rest")};

    assert_true(same_hash(keyed, row, rest));
    assert_false(same_hash(keyless, row, rest));
    assert_false(same_hash(keyed, row, shifted));
    assert_false(same_hash(keyed, row, number));
    assert_false(same_hash(keyed, null, empty));
    schema_release(keyed);
    schema_release(keyless);
}

/* Every byte of every cell of a long key counts, at whatever place it stands. */
static void test_long_keys(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 64, 65, 200, 3, 64, 64, 64, 5000, 40, 0, 64};
    struct schema *schema = create_schema(COUNT_OF(sizes), COUNT_OF(sizes));
    struct cell cells[COUNT_OF(sizes)];
    static char text[COUNT_OF(sizes)][5000];

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        memset(text[i], 'a' + (int)i, sizes[i]);
        cells[i] = cell_of(CELL_TEXT, text[i], sizes[i]);
    }

    uint64_t hash = row_key_hash(schema, cut_key, cells);

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t at = 0; at < sizes[i]; at += 1 + sizes[i] / 50) {
            text[i][at] ^= 1;
            assert_true(row_key_hash(schema, cut_key, cells) != hash);
            text[i][at] ^= 1;
        }
        cells[i].class = CELL_BYTES;
        assert_true(row_key_hash(schema, cut_key, cells) != hash);
        cells[i].class = CELL_TEXT;
    }
    assert_true(row_key_hash(schema, cut_key, cells) == hash);
    /* A cell without data counts by its length. */
    cells[8].data = NULL;
    hash = row_key_hash(schema, cut_key, cells);
    cells[8].size++;
    assert_true(row_key_hash(schema, cut_key, cells) != hash);
    schema_release(schema);
}

/* Keys of the rows of TABLE that begin groups, one after another; returns how many. */
static size_t boundaries(const struct fake_table *table, struct cell *ret_keys, size_t most)
{
    struct schema *schema = fake_table_schema(table);
    size_t count = 0;

    for (size_t i = 0; i < fake_table_rows(table); i++) {
        const struct cell *cells = fake_table_row(table, i);

        if (!row_begins_group(row_key_hash(schema, cut_key, cells), row_bytes(schema, cells),
                              ROW_GROUP_TARGET_BYTES))
            continue;
        must(count < most);
        ret_keys[count++] = cells[0];
    }
    return count;
}

static bool every_third(size_t row)
{
    return row % 3 == 1;
}

/* Deleting rows moves no boundary but those that were deleted themselves. */
static void test_insert_delete(void **state)
{
    (void)state;
    struct fake_table *all = sample_notes("t", 3000, 3000, 3);
    struct fake_table *fewer = fake_table_part(all, 0, 3000, every_third);
    static struct cell before[200];
    static struct cell after[200];
    size_t count = boundaries(all, before, COUNT_OF(before));
    size_t left = boundaries(fewer, after, COUNT_OF(after));
    size_t at = 0;

    assert_in_range(count, 10, 40);
    assert_in_range(left, 5, count);
    for (size_t i = 0; i < count; i++) {
        int64_t row = strtoll((const char *)before[i].data, NULL, 10) - 1000000;

        if (every_third((size_t)row))
            continue;
        assert_true(at < left);
        assert_memory_equal(before[i].data, after[at].data, before[i].size);
        at++;
    }
    assert_int_equal(at, left);
    fake_table_release(all);
    fake_table_release(fewer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_bytes),     cmocka_unit_test(test_mean_size),
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_another_key),
        cmocka_unit_test(test_key_alone),     cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_insert_delete),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
