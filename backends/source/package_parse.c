/* SPDX-License-Identifier: MIT */
/* The descriptor that fs/table/descriptor.c writes, read back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/export_rows.h"
#include "backends/source/json_rows.h"
#include "backends/source/package.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"

#define MEMBERS_MOST 32
#define FORMAT_VERSION "1"
#define STEM_MOST 255

/* A piece and what its place is counted from. */
struct value {
    const uint8_t *base;
    struct json_piece piece;
};

struct object {
    const uint8_t *base;
    size_t count;
    struct json_member members[MEMBERS_MOST];
};

struct parse {
    struct package *package;
    struct name_map *resources; /* names to tables */
    char **names;               /* of the resources */
    struct failure *failure;
};

static int refuse(const struct parse *parse, const char *what, const char *where)
{
    return failure_set(parse->failure, EINVAL, PACKAGE_DESCRIPTOR ": %s%s%.200s", what,
                       *where != '\0' ? " in " : "", where);
}

static struct json_scan scan_of(const struct value *value)
{
    const uint8_t *begin = value->base + value->piece.at;

    return (struct json_scan){.at = begin, .end = begin + value->piece.size};
}

static bool take_object(const struct value *value, struct object *ret_object)
{
    struct json_scan scan = scan_of(value);

    ret_object->base = scan.at;
    ret_object->count = 0;
    if (value->piece.kind != JSON_NESTED ||
        !json_scan_object(&scan, ret_object->members, MEMBERS_MOST, &ret_object->count))
        return false;
    if (ret_object->count > MEMBERS_MOST)
        ret_object->count = MEMBERS_MOST;
    return true;
}

static bool find(const struct object *object, const char *key, struct value *ret_value)
{
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *member = &object->members[i];

        if (member->key.size == strlen(key) &&
            memcmp(object->base + member->key.at, key, member->key.size) == 0) {
            *ret_value = (struct value){object->base, member->value};
            return true;
        }
    }
    return false;
}

static bool is_true(const struct object *object, const char *key)
{
    struct value value;

    return find(object, key, &value) && value.piece.kind == JSON_TRUE;
}

/* The string, the caller's to free. -EINVAL: it is none, or holds a NUL. */
static int take_text(const struct value *value, char **ret_text)
{
    if (value->piece.kind != JSON_STRING)
        return -EINVAL;

    char *text = malloc(value->piece.size + 1);

    if (text == NULL)
        return -ENOMEM;

    size_t size = json_unescape(value->base + value->piece.at, value->piece.size, (uint8_t *)text);

    text[size] = '\0';
    if (strlen(text) != size) {
        free(text);
        return -EINVAL;
    }
    *ret_text = text;
    return 0;
}

static int find_text(const struct object *object, const char *key, char **ret_text)
{
    struct value value;

    return find(object, key, &value) ? take_text(&value, ret_text) : -EINVAL;
}

/* ---- arrays ---- */

struct array {
    struct json_scan scan;
    const uint8_t *base;
    bool begun;
};

static bool array_begin(const struct value *value, struct array *ret_array)
{
    *ret_array = (struct array){.scan = scan_of(value), .base = value->base};
    return value->piece.kind == JSON_NESTED && json_accept(&ret_array->scan, '[');
}

/* The next value; false: that was the last. The text has been seen to be JSON. */
static bool array_next(struct array *array, struct value *ret_value)
{
    if (array->begun && !json_accept(&array->scan, ','))
        return false;
    array->begun = true;
    ret_value->base = array->base;
    return json_scan_value(&array->scan, array->base, &ret_value->piece);
}

static size_t array_count(const struct value *value)
{
    struct array array;
    struct value element;
    size_t count = 0;

    if (!array_begin(value, &array))
        return 0;
    while (array_next(&array, &element))
        count++;
    return count;
}

/* ---- tables ---- */

static bool take_type(const char *name, enum column_type *ret_type)
{
    for (enum column_type type = COLUMN_ANY; type <= COLUMN_UUID; type++) {
        if (strcmp(name, column_type_name(type)) == 0) {
            *ret_type = type;
            return true;
        }
    }
    return false;
}

static int take_column(const struct value *value, struct column *column)
{
    cleanup_free char *type = NULL;
    struct object object;

    if (!take_object(value, &object))
        return -EINVAL;

    int error = find_text(&object, "name", &column->name);

    if (error == 0)
        error = find_text(&object, "crmfs:nativeType", &column->native_type);
    if (error == 0)
        error = find_text(&object, "crmfs:type", &type);
    if (error == 0 && !take_type(type, &column->type))
        error = -EINVAL;
    column->not_null = is_true(&object, "crmfs:notNull");
    column->generated = is_true(&object, "crmfs:generated");
    column->hidden = is_true(&object, "crmfs:hidden");
    return error;
}

static int take_columns(const struct value *fields, struct schema *schema)
{
    struct array array;
    struct value field;
    int error = array_begin(fields, &array) ? 0 : -EINVAL;

    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        error = array_next(&array, &field) ? take_column(&field, &schema->columns[i]) : -EINVAL;
    }
    return error;
}

/* Names of columns as their indexes, the caller's to free. */
static int take_key(const struct value *value, const struct schema *schema, size_t *ret_count,
                    size_t **ret_columns)
{
    size_t count = array_count(value);
    cleanup_free size_t *columns = allocate_array(count, sizeof *columns);
    struct array array;
    struct value name;

    if (columns == NULL)
        return -ENOMEM;
    if (!array_begin(value, &array) || count > schema->column_count)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *text = NULL;
        int error = array_next(&array, &name) ? take_text(&name, &text) : -EINVAL;

        if (error != 0)
            return error;
        while (columns[i] < schema->column_count &&
               strcmp(schema->columns[columns[i]].name, text) != 0)
            columns[i]++;
        if (columns[i] == schema->column_count)
            return -EINVAL;
    }
    *ret_count = count;
    *ret_columns = steal_pointer(&columns);
    return 0;
}

static int take_kind(const struct object *resource, struct schema *schema)
{
    cleanup_free char *kind = NULL;
    int error = find_text(resource, "crmfs:kind", &kind);

    if (error != 0)
        return error;
    if (strcmp(kind, "table") == 0)
        schema->kind = RELATION_TABLE;
    else if (strcmp(kind, "view") == 0)
        schema->kind = RELATION_VIEW;
    else if (strcmp(kind, "virtual") == 0)
        schema->kind = RELATION_VIRTUAL;
    else if (strcmp(kind, "materialized") == 0)
        schema->kind = RELATION_STORED_VIEW;
    else
        return -EINVAL;
    return 0;
}

/* "contacts.csv" → "contacts"; nothing that leads out of the directory. */
static int take_stem(const struct object *resource, char **ret_stem)
{
    static const char ending[] = ".csv";
    cleanup_free char *path = NULL;
    int error = find_text(resource, "path", &path);
    size_t size = error == 0 ? strlen(path) : 0;

    if (error != 0)
        return error;
    if (size < sizeof ending || size > STEM_MOST || path[0] == '.' || strchr(path, '/') != NULL ||
        strcmp(path + size - (sizeof ending - 1), ending) != 0)
        return -EINVAL;
    path[size - (sizeof ending - 1)] = '\0';
    *ret_stem = steal_pointer(&path);
    return 0;
}

/* The table, but for its foreign keys. */
static int take_resource(const struct object *resource, struct package_table *table)
{
    cleanup_free char *title = NULL;
    struct value about;
    struct value fields;
    struct value key;
    struct object schema;

    if (!find(resource, "schema", &about) || !take_object(&about, &schema) ||
        !find(&schema, "fields", &fields))
        return -EINVAL;

    int error = find_text(resource, "title", &title);

    if (error != 0)
        return error;
    table->schema = schema_create(title, array_count(&fields));
    if (table->schema == NULL)
        return -ENOMEM;
    error = take_stem(resource, &table->stem);
    if (error == 0)
        error = take_columns(&fields, table->schema);
    if (error == 0)
        error = take_kind(resource, table->schema);
    if (error == 0 && find(&schema, "primaryKey", &key))
        error = take_key(&key, table->schema, &table->schema->primary_key_count,
                         &table->schema->primary_key);
    if (error == 0 && find(resource, "crmfs:orderKey", &key))
        error = take_key(&key, table->schema, &table->schema->order_key_count,
                         &table->schema->order_key);
    return error;
}

/* ---- foreign keys, when all tables are known ---- */

static int take_names(const struct value *value, size_t count, char ***ret_names)
{
    struct array array;
    struct value name;

    if (array_count(value) != count || !array_begin(value, &array))
        return -EINVAL;
    *ret_names = allocate_array(count, sizeof **ret_names);
    if (*ret_names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = array_next(&array, &name) ? take_text(&name, &(*ret_names)[i]) : -EINVAL;

        if (error != 0)
            return error;
    }
    return 0;
}

static int take_foreign_key(const struct parse *parse, struct schema *schema,
                            const struct value *value)
{
    struct foreign_key *key = &schema->foreign_keys[schema->foreign_key_count++];
    cleanup_free char *resource = NULL;
    struct value part;
    struct object object;
    struct object reference;

    if (!take_object(value, &object) || !find(&object, "reference", &part) ||
        !take_object(&part, &reference) || !find(&object, "fields", &part))
        return -EINVAL;

    int error = take_key(&part, schema, &key->count, &key->columns);

    if (error == 0)
        error = find_text(&reference, "resource", &resource);
    if (error != 0)
        return error;

    const size_t *target = name_map_find(parse->resources, resource);

    if (*resource != '\0' && target == NULL)
        return -EINVAL;
    key->target_table =
        strdup(*resource == '\0' ? schema->name : parse->package->tables[*target].schema->name);
    if (key->target_table == NULL)
        return -ENOMEM;
    return find(&reference, "fields", &part) ? take_names(&part, key->count, &key->target_columns)
                                             : -EINVAL;
}

static int take_foreign_keys(const struct parse *parse, const struct object *resource,
                             struct schema *schema)
{
    struct value about;
    struct value keys;
    struct value key;
    struct object object;
    struct array array;
    int error = 0;

    if (!find(resource, "schema", &about) || !take_object(&about, &object) ||
        !find(&object, "foreignKeys", &keys))
        return 0;
    if (!array_begin(&keys, &array))
        return -EINVAL;
    schema->foreign_keys = allocate_array(array_count(&keys), sizeof *schema->foreign_keys);
    if (schema->foreign_keys == NULL)
        return -ENOMEM;
    while (error == 0 && array_next(&array, &key))
        error = take_foreign_key(parse, schema, &key);
    return error;
}

/* ---- the package ---- */

static int take_table(struct parse *parse, const struct value *value, size_t index)
{
    struct object resource;

    if (!take_object(value, &resource))
        return -EINVAL;
    parse->package->count = index + 1;

    int error = find_text(&resource, "name", &parse->names[index]);

    if (error == 0)
        error = name_map_add(parse->resources, parse->names[index], index);
    if (error == 0)
        error = take_resource(&resource, &parse->package->tables[index]);
    return error == -EEXIST ? -EINVAL : error;
}

static int take_tables(struct parse *parse, const struct value *resources)
{
    size_t count = array_count(resources);
    struct array array;
    struct value value;
    struct object resource;
    int error = array_begin(resources, &array) ? 0 : -EINVAL;

    parse->package->tables = allocate_array(count, sizeof *parse->package->tables);
    parse->names = allocate_array(count, sizeof *parse->names);
    if (parse->package->tables == NULL || parse->names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = array_next(&array, &value) ? take_table(parse, &value, i) : -EINVAL;
        if (error == -EINVAL)
            return refuse(parse, "a resource is not as crmfs writes it",
                          parse->names[i] != NULL ? parse->names[i] : "resources");
    }
    if (error != 0)
        return error;
    array_begin(resources, &array);
    for (size_t i = 0; i < count && error == 0; i++) {
        if (array_next(&array, &value) && take_object(&value, &resource))
            error = take_foreign_keys(parse, &resource, parse->package->tables[i].schema);
        if (error == -EINVAL)
            return refuse(parse, "a foreign key is not as crmfs writes it", parse->names[i]);
    }
    return error;
}

static int take_package(struct parse *parse, const void *text, size_t size)
{
    struct value all = {.base = text};
    struct json_scan scan = {.at = text, .end = all.base + size};
    struct object object;
    struct value version;
    struct value resources;

    if (!json_scan_value(&scan, text, &all.piece))
        return refuse(parse, "it is no JSON", "");
    json_skip_blank(&scan);
    if (scan.at != scan.end || !take_object(&all, &object))
        return refuse(parse, "it is no JSON object", "");
    if (!find(&object, "crmfs:formatVersion", &version))
        return refuse(parse, "it is none of crmfs's: \"crmfs:formatVersion\" is missing", "");
    if (version.piece.size != strlen(FORMAT_VERSION) ||
        memcmp(version.base + version.piece.at, FORMAT_VERSION, version.piece.size) != 0)
        return refuse(parse, "it is of a later version of crmfs", "");
    return find(&object, "resources", &resources) ? take_tables(parse, &resources)
                                                  : refuse(parse, "there are no resources", "");
}

/* The DDL of all tables is one text: it comes out again as it went in. */
static int keep_ddl(struct package *package, const char *schema_sql)
{
    for (size_t i = 0; i < package->count; i++) {
        size_t size = i == 0 && schema_sql != NULL ? strlen(schema_sql) : 0;

        if (size != 0 && schema_sql[size - 1] == '\n')
            size--;
        package->tables[i].schema->ddl = strndup(size != 0 ? schema_sql : "", size);
        if (package->tables[i].schema->ddl == NULL)
            return -ENOMEM;
    }
    return 0;
}

int package_parse(const void *text, size_t size, const char *schema_sql,
                  struct package *ret_package, struct failure *failure)
{
    struct package package = {.count = 0};
    struct parse parse = {.package = &package, .failure = failure};
    int error = name_map_create(&parse.resources);

    if (error == 0)
        error = take_package(&parse, text, size);
    if (error == 0)
        error = keep_ddl(&package, schema_sql);
    name_map_free(parse.resources);
    for (size_t i = 0; i < package.count && parse.names != NULL; i++)
        free(parse.names[i]);
    free((void *)parse.names);
    if (error != 0) {
        package_release(&package);
        return error;
    }
    *ret_package = package;
    return 0;
}

void package_release(struct package *package)
{
    for (size_t i = 0; i < package->count; i++) {
        schema_release(package->tables[i].schema);
        free(package->tables[i].stem);
    }
    free(package->tables);
    *package = (struct package){.count = 0};
}
