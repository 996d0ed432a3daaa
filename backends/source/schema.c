/* SPDX-License-Identifier: MIT */
#include "backends/source/schema.h"

#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define ALLOCATED_BYTES(length) \
    (((length) + 24) / 16 * 16) /* of a text, what malloc adds included */

struct schema *schema_create(const char *name, size_t column_count)
{
    struct schema *schema = calloc(1, sizeof *schema);

    if (schema == NULL)
        return NULL;
    schema->references = 1;
    schema->name = strdup(name);
    schema->columns = allocate_array(column_count, sizeof *schema->columns);
    if (schema->name == NULL || schema->columns == NULL) {
        schema_release(schema);
        return NULL;
    }
    schema->column_count = column_count;
    return schema;
}

struct schema *schema_reference(struct schema *schema)
{
    /* Whoever takes a reference holds one already, so nothing has to be ordered here. */
    __atomic_add_fetch(&schema->references, 1, __ATOMIC_RELAXED);
    return schema;
}

static int copy_text(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from != NULL && *to == NULL ? -1 : 0;
}

static int copy_indexes(size_t **to, size_t *to_count, const size_t *from, size_t count)
{
    *to = allocate_array(count, sizeof **to);
    if (*to == NULL)
        return -1;
    if (count != 0)
        memcpy(*to, from, count * sizeof **to);
    *to_count = count;
    return 0;
}

static int copy_foreign_key(struct foreign_key *to, const struct foreign_key *from)
{
    int error = copy_indexes(&to->columns, &to->count, from->columns, from->count);

    if (error == 0)
        error = copy_text(&to->target_table, from->target_table);
    if (error == 0 && from->target_columns != NULL) {
        to->target_columns = allocate_array(from->count, sizeof *to->target_columns);
        error = to->target_columns != NULL ? 0 : -1;
    }
    for (size_t i = 0; error == 0 && from->target_columns != NULL && i < from->count; i++)
        error = copy_text(&to->target_columns[i], from->target_columns[i]);
    return error;
}

static int copy_columns(struct schema *to, const struct schema *from)
{
    int error = 0;

    for (size_t i = 0; i < from->column_count && error == 0; i++) {
        to->columns[i] = from->columns[i];
        to->columns[i].native_type = NULL;
        error = copy_text(&to->columns[i].name, from->columns[i].name);
        if (error == 0)
            error = copy_text(&to->columns[i].native_type, from->columns[i].native_type);
    }
    return error;
}

struct schema *schema_copy(const struct schema *schema)
{
    struct schema *copy = schema_create(schema->name, schema->column_count);
    int error = copy != NULL ? copy_columns(copy, schema) : -1;

    if (error == 0) {
        copy->kind = schema->kind;
        copy->is_statement = schema->is_statement;
        error = copy_text(&copy->ddl, schema->ddl);
    }
    if (error == 0)
        error = copy_indexes(&copy->primary_key, &copy->primary_key_count, schema->primary_key,
                             schema->primary_key_count);
    if (error == 0)
        error = copy_indexes(&copy->order_key, &copy->order_key_count, schema->order_key,
                             schema->order_key_count);
    if (error == 0) {
        copy->foreign_keys = allocate_array(schema->foreign_key_count, sizeof *copy->foreign_keys);
        error = copy->foreign_keys != NULL ? 0 : -1;
    }
    for (size_t i = 0; error == 0 && i < schema->foreign_key_count; i++) {
        copy->foreign_key_count++;
        error = copy_foreign_key(&copy->foreign_keys[i], &schema->foreign_keys[i]);
    }
    if (error != 0) {
        schema_release(copy);
        return NULL;
    }
    return copy;
}

static void free_foreign_key(struct foreign_key *key)
{
    if (key->target_columns != NULL) {
        for (size_t i = 0; i < key->count; i++)
            free(key->target_columns[i]);
    }
    free((void *)key->target_columns);
    free(key->target_table);
    free(key->columns);
}

void schema_release(struct schema *schema)
{
    if (schema == NULL || __atomic_sub_fetch(&schema->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < schema->column_count; i++) {
        free(schema->columns[i].name);
        if (i == 0 || schema->columns[i].native_type != schema->columns[i - 1].native_type)
            free(schema->columns[i].native_type);
    }
    free(schema->columns);
    free(schema->primary_key);
    free(schema->order_key);
    for (size_t i = 0; i < schema->foreign_key_count; i++)
        free_foreign_key(&schema->foreign_keys[i]);
    free(schema->foreign_keys);
    free(schema->ddl);
    free(schema->name);
    free(schema);
}

void schema_take_native_type(struct schema *schema, size_t index, char *text)
{
    char *before = index > 0 ? schema->columns[index - 1].native_type : NULL;

    if (before != NULL && text != NULL && strcmp(before, text) == 0) {
        free(text);
        text = before;
    }
    schema->columns[index].native_type = text;
}

size_t schema_memory_bytes(const struct schema *schema)
{
    size_t bytes = sizeof *schema;

    for (size_t i = 0; i < schema->column_count; i++)
        bytes += sizeof schema->columns[i] + ALLOCATED_BYTES(strlen(schema->columns[i].name));
    return bytes + (schema->ddl != NULL ? strlen(schema->ddl) : 0);
}

const char *column_type_name(enum column_type type)
{
    switch (type) {
    case COLUMN_ANY: return "any";
    case COLUMN_INTEGER: return "integer";
    case COLUMN_DECIMAL: return "decimal";
    case COLUMN_FLOAT: return "float";
    case COLUMN_BOOLEAN: return "boolean";
    case COLUMN_TEXT: return "text";
    case COLUMN_BYTES: return "bytes";
    case COLUMN_DATE: return "date";
    case COLUMN_TIME: return "time";
    case COLUMN_DATETIME: return "datetime";
    case COLUMN_TIMESTAMP: return "timestamp";
    case COLUMN_JSON: return "json";
    case COLUMN_UUID: return "uuid";
    }
    return "any";
}

/* What a source has not filled in says the same as the empty text. */
static bool texts_equal(const char *left, const char *right)
{
    return strcmp(left != NULL ? left : "", right != NULL ? right : "") == 0;
}

bool schema_indexes_equal(const size_t *left, size_t left_count, const size_t *right,
                          size_t right_count)
{
    return left_count == right_count &&
           (left_count == 0 || memcmp(left, right, left_count * sizeof *left) == 0);
}

static bool columns_equal(const struct column *left, const struct column *right)
{
    return texts_equal(left->name, right->name) && left->type == right->type &&
           texts_equal(left->native_type, right->native_type) &&
           left->not_null == right->not_null && left->generated == right->generated &&
           left->hidden == right->hidden;
}

static bool foreign_keys_equal(const struct foreign_key *left, const struct foreign_key *right)
{
    if (!schema_indexes_equal(left->columns, left->count, right->columns, right->count) ||
        !texts_equal(left->target_table, right->target_table) ||
        (left->target_columns == NULL) != (right->target_columns == NULL))
        return false;
    for (size_t i = 0; left->target_columns != NULL && i < left->count; i++) {
        if (!texts_equal(left->target_columns[i], right->target_columns[i]))
            return false;
    }
    return true;
}

bool schema_keys_equal(const struct schema *left, const struct schema *right)
{
    return schema_indexes_equal(left->primary_key, left->primary_key_count, right->primary_key,
                                right->primary_key_count) &&
           schema_indexes_equal(left->order_key, left->order_key_count, right->order_key,
                                right->order_key_count);
}

bool schema_equal(const struct schema *left, const struct schema *right)
{
    if (left == right)
        return true;
    if (!texts_equal(left->name, right->name) || left->kind != right->kind ||
        left->column_count != right->column_count ||
        left->foreign_key_count != right->foreign_key_count ||
        !texts_equal(left->ddl, right->ddl) || !schema_keys_equal(left, right))
        return false;
    for (size_t i = 0; i < left->column_count; i++) {
        if (!columns_equal(&left->columns[i], &right->columns[i]))
            return false;
    }
    for (size_t i = 0; i < left->foreign_key_count; i++) {
        if (!foreign_keys_equal(&left->foreign_keys[i], &right->foreign_keys[i]))
            return false;
    }
    return true;
}
