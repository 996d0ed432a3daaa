/* SPDX-License-Identifier: MIT */
/* Rows of one key: one row, the last or the first that came, or told of; however they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/image_text.h"
#include "tests/unit/intake_bench.h"

static const struct key_term by_text[] = {{.column = 1, .order = KEY_LETTERS}};

static size_t begin(struct intake_bench *bench, const struct key_term *terms,
                    enum same_key same_key, bool more)
{
    struct stream_table table = {
        .schema = intake_bench_schema("t", 1),
        .term_count = 1,
        .terms = terms,
        .same_key = same_key,
        .has_more_keys = more,
    };
    size_t number;

    must(bench->taker->class->begin_table(bench->taker, &table, &number, NULL) == 0);
    schema_release(table.schema);
    return number;
}

/* Rows "1a" and so on become EXPECTED, and WORDS, NULL: nothing, are told. */
static void check(const struct key_term *terms, enum same_key same_key, bool more, const char *rows,
                  const char *expected, const char *words)
{
    struct intake_bench bench;
    size_t count;

    intake_bench_start(&bench);

    size_t table = begin(&bench, terms, same_key, more);

    for (const char *at = rows; *at != '\0'; at += 2)
        intake_bench_give(&bench, table, at[0] - '0', at + 1, 1);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    intake_bench_check(&bench, 0, expected);

    const struct failure *told = intake_troubles(bench.intake, &count);

    assert_int_equal(count, words != NULL);
    if (words != NULL) {
        assert_int_equal(told[0].code, EILSEQ);
        assert_non_null(strstr(told[0].text, words));
    }
    intake_bench_stop(&bench);
}

static void test_numbers(void **state)
{
    const struct key_term *by_id = &intake_bench_by_id;

    (void)state;
    check(by_id, SAME_KEY_LAST, false, "1a2b3c", "id,text\n1,a\n2,b\n3,c\n", NULL);
    check(by_id, SAME_KEY_LAST, false, "1a2b2c3d3e3f", "id,text\n1,a\n2,c\n3,f\n", NULL);
    check(by_id, SAME_KEY_LAST, false, "3a1b3c2d1e", "id,text\n1,e\n2,d\n3,c\n", NULL);
    check(by_id, SAME_KEY_FIRST, false, "1a2b2c3d3e3f", "id,text\n1,a\n2,b\n3,d\n", NULL);
    check(by_id, SAME_KEY_FIRST, false, "3a1b3c2d1e", "id,text\n1,b\n2,d\n3,a\n", NULL);
    check(by_id, SAME_KEY_LAST, true, "1a1b", "id,text\n1,b\n", "for another unique key");
    check(by_id, SAME_KEY_LAST, true, "2a1b", "id,text\n1,b\n2,a\n", NULL);
    check(by_id, SAME_KEY_ROWS, false, "1a2b1c", "id,text\n1,a\n1,c\n2,b\n", NULL);
    check(by_id, SAME_KEY_ERROR, false, "1a1b2c", "id,text\n1,a\n1,b\n2,c\n", "the same key");
    check(by_id, SAME_KEY_ERROR, false, "1a2b1c", "id,text\n1,a\n1,c\n2,b\n", "the same key");
    check(by_id, SAME_KEY_ERROR, false, "3a2b1c", "id,text\n1,c\n2,b\n3,a\n", NULL);
}

/* A collation that is not known may take capital letters for others, or for the same. */
static void test_letters(void **state)
{
    (void)state;
    check(by_text, SAME_KEY_LAST, false, "1a2A3a4b", "id,text\n2,A\n3,a\n4,b\n", "capital letters");
    check(by_text, SAME_KEY_FIRST, false, "1a2A3a4b", "id,text\n2,A\n1,a\n4,b\n",
          "capital letters");
    check(by_text, SAME_KEY_LAST, false, "1_2a3b", "id,text\n1,_\n2,a\n3,b\n", NULL);
    check(by_text, SAME_KEY_FIRST, false, "1_2b3a", "id,text\n3,a\n2,b\n1,_\n", NULL);
    check(by_text, SAME_KEY_LAST, false, "1_2a3_", "id,text\n2,a\n3,_\n", NULL);
    check(by_text, SAME_KEY_ERROR, false, "1a2A4b", "id,text\n1,a\n2,A\n4,b\n", NULL);
}

static int digits(char text[700], int number)
{
    int size = snprintf(text, 700, "%d", number);

    memset(text + size, ' ', (size_t)(699 - size));
    text[699] = '\0';
    return size;
}

/* More rows than one run holds: each key comes in three of them. */
static void test_many(void **state)
{
    enum { KEYS = 20000, TIMES = 3 };
    static const enum same_key kinds[] = {SAME_KEY_LAST, SAME_KEY_FIRST};

    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        struct intake_bench bench;
        struct image *image;
        char text[700];
        bool whole = true;

        intake_bench_start(&bench);

        size_t table = begin(&bench, &intake_bench_by_id, kinds[kind], false);

        for (int i = 0; i < KEYS * TIMES; i++) {
            digits(text, i);
            intake_bench_give(&bench, table, (int64_t)i * 7919 % KEYS, text, 699);
        }
        assert_int_equal(intake_end(bench.intake, NULL), 0);
        assert_int_equal(intake_image(bench.intake, 0, &image, NULL), 0);

        struct buffer shown = image_text(image, FORMAT_CSV);
        const char *at = (const char *)shown.data + strlen("id,text\n");

        assert_int_equal(shown.size > (size_t)KEYS * 700, true);
        for (int id = 0; id < KEYS && whole; id++) {
            int number = atoi(strchr(at, ',') + 1);

            whole = atoi(at) == id && (int64_t)number * 7919 % KEYS == id &&
                    number / KEYS == (kinds[kind] == SAME_KEY_LAST ? TIMES - 1 : 0);
            at = strchr(at, '\n') + 1;
        }
        assert_true(whole);
        assert_ptr_equal(at, shown.data + shown.size);
        buffer_release(&shown);
        image_release(image);
        intake_bench_stop(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
