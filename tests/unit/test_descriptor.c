/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/table/descriptor.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct column all_types[] = {
    {.name = "any", .type = COLUMN_ANY, .native_type = "", .not_null = true},
    {.name = "integer", .type = COLUMN_INTEGER, .native_type = "INTEGER", .not_null = true},
    {.name = "decimal", .type = COLUMN_DECIMAL, .native_type = "DECIMAL(10,2)"},
    {.name = "float", .type = COLUMN_FLOAT, .native_type = "REAL", .generated = true},
    {.name = "boolean", .type = COLUMN_BOOLEAN, .native_type = "BOOL", .hidden = true},
    {.name = "text", .type = COLUMN_TEXT, .native_type = "VARCHAR(\"9\")", .not_null = true},
    {.name = "bytes", .type = COLUMN_BYTES, .native_type = "BLOB"},
    {.name = "date", .type = COLUMN_DATE, .native_type = "DATE", .not_null = true},
    {.name = "time", .type = COLUMN_TIME, .native_type = "TIME"},
    {.name = "datetime", .type = COLUMN_DATETIME, .native_type = "DATETIME"},
    {.name = "timestamp", .type = COLUMN_TIMESTAMP, .native_type = "TIMESTAMP"},
    {.name = "json", .type = COLUMN_JSON, .native_type = "JSON"},
    {.name = "uuid", .type = COLUMN_UUID, .native_type = "UUID"},
};

static struct schema everything = {
    .name = "Every/Thing \"1\"\n",
    .kind = RELATION_VIEW,
    .column_count = COUNT_OF(all_types),
    .columns = all_types,
    .primary_key_count = 2,
    .primary_key = (size_t[]){5, 1},
    .order_key_count = 2,
    .order_key = (size_t[]){5, 1},
};

static struct column account_columns[] = {
    {.name = "id", .type = COLUMN_INTEGER, .native_type = "INTEGER"},
    {.name = "parent", .type = COLUMN_INTEGER, .native_type = "INTEGER"},
    {.name = "Country", .type = COLUMN_TEXT, .native_type = "TEXT"},
};

static struct foreign_key account_keys[] = {
    {.count = 1, .columns = (size_t[]){1}, .target_table = "ACCOUNTS"},
};

static struct schema accounts = {
    .name = "Accounts",
    .column_count = 3,
    .columns = account_columns,
    .primary_key_count = 1,
    .primary_key = (size_t[]){0},
    .foreign_key_count = COUNT_OF(account_keys),
    .foreign_keys = account_keys,
};

static struct column contact_columns[] = {
    {.name = "account", .type = COLUMN_INTEGER, .native_type = "INT"},
    {.name = "country", .type = COLUMN_TEXT, .native_type = "TEXT"},
};

static struct foreign_key contact_keys[] = {
    {.count = 1, .columns = (size_t[]){0}, .target_table = "gone"},
    {.count = 2, .columns = (size_t[]){0, 1}, .target_table = "Accounts"}, /* its key has one */
    {.count = 1,
     .columns = (size_t[]){0},
     .target_table = "Accounts",
     .target_columns = (char *[]){"nothing"}},
    {.count = 2,
     .columns = (size_t[]){1, 0},
     .target_table = "accounts",
     .target_columns = (char *[]){"country", "ID"}},
    {.count = 1, .columns = (size_t[]){0}, .target_table = "Accounts"},
};

static struct schema contacts = {
    .name = "contacts",
    .kind = RELATION_VIRTUAL,
    .column_count = 2,
    .columns = contact_columns,
    .foreign_key_count = COUNT_OF(contact_keys),
    .foreign_keys = contact_keys,
};

static json_t *load(const struct buffer *buffer)
{
    json_error_t error;
    json_t *package = json_loadb((const char *)buffer->data, buffer->size,
                                 JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    if (package == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    return package;
}

static json_t *package_of(const char *name, struct schema *const *schemas, const char *const *stems,
                          size_t count)
{
    cleanup_buffer struct buffer buffer = BUFFER(64 << 20);

    assert_int_equal(descriptor_write(name, schemas, stems, count, &buffer), 0);
    return load(&buffer);
}

/* Whether VALUE is what EXPECTED, a JSON text with ' for ", says. */
static void assert_json_is(const json_t *value, const char *expected)
{
    char text[2000];
    json_t *wanted;

    snprintf(text, sizeof text, "%s", expected);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\'')
            *at = '"';
    }
    wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(wanted);
    if (!json_equal((json_t *)value, wanted)) {
        char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(1));

        fail_msg("%s\nis not\n%s", got != NULL ? got : "nothing", text);
    }
    json_decref(wanted);
}

static json_t *resource_of(const json_t *package, size_t index)
{
    return json_array_get(json_object_get(package, "resources"), index);
}

static void test_package(void **state)
{
    (void)state;
    json_t *package = package_of("CRM of \xc3\x85sa", NULL, NULL, 0);
    const json_t *words = json_object_get(package, "crmfs:conventions");

    assert_json_is(json_object_get(package, "profile"), "'tabular-data-package'");
    assert_json_is(json_object_get(package, "name"), "'crm-of-sa'");
    assert_json_is(json_object_get(package, "title"), "'CRM of \xc3\x85sa'");
    assert_json_is(json_object_get(package, "crmfs:formatVersion"), "1");
    assert_json_is(json_object_get(package, "resources"), "[]");
    assert_json_is(json_object_get(words, "timeZone"), "'UTC'");
    assert_true(json_is_string(json_object_get(words, "null")));
    assert_non_null(strstr(json_string_value(json_object_get(words, "bytes")),
                           "{\"$base64\":true,\"encoded\""));
    assert_true(json_is_string(json_object_get(words, "rowOrder")));
    json_decref(package);
}

static void test_resource(void **state)
{
    (void)state;
    json_t *package = package_of("crm", (struct schema *[]){&everything},
                                 (const char *[]){"Every%2FThing \"1\"%0A"}, 1);
    json_t *resource = resource_of(package, 0);

    json_object_del(resource, "schema");
    assert_json_is(resource,
                   "{'profile': 'tabular-data-resource', 'name': 'every-thing-1-',"
                   " 'title': 'Every/Thing \\'1\\'\\n', 'path': 'Every%2FThing \\'1\\'%0A.csv',"
                   " 'format': 'csv', 'mediatype': 'text/csv', 'encoding': 'utf-8',"
                   " 'dialect': {'delimiter': ',', 'quoteChar': '\\'', 'doubleQuote': true,"
                   "  'lineTerminator': '\\n', 'nullSequence': '', 'skipInitialSpace': false,"
                   "  'header': true},"
                   " 'crmfs:kind': 'view', 'crmfs:orderKey': ['text', 'integer']}");
    json_decref(package);
}

static void test_fields(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "{'name': 'any', 'type': 'any', 'crmfs:type': 'any', 'crmfs:nativeType': '',"
        " 'crmfs:notNull': true}",
        "{'name': 'integer', 'type': 'integer', 'constraints': {'required': true},"
        " 'crmfs:type': 'integer', 'crmfs:nativeType': 'INTEGER', 'crmfs:notNull': true}",
        "{'name': 'decimal', 'type': 'number', 'crmfs:type': 'decimal',"
        " 'crmfs:nativeType': 'DECIMAL(10,2)'}",
        "{'name': 'float', 'type': 'number', 'crmfs:type': 'float', 'crmfs:nativeType': 'REAL',"
        " 'crmfs:generated': true}",
        "{'name': 'boolean', 'type': 'boolean', 'trueValues': ['1', 't', 'true'],"
        " 'falseValues': ['0', 'f', 'false'], 'crmfs:type': 'boolean',"
        " 'crmfs:nativeType': 'BOOL', 'crmfs:hidden': true}",
        "{'name': 'text', 'type': 'string', 'crmfs:type': 'text',"
        " 'crmfs:nativeType': 'VARCHAR(\\'9\\')', 'crmfs:notNull': true}",
        "{'name': 'bytes', 'type': 'string', 'format': 'binary', 'crmfs:type': 'bytes',"
        " 'crmfs:nativeType': 'BLOB'}",
        "{'name': 'date', 'type': 'date', 'constraints': {'required': true},"
        " 'crmfs:type': 'date', 'crmfs:nativeType': 'DATE', 'crmfs:notNull': true}",
        "{'name': 'time', 'type': 'time', 'format': 'any', 'crmfs:type': 'time',"
        " 'crmfs:nativeType': 'TIME'}",
        "{'name': 'datetime', 'type': 'datetime', 'format': 'any', 'crmfs:type': 'datetime',"
        " 'crmfs:nativeType': 'DATETIME'}",
        "{'name': 'timestamp', 'type': 'datetime', 'format': 'any', 'crmfs:type': 'timestamp',"
        " 'crmfs:nativeType': 'TIMESTAMP'}",
        "{'name': 'json', 'type': 'any', 'crmfs:type': 'json', 'crmfs:nativeType': 'JSON'}",
        "{'name': 'uuid', 'type': 'string', 'format': 'uuid', 'crmfs:type': 'uuid',"
        " 'crmfs:nativeType': 'UUID'}",
    };
    json_t *package = package_of("crm", (struct schema *[]){&everything}, (const char *[]){"t"}, 1);
    const json_t *schema = json_object_get(resource_of(package, 0), "schema");
    const json_t *fields = json_object_get(schema, "fields");

    assert_int_equal(json_array_size(fields), COUNT_OF(expected));
    for (size_t index = 0; index < COUNT_OF(expected); index++)
        assert_json_is(json_array_get(fields, index), expected[index]);
    assert_json_is(json_object_get(schema, "missingValues"), "['']");
    assert_json_is(json_object_get(schema, "primaryKey"), "['text', 'integer']");
    assert_null(json_object_get(schema, "foreignKeys"));
    json_decref(package);
}

static void test_foreign_keys(void **state)
{
    (void)state;
    json_t *package = package_of("crm", (struct schema *[]){&contacts, &accounts},
                                 (const char *[]){"contacts", "Accounts"}, 2);
    const json_t *contact = resource_of(package, 0);
    const json_t *account = resource_of(package, 1);

    assert_json_is(json_object_get(json_object_get(contact, "schema"), "foreignKeys"),
                   "[{'fields': ['country', 'account'],"
                   "  'reference': {'resource': 'accounts', 'fields': ['Country', 'id']}},"
                   " {'fields': ['account'],"
                   "  'reference': {'resource': 'accounts', 'fields': ['id']}}]");
    assert_null(json_object_get(json_object_get(contact, "schema"), "primaryKey"));
    assert_json_is(json_object_get(contact, "crmfs:orderKey"), "[]");
    assert_json_is(json_object_get(contact, "crmfs:kind"), "'virtual'");
    assert_json_is(json_object_get(json_object_get(account, "schema"), "foreignKeys"),
                   "[{'fields': ['parent'], 'reference': {'resource': '', 'fields': ['id']}}]");
    assert_json_is(json_object_get(account, "crmfs:kind"), "'table'");
    json_decref(package);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a b", "A-B", "a-b-2", "a\n\tb", "\xe5\xae\xa2\xe6\x88\xb7", "", "...", "x_1.y/z",
    };
    static const char *const expected[] = {
        "a-b", "a-b-2", "a-b-2-2", "a-b-3", "table", "table-2", "table-3", "x_1.y-z",
    };
    struct schema schemas[COUNT_OF(names)];
    struct schema *pointers[COUNT_OF(names)];
    json_t *package;

    for (size_t index = 0; index < COUNT_OF(names); index++) {
        schemas[index] = accounts;
        schemas[index].name = (char *)names[index];
        schemas[index].foreign_key_count = 0;
        pointers[index] = &schemas[index];
    }
    package = package_of("crm", pointers, names, COUNT_OF(names));
    for (size_t index = 0; index < COUNT_OF(names); index++) {
        const json_t *resource = resource_of(package, index);

        assert_string_equal(json_string_value(json_object_get(resource, "name")), expected[index]);
        assert_string_equal(json_string_value(json_object_get(resource, "title")), names[index]);
    }
    json_decref(package);
}

static void test_limit(void **state)
{
    (void)state;
    struct schema *schemas[] = {&contacts, &accounts, &everything};
    const char *stems[] = {"contacts", "Accounts", "everything"};
    cleanup_buffer struct buffer whole = BUFFER(1 << 20);
    cleanup_buffer struct buffer again = BUFFER(1 << 20);

    assert_int_equal(descriptor_write("crm", schemas, stems, 3, &whole), 0);
    assert_int_equal(descriptor_write("crm", schemas, stems, 3, &again), 0);
    assert_int_equal(whole.size, again.size);
    assert_memory_equal(whole.data, again.data, whole.size);
    for (size_t limit = 0; limit < whole.size; limit++) {
        cleanup_buffer struct buffer buffer = BUFFER(limit);

        assert_int_equal(descriptor_write("crm", schemas, stems, 3, &buffer), -EFBIG);
        assert_int_equal(buffer.size, 0);
    }
}

/* 100,000 tables whose names all sanitise to one, each with a key to the one before. */
static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct schema *schemas = calloc(COUNT, sizeof *schemas);
    struct schema **pointers = calloc(COUNT, sizeof(void *));
    struct foreign_key *keys = calloc(COUNT, sizeof *keys);
    char **names = calloc(COUNT, sizeof *names);
    cleanup_buffer struct buffer buffer = BUFFER(256 << 20);
    struct timespec before;
    struct timespec after;

    if (schemas == NULL || pointers == NULL || keys == NULL || names == NULL)
        abort();
    for (size_t index = 0; index < COUNT; index++) {
        names[index] = calloc(1, 64);
        assert_non_null(names[index]);
        /* The digits of the number as characters that no resource name may have. */
        for (size_t digit = 0, rest = index; digit < 5; digit++, rest /= 10)
            names[index][digit] = "!#$&'()*+,"[rest % 10];
        keys[index] = account_keys[0];
        keys[index].target_table = names[index > 0 ? index - 1 : 0];
        schemas[index] = accounts;
        schemas[index].name = names[index];
        schemas[index].foreign_keys = &keys[index];
        pointers[index] = &schemas[index];
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    assert_int_equal(descriptor_write("crm", pointers, (const char *const *)names, COUNT, &buffer),
                     0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true(after.tv_sec - before.tv_sec < 30);
    assert_non_null(memmem(buffer.data, buffer.size, "\"resource\": \"table-99999\"", 25));
    assert_non_null(memmem(buffer.data, buffer.size, "\"name\": \"table-100000\"", 22));
    for (size_t index = 0; index < COUNT; index++)
        free(names[index]);
    free(names);
    free(keys);
    free(pointers);
    free(schemas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_package), cmocka_unit_test(test_resource),
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_foreign_keys),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_limit),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
