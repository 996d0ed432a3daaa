/* SPDX-License-Identifier: MIT */
/* The descriptor that fs/table/descriptor.c writes, read back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/document.h"
#include "backends/source/export_rows.h"
#include "backends/source/json_rows.h"
#include "backends/source/package.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"

#define FORMAT_VERSION "1"
#define STEM_MOST 255

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

static int take_column(const struct document_value *value, struct column *column)
{
    cleanup_free char *type = NULL;
    struct document_object object;

    if (!document_object(value, &object))
        return -EINVAL;

    int error = document_find_text(&object, "name", &column->name);

    if (error == 0)
        error = document_find_text(&object, "crmfs:nativeType", &column->native_type);
    if (error == 0)
        error = document_find_text(&object, "crmfs:type", &type);
    if (error == 0 && !take_type(type, &column->type))
        error = -EINVAL;
    column->not_null = document_is_true(&object, "crmfs:notNull");
    column->generated = document_is_true(&object, "crmfs:generated");
    column->hidden = document_is_true(&object, "crmfs:hidden");
    return error;
}

static int take_columns(const struct document_value *fields, struct schema *schema)
{
    struct document_array array;
    struct document_value field;
    int error = document_array_begin(fields, &array) ? 0 : -EINVAL;

    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        error = document_array_next(&array, &field) ? take_column(&field, &schema->columns[i])
                                                    : -EINVAL;
    }
    return error;
}

/* Names of columns as their indexes, the caller's to free. */
static int take_key(const struct document_value *value, const struct schema *schema,
                    size_t *ret_count, size_t **ret_columns)
{
    size_t count = document_array_count(value);
    cleanup_free size_t *columns = allocate_array(count, sizeof *columns);
    struct document_array array;
    struct document_value name;

    if (columns == NULL)
        return -ENOMEM;
    if (!document_array_begin(value, &array) || count > schema->column_count)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *text = NULL;
        int error = document_array_next(&array, &name) ? document_text(&name, &text) : -EINVAL;

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

static int take_kind(const struct document_object *resource, struct schema *schema)
{
    cleanup_free char *kind = NULL;
    int error = document_find_text(resource, "crmfs:kind", &kind);

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
static int take_stem(const struct document_object *resource, char **ret_stem)
{
    static const char ending[] = ".csv";
    cleanup_free char *path = NULL;
    int error = document_find_text(resource, "path", &path);
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
static int take_resource(const struct document_object *resource, struct package_table *table)
{
    cleanup_free char *title = NULL;
    struct document_value about;
    struct document_value fields;
    struct document_value key;
    struct document_object schema;

    if (!document_find(resource, "schema", &about) || !document_object(&about, &schema) ||
        !document_find(&schema, "fields", &fields))
        return -EINVAL;

    int error = document_find_text(resource, "title", &title);

    if (error != 0)
        return error;
    table->schema = schema_create(title, document_array_count(&fields));
    if (table->schema == NULL)
        return -ENOMEM;
    error = take_stem(resource, &table->stem);
    if (error == 0)
        error = take_columns(&fields, table->schema);
    if (error == 0)
        error = take_kind(resource, table->schema);
    if (error == 0 && document_find(&schema, "primaryKey", &key))
        error = take_key(&key, table->schema, &table->schema->primary_key_count,
                         &table->schema->primary_key);
    if (error == 0 && document_find(resource, "crmfs:orderKey", &key))
        error = take_key(&key, table->schema, &table->schema->order_key_count,
                         &table->schema->order_key);
    return error;
}

/* ---- foreign keys, when all tables are known ---- */

static int take_names(const struct document_value *value, size_t count, char ***ret_names)
{
    struct document_array array;
    struct document_value name;

    if (document_array_count(value) != count || !document_array_begin(value, &array))
        return -EINVAL;
    *ret_names = allocate_array(count, sizeof **ret_names);
    if (*ret_names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error =
            document_array_next(&array, &name) ? document_text(&name, &(*ret_names)[i]) : -EINVAL;

        if (error != 0)
            return error;
    }
    return 0;
}

static int take_foreign_key(const struct parse *parse, struct schema *schema,
                            const struct document_value *value)
{
    struct foreign_key *key = &schema->foreign_keys[schema->foreign_key_count++];
    cleanup_free char *resource = NULL;
    struct document_value part;
    struct document_object object;
    struct document_object reference;

    if (!document_object(value, &object) || !document_find(&object, "reference", &part) ||
        !document_object(&part, &reference) || !document_find(&object, "fields", &part))
        return -EINVAL;

    int error = take_key(&part, schema, &key->count, &key->columns);

    if (error == 0)
        error = document_find_text(&reference, "resource", &resource);
    if (error != 0)
        return error;

    const size_t *target = name_map_find(parse->resources, resource);

    if (*resource != '\0' && target == NULL)
        return -EINVAL;
    key->target_table =
        strdup(*resource == '\0' ? schema->name : parse->package->tables[*target].schema->name);
    if (key->target_table == NULL)
        return -ENOMEM;
    return document_find(&reference, "fields", &part)
               ? take_names(&part, key->count, &key->target_columns)
               : -EINVAL;
}

static int take_foreign_keys(const struct parse *parse, const struct document_object *resource,
                             struct schema *schema)
{
    struct document_value about;
    struct document_value keys;
    struct document_value key;
    struct document_object object;
    struct document_array array;
    int error = 0;

    if (!document_find(resource, "schema", &about) || !document_object(&about, &object) ||
        !document_find(&object, "foreignKeys", &keys))
        return 0;
    if (!document_array_begin(&keys, &array))
        return -EINVAL;
    schema->foreign_keys =
        allocate_array(document_array_count(&keys), sizeof *schema->foreign_keys);
    if (schema->foreign_keys == NULL)
        return -ENOMEM;
    while (error == 0 && document_array_next(&array, &key))
        error = take_foreign_key(parse, schema, &key);
    return error;
}

/* ---- the package ---- */

static int take_table(struct parse *parse, const struct document_value *value, size_t index)
{
    struct document_object resource;

    if (!document_object(value, &resource))
        return -EINVAL;
    parse->package->count = index + 1;

    int error = document_find_text(&resource, "name", &parse->names[index]);

    if (error == 0)
        error = name_map_add(parse->resources, parse->names[index], index);
    if (error == 0)
        error = take_resource(&resource, &parse->package->tables[index]);
    return error == -EEXIST ? -EINVAL : error;
}

static int take_tables(struct parse *parse, const struct document_value *resources)
{
    size_t count = document_array_count(resources);
    struct document_array array;
    struct document_value value;
    struct document_object resource;
    int error = document_array_begin(resources, &array) ? 0 : -EINVAL;

    parse->package->tables = allocate_array(count, sizeof *parse->package->tables);
    parse->names = allocate_array(count, sizeof *parse->names);
    if (parse->package->tables == NULL || parse->names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = document_array_next(&array, &value) ? take_table(parse, &value, i) : -EINVAL;
        if (error == -EINVAL)
            return refuse(parse, "a resource is not as crmfs writes it",
                          parse->names[i] != NULL ? parse->names[i] : "resources");
    }
    if (error != 0)
        return error;
    document_array_begin(resources, &array);
    for (size_t i = 0; i < count && error == 0; i++) {
        if (document_array_next(&array, &value) && document_object(&value, &resource))
            error = take_foreign_keys(parse, &resource, parse->package->tables[i].schema);
        if (error == -EINVAL)
            return refuse(parse, "a foreign key is not as crmfs writes it", parse->names[i]);
    }
    return error;
}

static int take_package(struct parse *parse, const void *text, size_t size)
{
    struct document_value all = {.base = text};
    struct json_scan scan = {.at = text, .end = all.base + size};
    struct document_object object;
    struct document_value version;
    struct document_value resources;

    if (!json_scan_value(&scan, text, &all.piece))
        return refuse(parse, "it is no JSON", "");
    json_skip_blank(&scan);
    if (scan.at != scan.end || !document_object(&all, &object))
        return refuse(parse, "it is no JSON object", "");
    if (!document_find(&object, "crmfs:formatVersion", &version))
        return refuse(parse, "it is none of crmfs's: \"crmfs:formatVersion\" is missing", "");
    if (version.piece.size != strlen(FORMAT_VERSION) ||
        memcmp(version.base + version.piece.at, FORMAT_VERSION, version.piece.size) != 0)
        return refuse(parse, "it is of a later version of crmfs", "");
    return document_find(&object, "resources", &resources)
               ? take_tables(parse, &resources)
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
