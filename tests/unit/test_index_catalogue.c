/* SPDX-License-Identifier: MIT */
/* What is kept of an archive beside its rows: layout pinned, and whatever is not that refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/table/index_catalogue.h"
#include "tests/unit/sample_table.h"

static struct schema *make_schema(const char *name)
{
    struct schema *schema = schema_create(name, 1);

    must(schema != NULL);
    schema->columns[0] =
        (struct column){.name = strdup("id"), .native_type = strdup("int"), .type = COLUMN_INTEGER};
    schema->ddl = strdup("CREATE TABLE …");
    return schema;
}

/* Two tables, of which the second is cut, two members, one trouble. */
static void make(struct index_catalogue *catalogue)
{
    *catalogue = (struct index_catalogue){
        .changed = {.tv_sec = 1551405600, .tv_nsec = 5},
        .kind = "mysql",
        .table_count = 2,
        .tables = calloc(2, sizeof *catalogue->tables),
        .member_count = 2,
        .members = calloc(2, sizeof *catalogue->members),
        .trouble_count = 1,
        .troubles = calloc(1, sizeof *catalogue->troubles),
    };
    must(catalogue->tables != NULL && catalogue->members != NULL && catalogue->troubles != NULL);
    catalogue->tables[0].schema = make_schema("accounts");
    catalogue->tables[1].schema = make_schema("contacts");
    catalogue->tables[1].failure = calloc(1, sizeof(struct failure));
    must(catalogue->tables[1].failure != NULL);
    failure_set(catalogue->tables[1].failure, EIO, "line 6");
    catalogue->members[0] = (struct stream_member){strdup("a/b.sql"), 1000, {-1, 999999999}};
    catalogue->members[1] = (struct stream_member){strdup("..c"), 0, {7, 0}};
    failure_set(&catalogue->troubles[0], EILSEQ, "a link");
}

static void encode(struct buffer *encoded)
{
    struct index_catalogue catalogue;

    make(&catalogue);
    *encoded = BUFFER(INDEX_CATALOGUE_LIMIT);
    must(index_catalogue_encode(&catalogue, encoded) == 0);
    index_catalogue_release(&catalogue);
}

static int decode(const void *bytes, size_t size)
{
    struct index_catalogue catalogue;
    int error = index_catalogue_decode(bytes, size, &catalogue);

    if (error == 0)
        index_catalogue_release(&catalogue);
    return error;
}

static void test_round_trip(void **state)
{
    (void)state;
    cleanup_buffer struct buffer encoded;
    struct index_catalogue found;

    encode(&encoded);
    assert_memory_equal(encoded.data, "CRMFSCA2", 8);
    assert_true(get_u64(encoded.data + 8) == 1551405600 && get_u32(encoded.data + 16) == 5);
    assert_true(get_u32(encoded.data + 20) == 2 && get_u32(encoded.data + 24) == 2 &&
                get_u32(encoded.data + 28) == 1 && get_u32(encoded.data + 32) == 2);
    assert_int_equal(index_catalogue_decode(encoded.data, encoded.size, &found), 0);
    assert_string_equal(found.kind, "mysql");
    assert_string_equal(found.tables[0].schema->name, "accounts");
    assert_null(found.tables[0].failure);
    assert_int_equal(found.tables[1].failure->code, EIO);
    assert_string_equal(found.tables[1].failure->text, "line 6");
    assert_string_equal(found.members[0].path, "a/b.sql");
    assert_true(found.members[0].bytes == 1000 && found.members[0].modified.tv_sec == -1);
    assert_string_equal(found.members[1].path, "..c");
    assert_string_equal(found.troubles[0].text, "a link");
    index_catalogue_release(&found);
}

/* Every length, and every place of the counts and codes with something else in it. */
static void test_refused(void **state)
{
    (void)state;
    cleanup_buffer struct buffer encoded;

    encode(&encoded);
    for (size_t size = 0; size < encoded.size; size++)
        assert_int_equal(decode(encoded.data, size), -EBADMSG);
    assert_int_equal(buffer_append(&encoded, "", 1), 0);
    assert_int_equal(decode(encoded.data, encoded.size), -EBADMSG);
    encoded.size--;
    for (size_t at = 20; at < 36; at++) {
        encoded.data[at] ^= 0x7f;
        assert_int_equal(decode(encoded.data, encoded.size), -EBADMSG);
        encoded.data[at] ^= 0x7f;
    }
    put_u32(encoded.data + 16, 1000000000);
    assert_int_equal(decode(encoded.data, encoded.size), -EBADMSG);
}

static void replace(struct buffer *encoded, const char *text, const char *other)
{
    uint8_t *found = memmem(encoded->data, encoded->size, text, strlen(text));

    must(found != NULL && strlen(text) == strlen(other));
    memcpy(found, other, strlen(other));
}

/* Members lead nowhere but below raw/. */
static void test_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {"/b/.sql", "a//.sql", "../.sql",
                                      "a/../ql", "./b.sql", "a/b.sq/"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cleanup_buffer struct buffer encoded;

        encode(&encoded);
        replace(&encoded, "a/b.sql", bad[i]);
        assert_int_equal(decode(encoded.data, encoded.size), -EBADMSG);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    cleanup_buffer struct buffer encoded = BUFFER(INDEX_CATALOGUE_LIMIT);
    struct index_catalogue catalogue;
    char *ddl = malloc(INDEX_CATALOGUE_LIMIT + 1);

    must(ddl != NULL);
    memset(ddl, 'x', INDEX_CATALOGUE_LIMIT);
    ddl[INDEX_CATALOGUE_LIMIT] = '\0';
    make(&catalogue);
    free(catalogue.tables[0].schema->ddl);
    catalogue.tables[0].schema->ddl = ddl;
    assert_int_equal(index_catalogue_encode(&catalogue, &encoded), -EFBIG);
    index_catalogue_release(&catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
