/* SPDX-License-Identifier: MIT */
#include "fs/table/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/table/resource_names.h"

struct descriptor {
    const char *dataset_name;
    struct schema *const *schemas;
    const char *const *file_stems;
    size_t count;
    size_t first; /* of the tables that have files; count: none has */
    struct resource_names *names;
};

/* The first error stays, and makes everything after it do nothing. */
struct writer {
    const struct descriptor *of;
    struct buffer *output;
    int error;
};

/* How a canonical type is told to Frictionless, from "type" on. */
static const char *const frictionless_types[] = {
    [COLUMN_ANY] = "\"any\"",
    [COLUMN_INTEGER] = "\"integer\"",
    [COLUMN_DECIMAL] = "\"number\"",
    [COLUMN_FLOAT] = "\"number\"",
    [COLUMN_BOOLEAN] = ("\"boolean\", \"trueValues\": [\"1\", \"t\", \"true\"], "
                        "\"falseValues\": [\"0\", \"f\", \"false\"]"),
    [COLUMN_TEXT] = "\"string\"",
    [COLUMN_BYTES] = "\"string\", \"format\": \"binary\"",
    [COLUMN_DATE] = "\"date\"",
    /* The default formats want a T between date and time, or whole seconds; databases do not. */
    [COLUMN_TIME] = "\"time\", \"format\": \"any\"",
    [COLUMN_DATETIME] = "\"datetime\", \"format\": \"any\"",
    [COLUMN_TIMESTAMP] = "\"datetime\", \"format\": \"any\"",
    /* "object" would refuse arrays, "array" objects. */
    [COLUMN_JSON] = "\"any\"",
    [COLUMN_UUID] = "\"string\", \"format\": \"uuid\"",
};

static const char *const kind_names[] = {
    [RELATION_TABLE] = "table",
    [RELATION_VIEW] = "view",
    [RELATION_VIRTUAL] = "virtual",
    [RELATION_STORED_VIEW] = "materialized",
};

static const char conventions[] =
    " \"crmfs:conventions\": {\n"
    "  \"files\": \"each table stands as .csv, .json and .ndjson under one name, with the same "
    "rows\",\n"
    "  \"null\": \"CSV: an empty field without quotes, while the empty text is two quotes; "
    "JSON: null\",\n"
    "  \"bytes\": \"CSV: base64 in columns of crmfs:type bytes, base64: and base64 in others; "
    "JSON: {\\\"$base64\\\":true,\\\"encoded\\\":…}\",\n"
    "  \"text\": \"CSV: text that is not UTF-8, or that begins like a tag, is text;base64: and "
    "base64; in columns of crmfs:type bytes, text follows text: and numbers follow number:; JSON: "
    "{\\\"$base64\\\":true,\\\"encoded\\\":…,\\\"text\\\":true} for what is not UTF-8\",\n"
    "  \"numbers\": \"every digit as in the database; Infinity, -Infinity and NaN; JSON: "
    "{\\\"$number\\\":…} for these three\",\n"
    "  \"json\": \"CSV: the text as it is; JSON: the document itself, {\\\"$text\\\":…} for text "
    "that is none or whose first key begins with $\",\n"
    "  \"timeZone\": \"UTC\",\n"
    "  \"rowOrder\": \"by the columns of crmfs:orderKey as the database compares them; where it "
    "is empty, by the hidden row number or by all columns\"\n"
    " },\n";

static void put(struct writer *writer, const char *text)
{
    if (writer->error == 0)
        writer->error = buffer_append_text(writer->output, text);
}

static void put_string(struct writer *writer, const char *text)
{
    if (writer->error == 0)
        writer->error = json_text_append(writer->output, text, strlen(text));
}

/* BEFORE, the text as a JSON string, AFTER. */
static void put_member(struct writer *writer, const char *before, const char *text,
                       const char *after)
{
    put(writer, before);
    put_string(writer, text);
    put(writer, after);
}

/* An array of the names of COUNT columns. */
static void put_columns(struct writer *writer, const struct schema *schema, const size_t *columns,
                        size_t count)
{
    put(writer, "[");
    for (size_t index = 0; index < count; index++)
        put_member(writer, index == 0 ? "" : ", ", schema->columns[columns[index]].name, "");
    put(writer, "]");
}

/*
 * Whether Frictionless may ask for a value. To its readers, which do not look at quotes, the
 * empty text is a missing value too; so not in columns that may hold it.
 */
static bool is_required(const struct column *column)
{
    switch (column->type) {
    case COLUMN_ANY:
    case COLUMN_TEXT:
    case COLUMN_BYTES:
    case COLUMN_JSON: return false;
    default: return column->not_null;
    }
}

static void put_field(struct writer *writer, const struct column *column)
{
    put_member(writer, "     {\"name\": ", column->name, ", \"type\": ");
    put(writer, frictionless_types[column->type]);
    if (is_required(column))
        put(writer, ", \"constraints\": {\"required\": true}");
    put_member(writer, ", \"crmfs:type\": ", column_type_name(column->type), "");
    put_member(writer, ", \"crmfs:nativeType\": ", column->native_type, "");
    if (column->not_null)
        put(writer, ", \"crmfs:notNull\": true");
    if (column->generated)
        put(writer, ", \"crmfs:generated\": true");
    if (column->hidden)
        put(writer, ", \"crmfs:hidden\": true");
    put(writer, "}");
}

/* As the schema spells it: databases that ignore case let keys be declared in any. NULL: unknown.
 */
static const char *find_column(const struct schema *schema, const char *name)
{
    const char *similar = NULL;

    for (size_t index = 0; index < schema->column_count; index++) {
        const char *candidate = schema->columns[index].name;

        if (strcmp(candidate, name) == 0)
            return candidate;
        if (similar == NULL && ascii_equal(candidate, name))
            similar = candidate;
    }
    return similar;
}

static const char *target_column(const struct foreign_key *key, size_t index,
                                 const struct schema *target)
{
    if (key->target_columns != NULL)
        return find_column(target, key->target_columns[index]);
    if (key->count != target->primary_key_count)
        return NULL;
    return target->columns[target->primary_key[index]].name;
}

/* Whether the table that KEY points to, with all the columns, is in the dataset; which it is. */
static bool find_target(struct writer *writer, const struct foreign_key *key, size_t *ret_table)
{
    size_t table;

    if (writer->error != 0)
        return false;

    int error = resource_names_find(writer->of->names, key->target_table, &table);

    if (error != 0) {
        writer->error = error == -ENOENT ? 0 : error;
        return false;
    }
    for (size_t index = 0; index < key->count; index++) {
        if (target_column(key, index, writer->of->schemas[table]) == NULL)
            return false;
    }
    *ret_table = table;
    return true;
}

static void put_foreign_keys(struct writer *writer, size_t table)
{
    const struct schema *schema = writer->of->schemas[table];
    bool first = true;

    for (size_t place = 0; place < schema->foreign_key_count; place++) {
        const struct foreign_key *key = &schema->foreign_keys[place];
        size_t target;

        if (!find_target(writer, key, &target))
            continue;
        put(writer, first ? ",\n    \"foreignKeys\": [\n" : ",\n");
        first = false;
        put(writer, "     {\"fields\": ");
        put_columns(writer, schema, key->columns, key->count);
        put_member(writer, ", \"reference\": {\"resource\": ",
                   target == table ? "" : resource_name(writer->of->names, target),
                   ", \"fields\": [");
        for (size_t index = 0; index < key->count; index++)
            put_member(writer, index == 0 ? "" : ", ",
                       target_column(key, index, writer->of->schemas[target]), "");
        put(writer, "]}}");
    }
    if (!first)
        put(writer, "\n    ]");
}

static void put_schema(struct writer *writer, size_t table)
{
    const struct schema *schema = writer->of->schemas[table];

    put(writer, "   \"schema\": {\n    \"fields\": [\n");
    for (size_t index = 0; index < schema->column_count; index++) {
        put_field(writer, &schema->columns[index]);
        put(writer, index + 1 < schema->column_count ? ",\n" : "\n");
    }
    put(writer, "    ],\n    \"missingValues\": [\"\"]");
    if (schema->primary_key_count > 0) {
        put(writer, ",\n    \"primaryKey\": ");
        put_columns(writer, schema, schema->primary_key, schema->primary_key_count);
    }
    put_foreign_keys(writer, table);
    put(writer, "\n   },\n");
}

static void put_path(struct writer *writer, const char *stem)
{
    cleanup_buffer struct buffer path = BUFFER(writer->output->limit);

    if (writer->error == 0)
        writer->error = buffer_print(&path, "%s.csv", stem);
    put(writer, "   \"path\": ");
    if (writer->error == 0)
        writer->error = json_text_append(writer->output, path.data, path.size);
    put(writer, ",\n");
}

static void put_resource(struct writer *writer, size_t table)
{
    const struct schema *schema = writer->of->schemas[table];

    put(writer, "  {\n   \"profile\": \"tabular-data-resource\",\n");
    put_member(writer, "   \"name\": ", resource_name(writer->of->names, table), ",\n");
    put_member(writer, "   \"title\": ", schema->name, ",\n");
    put_path(writer, writer->of->file_stems[table]);
    put(writer, "   \"format\": \"csv\",\n"
                "   \"mediatype\": \"text/csv\",\n"
                "   \"encoding\": \"utf-8\",\n"
                "   \"dialect\": {\"delimiter\": \",\", \"quoteChar\": \"\\\"\", "
                "\"doubleQuote\": true, \"lineTerminator\": \"\\n\", \"nullSequence\": \"\", "
                "\"skipInitialSpace\": false, \"header\": true},\n");
    put_schema(writer, table);
    put_member(writer, "   \"crmfs:kind\": ", kind_names[schema->kind], ",\n");
    put(writer, "   \"crmfs:orderKey\": ");
    put_columns(writer, schema, schema->order_key, schema->order_key_count);
    put(writer, "\n  }");
}

static void put_head(struct writer *writer)
{
    char name[RESOURCE_NAME_SIZE];

    resource_name_sanitise(writer->of->dataset_name, name);
    put(writer, "{\n \"profile\": \"tabular-data-package\",\n");
    put_member(writer, " \"name\": ", name, ",\n");
    put_member(writer, " \"title\": ", writer->of->dataset_name, ",\n");
    if (writer->error == 0)
        writer->error = buffer_print(writer->output, " \"crmfs:formatVersion\": %d,\n",
                                     DESCRIPTOR_FORMAT_VERSION);
    put(writer, conventions);
    put(writer, " \"resources\": [");
}

int descriptor_create(const char *dataset_name, struct schema *const *schemas,
                      const char *const *file_stems, size_t count,
                      struct descriptor **ret_descriptor)
{
    struct descriptor *descriptor = malloc(sizeof *descriptor);

    if (descriptor == NULL)
        return -ENOMEM;
    *descriptor = (struct descriptor){
        .dataset_name = dataset_name, .schemas = schemas, .file_stems = file_stems, .count = count};
    while (descriptor->first < count && schemas[descriptor->first]->is_statement)
        descriptor->first++;

    int error = resource_names_create(schemas, count, &descriptor->names);

    if (error != 0) {
        free(descriptor);
        return error;
    }
    *ret_descriptor = descriptor;
    return 0;
}

int descriptor_write_part(const struct descriptor *descriptor, size_t part, struct buffer *output)
{
    struct writer writer = {.of = descriptor, .output = output};

    if (part == 0) {
        put_head(&writer);
    } else if (part > descriptor->count) {
        put(&writer, descriptor->first < descriptor->count ? "\n ]\n}\n" : "]\n}\n");
    } else if (!descriptor->schemas[part - 1]->is_statement) {
        put(&writer, part - 1 == descriptor->first ? "\n" : ",\n");
        put_resource(&writer, part - 1);
    }
    return writer.error;
}

void descriptor_free(struct descriptor *descriptor)
{
    if (descriptor == NULL)
        return;
    resource_names_free(descriptor->names);
    free(descriptor);
}

int descriptor_write(const char *dataset_name, struct schema *const *schemas,
                     const char *const *file_stems, size_t count, struct buffer *output)
{
    size_t before = output->size;
    struct descriptor *descriptor;
    int error = descriptor_create(dataset_name, schemas, file_stems, count, &descriptor);

    if (error != 0)
        return error;
    for (size_t part = 0; part < count + 2 && error == 0; part++)
        error = descriptor_write_part(descriptor, part, output);
    descriptor_free(descriptor);
    if (error != 0)
        output->size = before;
    return error;
}
