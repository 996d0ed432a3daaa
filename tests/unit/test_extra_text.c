/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tree/extra_text.h"

#define TABLES ((size_t)7)

/*
 * Tables of which the first, the last and one between have no statements of their own; two are
 * views of which there is nothing but statements.
 */
struct fixture {
    struct schema *schemas[TABLES];
    struct file_set set;
};

static void set_up(struct fixture *fixture)
{
    const char *names[TABLES];
    bool hidden[TABLES];

    for (size_t i = 0; i < TABLES; i++) {
        char text[64];

        snprintf(text, sizeof text, "table %zu", i);
        hidden[i] = i == 1 || i == 4;
        fixture->schemas[i] = schema_create(text, hidden[i] ? 0 : i * 40 + 1);
        assert_non_null(fixture->schemas[i]);
        fixture->schemas[i]->kind = hidden[i] ? RELATION_VIEW : RELATION_TABLE;
        fixture->schemas[i]->is_statement = hidden[i];
        for (size_t j = 0; j < fixture->schemas[i]->column_count; j++) {
            fixture->schemas[i]->columns[j].name = strdup("a column");
            schema_take_native_type(fixture->schemas[i], j, strdup(j % 3 != 0 ? "INT" : "TEXT"));
        }
        snprintf(text, sizeof text, "CREATE TABLE %zu;", i);
        fixture->schemas[i]->ddl = strdup(i % 3 != 0 ? text : "");
        names[i] = fixture->schemas[i]->name;
    }
    assert_int_equal(file_set_create(names, hidden, TABLES, &fixture->set), 0);
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
    for (unsigned i = 0; i < reading.count; i++) {
        assert_memory_equal(reading.pieces[i].iov_base, whole->data + offset,
                            reading.pieces[i].iov_len);
        offset += reading.pieces[i].iov_len;
    }
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

/* A view without columns is in schema.sql, and has no files, nor a resource. */
static void test_statements(void **state)
{
    struct fixture fixture;
    struct buffer package = BUFFER(1 << 20);
    struct buffer ddl = BUFFER(1 << 20);

    (void)state;
    set_up(&fixture);

    size_t extras = TABLES * FORMAT_COUNT;

    assert_int_equal(
        file_set_write_extra(&fixture.set, extras + FILE_PACKAGE, "crm", fixture.schemas, &package),
        0);
    assert_int_equal(
        file_set_write_extra(&fixture.set, extras + FILE_DDL, "crm", fixture.schemas, &ddl), 0);
    assert_int_equal(buffer_append(&package, "", 1), 0);
    assert_int_equal(buffer_append(&ddl, "", 1), 0);
    assert_non_null(strstr((const char *)ddl.data, "CREATE TABLE 4;"));
    assert_null(strstr((const char *)package.data, "table 4.csv"));
    assert_non_null(strstr((const char *)package.data, "table 5.csv"));
    assert_null(strstr((const char *)package.data, ",\n,"));
    assert_int_equal(file_set_find(&fixture.set, "table 4.csv"), -ENOENT);
    assert_int_equal(file_set_find_stem(&fixture.set, "table 4"), -ENOENT);
    assert_false(file_is_shown(&fixture.set, (size_t)4 * FORMAT_COUNT));
    assert_true(file_is_shown(&fixture.set, (size_t)5 * FORMAT_COUNT));
    assert_true(file_is_shown(&fixture.set, extras + FILE_DDL));
    buffer_release(&package);
    buffer_release(&ddl);
    tear_down(&fixture);
}

static void test_no_tables(void **state)
{
    struct file_set set;
    struct extra_text *text;

    (void)state;
    assert_int_equal(file_set_create(NULL, NULL, 0, &set), 0);
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
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_no_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
