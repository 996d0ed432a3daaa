/* SPDX-License-Identifier: MIT */
/* DROP TABLE, DROP VIEW. */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

/* What there is of that name may be of the other kind: a table that stands in for a view. */
static int drop_named(struct dump_reader *reader, const char *database, const char *name,
                      bool is_view)
{
    struct dump_table *table = dump_table_find(reader, database, name);

    return table != NULL && (table->kind != RELATION_TABLE) == is_view
               ? dump_table_drop(reader, table)
               : 0;
}

int dump_drop(struct dump_reader *reader, struct sql_lexer *lexer)
{
    bool temporary = sql_accept(lexer, "TEMPORARY"); /* MySQL's, and of nothing else then */
    int error = 0;

    sql_accept(lexer, "MATERIALIZED");

    bool is_view = sql_accept(lexer, "VIEW");

    if (!is_view && !sql_accept(lexer, "TABLE"))
        return 0;
    if (sql_accept(lexer, "IF"))
        sql_accept(lexer, "EXISTS");
    do {
        cleanup_free char *database = NULL;
        cleanup_free char *name = NULL;

        if (dump_take_name(lexer, &database, &name) != 0)
            return 0;
        if (!is_view && dump_table_is_temporary(reader, database, name))
            dump_table_drop_temporary(reader, database, name);
        else if (!temporary)
            error = drop_named(reader, database, name, is_view);
    } while (error == 0 && sql_accept(lexer, ","));
    return error;
}
