/* SPDX-License-Identifier: MIT */
#include "tools/diff_sequence.h"

#include <string.h>

#include "fs/table/stored_table.h"

/* 1, 0, -errno. */
static int is_sequence(struct object_reader *reader, const struct stored_table *table,
                       struct failure *failure)
{
    struct schema *schema;
    int error = stored_table_schema(reader, &table->image, &schema, failure);
    const char *options;
    int found;

    if (error != 0)
        return error;
    options = strstr(schema->ddl, "\n) ENGINE=");
    found = options != NULL && strstr(options, " SEQUENCE=1") != NULL;
    schema_release(schema);
    return found;
}

/* Whether any table of SOURCE is one. 1, 0, -errno. */
static int has_sequences(struct object_reader *reader, const struct stored_source *source,
                         struct failure *failure)
{
    int found = 0;

    for (size_t i = 0; i < source->table_count && found == 0; i++)
        found = is_sequence(reader, &source->tables[i], failure);
    return found;
}

int diff_is_untold_sequence(struct object_reader *reader, const struct diff_pair *pair,
                            const struct stored_tree *other, bool *ret_untold,
                            struct failure *failure)
{
    const struct stored_table *table = pair->from != NULL ? pair->from : pair->to;
    int found;

    *ret_untold = false;
    if ((pair->from != NULL && pair->to != NULL) || strcmp(pair->kind, "mysql") != 0)
        return 0;
    found = is_sequence(reader, table, failure);
    if (found <= 0)
        return found;
    for (size_t i = 0; i < other->source_count; i++) {
        if (strcmp(other->sources[i].name, pair->source) != 0)
            continue;
        found = has_sequences(reader, &other->sources[i], failure);
        *ret_untold = found == 0;
    }
    return found < 0 ? found : 0;
}
