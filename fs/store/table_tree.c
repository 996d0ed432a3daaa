/* SPDX-License-Identifier: MIT */
/* Trees as JSON. What decodes is encoded again and compared: one tree has one form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/store/json_read.h"
#include "fs/store/json_write.h"
#include "fs/store/tables.h"

#define NAME_LIMIT 255 /* of a folder */
#define TABLES_LIMIT (OBJECT_DATA_LIMIT / 128)

/* ---- What a source lacks ---- */

int stored_names_add(struct stored_names *names, const char *name)
{
    size_t place = 0;
    char **more;
    char *copy;

    while (place < names->count && strcmp(names->names[place], name) < 0)
        place++;
    if (place < names->count && strcmp(names->names[place], name) == 0)
        return 0;
    more = reallocarray((void *)names->names, names->count + 1, sizeof *more);
    copy = strdup(name);
    if (more != NULL)
        names->names = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    memmove((void *)&more[place + 1], (void *)&more[place], (names->count - place) * sizeof *more);
    more[place] = copy;
    names->count++;
    return 0;
}

static bool says_what_it_lacks(const struct stored_source *source)
{
    return source->has_only || source->without.count != 0 || source->lacking.count != 0 ||
           source->unseen;
}

bool stored_source_lacks_more(const struct stored_source *source)
{
    size_t place = 0;

    if (!source->partial)
        return false;
    if (says_what_it_lacks(source))
        return source->has_only || source->without.count != 0 || source->unseen;
    return stored_source_next_lacking(source, &place) == NULL;
}

const char *stored_source_next_lacking(const struct stored_source *source, size_t *place)
{
    if (says_what_it_lacks(source))
        return *place < source->lacking.count ? source->lacking.names[(*place)++] : NULL;
    while (source->partial && *place < source->table_count) {
        const struct stored_table *table = &source->tables[(*place)++];

        if (stored_table_is_statement(table))
            return table->name;
    }
    return NULL;
}

/* ---- Encoding ---- */

static void put_number(struct json_writer *writer, const char *name, uint64_t number)
{
    json_put_name(writer, name);
    json_put_number(writer, number);
}

static void put_table(struct json_writer *writer, const struct stored_table *table)
{
    uint8_t image[OBJECT_REFERENCE_BYTES];

    object_reference_encode(&table->image, image);
    json_open(writer, '{');
    json_put_name(writer, "name");
    json_put_bytes(writer, table->name);
    json_put_name(writer, "image");
    json_put_hex(writer, image, sizeof image);
    put_number(writer, "rows", table->rows);
    put_number(writer, "csv", table->csv_bytes);
    put_number(writer, "ndjson", table->ndjson_bytes);
    json_close(writer, '}');
}

static void put_names(struct json_writer *writer, const char *name,
                      const struct stored_names *names)
{
    json_put_name(writer, name);
    json_open(writer, '[');
    for (size_t i = 0; i < names->count; i++)
        json_put_bytes(writer, names->names[i]);
    json_close(writer, ']');
}

static void put_lack(struct json_writer *writer, const struct stored_source *source)
{
    json_put_name(writer, "partial");
    json_put_flag(writer, true);
    if (source->has_only)
        put_names(writer, "only", &source->only);
    else if (source->without.count != 0)
        put_names(writer, "without", &source->without);
    if (source->lacking.count != 0)
        put_names(writer, "lacking", &source->lacking);
    if (source->unseen) {
        json_put_name(writer, "unseen");
        json_put_flag(writer, true);
    }
}

static void put_source(struct json_writer *writer, const struct stored_source *source)
{
    json_open(writer, '{');
    json_put_name(writer, "name");
    json_put_bytes(writer, source->name);
    json_put_name(writer, "kind");
    json_put_text(writer, source->kind);
    if (source->partial)
        put_lack(writer, source);
    put_number(writer, "time", source->time_ns);
    json_put_name(writer, "tables");
    json_open(writer, '[');
    for (size_t i = 0; i < source->table_count; i++)
        put_table(writer, &source->tables[i]);
    json_close(writer, ']');
    json_close(writer, '}');
}

int stored_tree_encode(const struct stored_tree *tree, struct buffer *output)
{
    struct json_writer writer = {.output = output, .first = true};

    buffer_clear(output);
    json_open(&writer, '{');
    if (tree->lacks_files) {
        json_put_name(&writer, "lacksFiles");
        json_put_flag(&writer, true);
    }
    json_put_name(&writer, "sources");
    json_open(&writer, '[');
    for (size_t i = 0; i < tree->source_count; i++)
        put_source(&writer, &tree->sources[i]);
    json_close(&writer, ']');
    json_close(&writer, '}');
    return writer.error;
}

/* ---- Decoding: 0, -EBADMSG, -ENOMEM ---- */

/* A source's name is a folder's. */
static bool is_folder_name(const char *name)
{
    if (name[0] == '\0' || strlen(name) > NAME_LIMIT || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return false;
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '/')
            return false;
    }
    return true;
}

static int copy_text(const json_t *object, const char *name, size_t most, char **ret_text)
{
    const char *text;

    if (!json_read_text(object, name, most, &text))
        return -EBADMSG;
    *ret_text = strdup(text);
    return *ret_text != NULL ? 0 : -ENOMEM;
}

static int read_table(const json_t *object, struct stored_table *table)
{
    uint8_t image[OBJECT_REFERENCE_BYTES];

    if (!json_read_hex(object, "image", image, sizeof image) ||
        !json_read_number(object, "rows", INT64_MAX, &table->rows) ||
        !json_read_number(object, "csv", INT64_MAX, &table->csv_bytes) ||
        !json_read_number(object, "ndjson", INT64_MAX, &table->ndjson_bytes))
        return -EBADMSG;
    table->image = object_reference_decode(image);
    return json_copy_bytes(json_object_get(object, "name"), &table->name);
}

static int read_tables(const json_t *object, struct stored_source *source)
{
    cleanup_name_map struct name_map *names = NULL;
    const json_t *array;

    if (!json_read_array(object, "tables", TABLES_LIMIT, &array))
        return -EBADMSG;
    source->tables = allocate_array(json_array_size(array), sizeof *source->tables);
    if (source->tables == NULL)
        return -ENOMEM;

    int error = name_map_create(&names);

    for (size_t i = 0; i < json_array_size(array) && error == 0; i++) {
        source->table_count++;
        error = read_table(json_array_get(array, i), &source->tables[i]);
        if (error == 0)
            error = name_map_add(names, source->tables[i].name, i);
    }
    return error == -EEXIST ? -EBADMSG : error;
}

/* Member NAME, which need not be there. In another order they are not in the one form of a tree. */
static int read_names(const json_t *object, const char *name, struct stored_names *names)
{
    const json_t *array;
    int error = 0;

    if (json_object_get(object, name) == NULL)
        return 0;
    if (!json_read_array(object, name, TABLES_LIMIT, &array))
        return -EBADMSG;
    names->names = allocate_array(json_array_size(array), sizeof *names->names);
    if (names->names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(array) && error == 0; i++) {
        error = json_copy_bytes(json_array_get(array, i), &names->names[i]);
        if (error != 0)
            break;
        names->count++;
        if (i > 0 && strcmp(names->names[i - 1], names->names[i]) >= 0)
            error = -EBADMSG;
    }
    return error;
}

static int read_lack(const json_t *object, struct stored_source *source)
{
    int error = read_names(object, "only", &source->only);

    source->partial = json_object_get(object, "partial") != NULL;
    source->has_only = json_object_get(object, "only") != NULL;
    source->unseen = json_object_get(object, "unseen") != NULL;
    if (error == 0)
        error = read_names(object, "without", &source->without);
    return error == 0 ? read_names(object, "lacking", &source->lacking) : error;
}

static int read_source(const json_t *object, struct stored_source *source)
{
    int error = json_copy_bytes(json_object_get(object, "name"), &source->name);

    if (error == 0)
        error = copy_text(object, "kind", TREE_KIND_LIMIT, &source->kind);
    if (error == 0)
        error = read_lack(object, source);
    if (error == 0 && (!is_folder_name(source->name) ||
                       !json_read_number(object, "time", INT64_MAX, &source->time_ns)))
        error = -EBADMSG;
    return error == 0 ? read_tables(object, source) : error;
}

static int read_sources(const json_t *array, struct stored_tree *tree)
{
    tree->sources = allocate_array(json_array_size(array), sizeof *tree->sources);
    if (tree->sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(array); i++) {
        tree->source_count++;

        int error = read_source(json_array_get(array, i), &tree->sources[i]);

        if (error != 0)
            return error;
        if (i > 0 && strcmp(tree->sources[i - 1].name, tree->sources[i].name) >= 0)
            return -EBADMSG;
    }
    return 0;
}

static int check_form(const struct stored_tree *tree, const void *bytes, size_t size)
{
    cleanup_buffer struct buffer again = BUFFER(OBJECT_DATA_LIMIT);
    int error = stored_tree_encode(tree, &again);

    if (error == -EFBIG)
        return -EBADMSG;
    if (error == 0 && (again.size != size || memcmp(again.data, bytes, size) != 0))
        return -EBADMSG;
    return error;
}

int stored_tree_decode(const void *bytes, size_t size, struct stored_tree *ret_tree)
{
    cleanup_json json_t *object = NULL;
    struct stored_tree tree = {.source_count = 0};
    const json_t *array;
    int error = json_read_object(bytes, size, &object);

    if (error != 0)
        return error;
    if (!json_read_array(object, "sources", TREE_SOURCES_LIMIT, &array))
        return -EBADMSG;
    tree.lacks_files = json_object_get(object, "lacksFiles") != NULL;
    error = read_sources(array, &tree);
    if (error == 0)
        error = check_form(&tree, bytes, size);
    if (error != 0) {
        stored_tree_release(&tree);
        return error;
    }
    *ret_tree = tree;
    return 0;
}

static void release_names(struct stored_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free((void *)names->names);
}

void stored_source_release(struct stored_source *source)
{
    for (size_t i = 0; i < source->table_count; i++)
        free(source->tables[i].name);
    free(source->tables);
    free(source->name);
    free(source->kind);
    release_names(&source->only);
    release_names(&source->without);
    release_names(&source->lacking);
    *source = (struct stored_source){.name = NULL};
}

void stored_tree_release(struct stored_tree *tree)
{
    for (size_t i = 0; i < tree->source_count; i++)
        stored_source_release(&tree->sources[i]);
    free(tree->sources);
    *tree = (struct stored_tree){.source_count = 0};
}
