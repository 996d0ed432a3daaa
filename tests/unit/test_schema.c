/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/schema.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static char *copy(const char *text)
{
    char *made = strdup(text);

    assert_non_null(made);
    return made;
}

static size_t *index_list(size_t first, size_t second)
{
    size_t *list = calloc(2, sizeof *list);

    assert_non_null(list);
    list[0] = first;
    list[1] = second;
    return list;
}

/* A schema that has all that a schema may have. */
static struct schema *contacts(void)
{
    static const char *const names[] = {"country", "id", "full name"};
    struct schema *schema = schema_create("contacts", COUNT_OF(names));

    assert_non_null(schema);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        schema->columns[i].name = copy(names[i]);
        schema->columns[i].type = i == 1 ? COLUMN_INTEGER : COLUMN_TEXT;
        schema->columns[i].native_type = copy(i == 1 ? "INT" : "VARCHAR(9)");
        schema->columns[i].not_null = i != 2;
    }
    schema->primary_key_count = 2;
    schema->primary_key = index_list(0, 1);
    schema->order_key_count = 2;
    schema->order_key = index_list(0, 1);
    schema->foreign_key_count = 2;
    schema->foreign_keys = calloc(2, sizeof *schema->foreign_keys);
    assert_non_null(schema->foreign_keys);
    schema->foreign_keys[0] = (struct foreign_key){
        .count = 1, .columns = index_list(2, 0), .target_table = copy("people")};
    schema->foreign_keys[1] = (struct foreign_key){
        .count = 2, .columns = index_list(1, 0), .target_table = copy("accounts")};
    schema->foreign_keys[1].target_columns = calloc(2, sizeof(char *));
    assert_non_null(schema->foreign_keys[1].target_columns);
    schema->foreign_keys[1].target_columns[0] = copy("account");
    schema->foreign_keys[1].target_columns[1] = copy("country");
    schema->ddl = copy("CREATE TABLE contacts (...)");
    return schema;
}

static void test_create(void **state)
{
    (void)state;
    struct schema *schema = schema_create("Order Details", 2000);

    assert_non_null(schema);
    assert_string_equal(schema->name, "Order Details");
    assert_int_equal(schema->kind, RELATION_TABLE);
    assert_int_equal(schema->column_count, 2000);
    assert_null(schema->columns[1999].name);
    assert_int_equal(schema->columns[1999].type, COLUMN_ANY);
    assert_int_equal(schema->primary_key_count, 0);
    assert_int_equal(schema->order_key_count, 0);
    assert_int_equal(schema->foreign_key_count, 0);
    assert_int_equal(schema->references, 1);
    schema_release(schema); /* half filled in, as after a failure */

    schema = schema_create("", 0);
    assert_non_null(schema);
    assert_int_equal(schema->column_count, 0);
    schema_release(schema);
    schema_release(NULL);
}

static void *take_and_give(void *schema)
{
    for (int round = 0; round < 10000; round++) {
        schema_reference(schema);
        schema_release(schema);
    }
    schema_release(schema);
    return NULL;
}

static void test_sharing(void **state)
{
    (void)state;
    struct schema *schema = contacts();
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_ptr_equal(schema_reference(schema), schema);
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, schema), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(schema->references, 1);
    schema_release(schema);
}

static void test_type_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "any",  "integer", "decimal",  "float",     "boolean", "text", "bytes",
        "date", "time",    "datetime", "timestamp", "json",    "uuid",
    };

    for (size_t type = 0; type < COUNT_OF(names); type++)
        assert_string_equal(column_type_name((enum column_type)type), names[type]);
}

static void rename_table(struct schema *schema)
{
    schema->name[0] = 'C';
}

static void change_kind(struct schema *schema)
{
    schema->kind = RELATION_VIEW;
}

static void rename_column(struct schema *schema)
{
    schema->columns[2].name[0] = 'F';
}

static void change_type(struct schema *schema)
{
    schema->columns[0].type = COLUMN_BYTES;
}

static void change_native_type(struct schema *schema)
{
    schema->columns[0].native_type[8] = '8';
}

static void allow_null(struct schema *schema)
{
    schema->columns[0].not_null = false;
}

static void generate(struct schema *schema)
{
    schema->columns[0].generated = true;
}

static void hide(struct schema *schema)
{
    schema->columns[0].hidden = true;
}

static void drop_column(struct schema *schema)
{
    struct column *last = &schema->columns[--schema->column_count];

    free(last->name);
    free(last->native_type);
}

static void shorten_primary_key(struct schema *schema)
{
    schema->primary_key_count = 1;
}

static void drop_primary_key(struct schema *schema)
{
    free(schema->primary_key);
    schema->primary_key = NULL;
    schema->primary_key_count = 0;
}

static void change_order(struct schema *schema)
{
    schema->order_key[1] = 2;
}

static void point_elsewhere(struct schema *schema)
{
    schema->foreign_keys[1].columns[0] = 2;
}

static void change_target(struct schema *schema)
{
    schema->foreign_keys[0].target_table[0] = 'P';
}

static void change_target_column(struct schema *schema)
{
    schema->foreign_keys[1].target_columns[1][0] = 'C';
}

static void drop_target_columns(struct schema *schema)
{
    free(schema->foreign_keys[1].target_columns[0]);
    free(schema->foreign_keys[1].target_columns[1]);
    free(schema->foreign_keys[1].target_columns);
    schema->foreign_keys[1].target_columns = NULL;
}

static void change_ddl(struct schema *schema)
{
    schema->ddl[0] = 'c';
}

static void drop_ddl(struct schema *schema)
{
    free(schema->ddl);
    schema->ddl = NULL;
}

static void test_equal(void **state)
{
    (void)state;
    static void (*const changes[])(struct schema *) = {
        rename_table,
        change_kind,
        rename_column,
        change_type,
        change_native_type,
        allow_null,
        generate,
        hide,
        drop_column,
        drop_primary_key,
        shorten_primary_key,
        change_order,
        point_elsewhere,
        change_target,
        change_target_column,
        change_ddl,
        drop_target_columns,
        drop_ddl,
    };
    struct schema *schema = contacts();

    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        struct schema *other = contacts();

        assert_true(schema_equal(schema, other));
        changes[i](other);
        assert_false(schema_equal(schema, other));
        assert_false(schema_equal(other, schema));
        assert_true(schema_equal(other, other));
        schema_release(other);
    }
    schema_release(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_type_names),
        cmocka_unit_test(test_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
