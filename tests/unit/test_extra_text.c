/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tree/extra_text.h"

#define TABLES 7

/* Tables of which the first, the last and one between have no statements of their own. */
struct fixture {
    struct schema *schemas[TABLES];
    struct file_set set;
};

static void set_up(struct fixture *fixture)
{
    const char *names[TABLES];

    for (size_t i = 0; i < TABLES; i++) {
        char text[64];

        snprintf(text, sizeof text, "table %zu", i);
        fixture->schemas[i] = schema_create(text, i * 40);
        assert_non_null(fixture->schemas[i]);
        for (size_t j = 0; j < i * 40; j++) {
            fixture->schemas[i]->columns[j].name = strdup("a column");
            schema_take_native_type(fixture->schemas[i], j, strdup(j % 3 != 0 ? "INT" : "TEXT"));
        }
        snprintf(text, sizeof text, "CREATE TABLE %zu;", i);
        fixture->schemas[i]->ddl = strdup(i % 3 != 0 ? text : "");
        names[i] = fixture->schemas[i]->name;
    }
    assert_int_equal(file_set_create(names, TABLES, &fixture->set), 0);
}

static void tear_down(struct fixture *fixture)
{
    file_set_release(&fixture->set);
    for (size_t i = 0; i < TABLES; i++)
        schema_release(fixture->schemas[i]);
}

static void check_read(const struct extra_text *text, const struct buffer *whole, uint64_t offset,
                       size_t size)
{
    size_t left = offset < whole->size ? whole->size - (size_t)offset : 0;
    struct reading reading;

    assert_int_equal(extra_text_read(text, offset, size, &reading), 0);
    assert_int_equal(reading_size(&reading), left < size ? left : size);
    if (reading.count != 0)
        assert_memory_equal(reading.pieces[0].iov_base, whole->data + offset,
                            reading.pieces[0].iov_len);
    reading_release(&reading);
}

/* What is made by pieces is the text. */
static void check_text(struct fixture *fixture, enum extra_file extra)
{
    struct buffer whole = BUFFER((size_t)1 << 20);
    uint8_t digest[EXTRA_TEXT_DIGEST_BYTES];
    struct extra_text *text;

    assert_int_equal(file_set_write_extra(&fixture->set,
                                          (size_t)TABLES * FORMAT_COUNT + (size_t)extra, "crm",
                                          fixture->schemas, &whole),
                     0);
    assert_int_equal(extra_text_create(&fixture->set, extra, "crm", fixture->schemas, &text), 0);
    assert_int_equal(extra_text_bytes(text), whole.size);
    crypto_generichash(digest, sizeof digest, whole.data, whole.size, NULL, 0);
    assert_memory_equal(extra_text_digest(text), digest, sizeof digest);
    check_read(text, &whole, 0, whole.size);
    check_read(text, &whole, 0, whole.size + 100);
    check_read(text, &whole, whole.size, 10);
    check_read(text, &whole, UINT64_MAX, 10);
    for (size_t offset = 0; offset < whole.size; offset += 1 + offset / 50) {
        for (size_t size = 0; size < 3000; size = 3 * size + 1)
            check_read(text, &whole, offset, size);
    }
    extra_text_free(text);
    buffer_release(&whole);
}

static void test_same_as_whole(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture);
    check_text(&fixture, FILE_PACKAGE);
    check_text(&fixture, FILE_DDL);
    tear_down(&fixture);
}

static void test_no_tables(void **state)
{
    struct file_set set;
    struct extra_text *text;

    (void)state;
    assert_int_equal(file_set_create(NULL, 0, &set), 0);
    assert_int_equal(extra_text_create(&set, FILE_DDL, "crm", NULL, &text), 0);
    assert_int_equal(extra_text_bytes(text), 0);
    check_read(text, &BUFFER(0), 0, 10);
    extra_text_free(text);
    assert_int_equal(extra_text_create(&set, FILE_PACKAGE, "crm", NULL, &text), 0);
    assert_true(extra_text_bytes(text) > 0);
    extra_text_free(text);
    file_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_whole),
        cmocka_unit_test(test_no_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
