/* SPDX-License-Identifier: MIT */
#include "fs/tree/file_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/descriptor.h"
#include "fs/tree/file_name.h"

static const char *const extra_names[EXTRA_FILES] = {"datapackage.json", "schema.sql"};

static int name_file(struct file_set *set, const bool *hidden, size_t index)
{
    char *name = NULL;

    if (!file_is_table(set, index))
        name = strdup(extra_names[index - set->table_count * FORMAT_COUNT]);
    else if (asprintf(&name, "%s.%s", set->stems[file_table(index)],
                      table_format_extension(file_format(index))) < 0)
        name = NULL;
    set->names[index] = name;
    if (name == NULL)
        return -ENOMEM;
    return file_is_table(set, index) && hidden[file_table(index)]
               ? 0
               : name_map_add(set->map, name, index);
}

int file_set_create(const char *const *table_names, const bool *hidden, size_t table_count,
                    struct file_set *ret_set)
{
    struct file_set set = {.table_count = table_count};
    size_t count = table_count * FORMAT_COUNT + EXTRA_FILES;
    int error = file_stems_create(table_names, table_count, &set.stems);

    if (error == 0)
        error = name_map_create(&set.map);
    set.names = allocate_array(count, sizeof *set.names);
    if (error == 0 && set.names == NULL)
        error = -ENOMEM;
    for (; set.count < count && error == 0; set.count++)
        error = name_file(&set, hidden, set.count);
    if (error != 0) {
        file_set_release(&set);
        return error;
    }
    *ret_set = set;
    return 0;
}

int file_set_of_stored(const struct stored_source *source, struct file_set *ret_set)
{
    cleanup_free const char **names = allocate_array(source->table_count, sizeof(const char *));
    cleanup_free bool *hidden = allocate_array(source->table_count, sizeof *hidden);

    if (names == NULL || hidden == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < source->table_count; i++) {
        names[i] = source->tables[i].name;
        hidden[i] = stored_table_is_statement(&source->tables[i]);
    }
    return file_set_create(names, hidden, source->table_count, ret_set);
}

void file_set_release(struct file_set *set)
{
    name_map_free(set->map);
    for (size_t i = 0; set->names != NULL && i < set->count; i++)
        free(set->names[i]);
    free(set->names);
    file_stems_free(set->stems);
    *set = (struct file_set){0};
}

bool file_is_shown(const struct file_set *set, size_t index)
{
    return file_set_find(set, set->names[index]) == (ssize_t)index;
}

ssize_t file_set_find(const struct file_set *set, const char *name)
{
    const size_t *index = name_map_find(set->map, name);

    return index != NULL ? (ssize_t)*index : -ENOENT;
}

ssize_t file_set_find_stem(const struct file_set *set, const char *name)
{
    char file[FILE_NAME_MOST_BYTES + 1];
    int length = snprintf(file, sizeof file, "%s.%s", name, table_format_extension(FORMAT_CSV));

    if (length < 0 || (size_t)length >= sizeof file || file_set_find(set, name) >= 0)
        return -ENOENT;

    ssize_t index = file_set_find(set, file);

    return index < 0 ? index : (ssize_t)file_table((size_t)index);
}

static int write_ddl(struct schema *const *schemas, size_t count, struct buffer *text)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        const char *ddl = schemas[i]->ddl;

        if (ddl[0] != '\0')
            error = buffer_print(text, "%s%s\n", text->size != 0 ? "\n" : "", ddl);
    }
    return error;
}

int file_set_write_extra(const struct file_set *set, size_t index, const char *dataset_name,
                         struct schema *const *schemas, struct buffer *text)
{
    if (file_is_extra(set, index, FILE_DDL))
        return write_ddl(schemas, set->table_count, text);
    return descriptor_write(dataset_name, schemas, (const char *const *)set->stems,
                            set->table_count, text);
}
