/* SPDX-License-Identifier: MIT */
/* Schemas as JSON. What decodes is encoded again and compared: one schema has one form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/json_read.h"
#include "fs/store/json_write.h"
#include "fs/store/tables.h"

#define COLUMNS_LIMIT 65536
#define FOREIGN_KEYS_LIMIT 65536

static const char *const kind_names[] = {
    [RELATION_TABLE] = "table",
    [RELATION_VIEW] = "view",
    [RELATION_VIRTUAL] = "virtual",
    [RELATION_STORED_VIEW] = "materialized",
};
#define KINDS (sizeof kind_names / sizeof *kind_names)

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* ---- Encoding ---- */

static void put_bytes(struct json_writer *writer, const char *name, const char *text)
{
    json_put_name(writer, name);
    json_put_bytes(writer, text_or_empty(text));
}

static void put_flag(struct json_writer *writer, const char *name, bool flag)
{
    json_put_name(writer, name);
    json_put_flag(writer, flag);
}

static void put_indexes(struct json_writer *writer, const char *name, const size_t *indexes,
                        size_t count)
{
    json_put_name(writer, name);
    json_open(writer, '[');
    for (size_t i = 0; i < count; i++)
        json_put_number(writer, indexes[i]);
    json_close(writer, ']');
}

static void put_column(struct json_writer *writer, const struct column *column)
{
    json_open(writer, '{');
    put_bytes(writer, "name", column->name);
    json_put_name(writer, "type");
    json_put_text(writer, column_type_name(column->type));
    put_bytes(writer, "native", column->native_type);
    put_flag(writer, "notNull", column->not_null);
    put_flag(writer, "generated", column->generated);
    put_flag(writer, "hidden", column->hidden);
    json_close(writer, '}');
}

static void put_foreign_key(struct json_writer *writer, const struct foreign_key *key)
{
    json_open(writer, '{');
    put_indexes(writer, "columns", key->columns, key->count);
    put_bytes(writer, "table", key->target_table);
    json_put_name(writer, "targets");
    if (key->target_columns == NULL) {
        json_put_null(writer);
    } else {
        json_open(writer, '[');
        for (size_t i = 0; i < key->count; i++)
            json_put_bytes(writer, text_or_empty(key->target_columns[i]));
        json_close(writer, ']');
    }
    json_close(writer, '}');
}

int schema_encode(const struct schema *schema, struct buffer *output)
{
    struct json_writer writer = {.output = output, .first = true};

    buffer_clear(output);
    json_open(&writer, '{');
    put_bytes(&writer, "name", schema->name);
    json_put_name(&writer, "kind");
    json_put_text(&writer, kind_names[schema->kind]);
    json_put_name(&writer, "columns");
    json_open(&writer, '[');
    for (size_t i = 0; i < schema->column_count; i++)
        put_column(&writer, &schema->columns[i]);
    json_close(&writer, ']');
    put_indexes(&writer, "primaryKey", schema->primary_key, schema->primary_key_count);
    put_indexes(&writer, "orderKey", schema->order_key, schema->order_key_count);
    json_put_name(&writer, "foreignKeys");
    json_open(&writer, '[');
    for (size_t i = 0; i < schema->foreign_key_count; i++)
        put_foreign_key(&writer, &schema->foreign_keys[i]);
    json_close(&writer, ']');
    put_bytes(&writer, "ddl", schema->ddl);
    json_close(&writer, '}');
    return writer.error;
}

/* ---- Decoding: 0, -EBADMSG, -ENOMEM ---- */

static int copy_member(const json_t *object, const char *name, char **ret_text)
{
    return json_copy_bytes(json_object_get(object, name), ret_text);
}

static int read_kind(const json_t *object, enum relation_kind *ret_kind)
{
    const char *text;

    if (!json_read_text(object, "kind", 16, &text))
        return -EBADMSG;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (strcmp(text, kind_names[kind]) == 0) {
            *ret_kind = kind;
            return 0;
        }
    }
    return -EBADMSG;
}

static int read_type(const json_t *object, enum column_type *ret_type)
{
    const char *text;

    if (!json_read_text(object, "type", 16, &text))
        return -EBADMSG;
    for (unsigned type = COLUMN_ANY; type <= COLUMN_UUID; type++) {
        if (strcmp(text, column_type_name(type)) == 0) {
            *ret_type = type;
            return 0;
        }
    }
    return -EBADMSG;
}

static int read_column(const json_t *object, struct schema *schema, size_t index)
{
    struct column *column = &schema->columns[index];
    char *native = NULL;
    int error = read_type(object, &column->type);

    if (error == 0)
        error = copy_member(object, "name", &column->name);
    if (error == 0)
        error = copy_member(object, "native", &native);
    if (error == 0)
        schema_take_native_type(schema, index, native);
    if (error == 0 && (!json_read_flag(object, "notNull", &column->not_null) ||
                       !json_read_flag(object, "generated", &column->generated) ||
                       !json_read_flag(object, "hidden", &column->hidden)))
        error = -EBADMSG;
    return error;
}

/* Indexes of columns, of which the table has COLUMN_COUNT; none: NULL. */
static int read_indexes(const json_t *object, const char *name, size_t column_count,
                        size_t **ret_indexes, size_t *ret_count)
{
    const json_t *array;

    if (!json_read_array(object, name, COLUMNS_LIMIT, &array))
        return -EBADMSG;

    size_t count = json_array_size(array);
    cleanup_free size_t *indexes = NULL;

    if (count == 0)
        return 0;
    indexes = allocate_array(count, sizeof *indexes);
    if (indexes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        json_int_t index = json_integer_value(json_array_get(array, i));

        if (index < 0 || (uint64_t)index >= column_count)
            return -EBADMSG;
        indexes[i] = (size_t)index;
    }
    *ret_indexes = steal_pointer(&indexes);
    *ret_count = count;
    return 0;
}

static int read_targets(const json_t *object, struct foreign_key *key)
{
    const json_t *targets = json_object_get(object, "targets");

    if (json_is_null(targets))
        return 0;
    if (!json_is_array(targets) || json_array_size(targets) != key->count)
        return -EBADMSG;
    key->target_columns = allocate_array(key->count, sizeof *key->target_columns);
    if (key->target_columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < key->count; i++) {
        int error = json_copy_bytes(json_array_get(targets, i), &key->target_columns[i]);

        if (error != 0)
            return error;
    }
    return 0;
}

static int read_foreign_key(const json_t *object, size_t column_count, struct foreign_key *key)
{
    int error = read_indexes(object, "columns", column_count, &key->columns, &key->count);

    if (error == 0)
        error = copy_member(object, "table", &key->target_table);
    return error == 0 ? read_targets(object, key) : error;
}

static int read_foreign_keys(const json_t *object, struct schema *schema)
{
    const json_t *array;

    if (!json_read_array(object, "foreignKeys", FOREIGN_KEYS_LIMIT, &array))
        return -EBADMSG;
    schema->foreign_keys = allocate_array(json_array_size(array), sizeof *schema->foreign_keys);
    if (schema->foreign_keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(array); i++) {
        schema->foreign_key_count++;

        int error = read_foreign_key(json_array_get(array, i), schema->column_count,
                                     &schema->foreign_keys[i]);

        if (error != 0)
            return error;
    }
    return 0;
}

static int read_members(const json_t *object, const json_t *columns, struct schema *schema)
{
    int error = read_kind(object, &schema->kind);

    schema->is_statement = schema->column_count == 0 &&
                           (schema->kind == RELATION_VIEW || schema->kind == RELATION_STORED_VIEW);
    for (size_t i = 0; i < schema->column_count && error == 0; i++)
        error = read_column(json_array_get(columns, i), schema, i);
    if (error == 0)
        error = read_indexes(object, "primaryKey", schema->column_count, &schema->primary_key,
                             &schema->primary_key_count);
    if (error == 0)
        error = read_indexes(object, "orderKey", schema->column_count, &schema->order_key,
                             &schema->order_key_count);
    if (error == 0)
        error = read_foreign_keys(object, schema);
    if (error == 0)
        error = copy_member(object, "ddl", &schema->ddl);
    return error;
}

static int check_form(const struct schema *schema, const void *bytes, size_t size)
{
    cleanup_buffer struct buffer again = BUFFER(OBJECT_DATA_LIMIT);
    int error = schema_encode(schema, &again);

    if (error == -EFBIG)
        return -EBADMSG;
    if (error == 0 && (again.size != size || memcmp(again.data, bytes, size) != 0))
        return -EBADMSG;
    return error;
}

int schema_decode(const void *bytes, size_t size, struct schema **ret_schema)
{
    cleanup_json json_t *object = NULL;
    cleanup_free char *name = NULL;
    const json_t *columns;
    int error = json_read_object(bytes, size, &object);

    if (error != 0)
        return error;
    if (!json_read_array(object, "columns", COLUMNS_LIMIT, &columns))
        return -EBADMSG;
    error = copy_member(object, "name", &name);
    if (error != 0)
        return error;

    struct schema *schema = schema_create(name, json_array_size(columns));

    if (schema == NULL)
        return -ENOMEM;
    error = read_members(object, columns, schema);
    if (error == 0)
        error = check_form(schema, bytes, size);
    if (error != 0) {
        schema_release(schema);
        return error;
    }
    *ret_schema = schema;
    return 0;
}
