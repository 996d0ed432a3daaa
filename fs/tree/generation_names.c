/* SPDX-License-Identifier: MIT */
/* What the files and tables of a generation are called. */
#include <errno.h>
#include <string.h>

#include "fs/tree/generation.h"
#include "fs/tree/generation_internal.h"

size_t generation_file_count(const struct generation *generation)
{
    return generation->set.count;
}

const char *generation_file_name(const struct generation *generation, size_t index)
{
    return generation->set.names[index];
}

bool generation_file_is_shown(const struct generation *generation, size_t index)
{
    return file_is_shown(&generation->set, index);
}

uint64_t generation_file_inode(const struct generation *generation, size_t index)
{
    return generation->files[index].node.inode;
}

ssize_t generation_find(const struct generation *generation, const char *name)
{
    return file_set_find(&generation->set, name);
}

static bool is_keyed(const struct generation *generation, size_t table)
{
    struct record_key key;

    return record_key_of(generation->tables[table].schema, &key);
}

ssize_t generation_find_keyed(const struct generation *generation, const char *name)
{
    ssize_t table = generation->raw != NULL && strcmp(name, GENERATION_RAW) == 0
                        ? -ENOENT
                        : file_set_find_stem(&generation->set, name);

    return table >= 0 && !is_keyed(generation, (size_t)table) ? -ENOENT : table;
}

size_t generation_table_count(const struct generation *generation)
{
    return generation->table_count;
}

const char *generation_records_name(const struct generation *generation, size_t table)
{
    const char *stem = generation->set.stems[table];

    return generation_find_keyed(generation, stem) == (ssize_t)table ? stem : NULL;
}

const struct schema *generation_schema(const struct generation *generation, size_t table)
{
    return generation->tables[table].schema;
}

ssize_t generation_find_file_table(const struct generation *generation, const char *name,
                                   enum table_format *ret_format)
{
    ssize_t index = file_set_find(&generation->set, name);

    if (index < 0 || !file_is_table(&generation->set, (size_t)index))
        return -ENOENT;
    *ret_format = file_format((size_t)index);
    return (ssize_t)file_table((size_t)index);
}
