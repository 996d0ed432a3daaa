/* SPDX-License-Identifier: MIT */
/* A source's own statements, read for what a table of another database can have of them. */
#ifndef CRMFS_TARGET_DDL_H
#define CRMFS_TARGET_DDL_H

#include <string.h>

#include "backends/source/sql_lexer.h"
#include "backends/target/fit.h"

/* Over DDL, which is borrowed. */
static inline struct sql_lexer ddl_lexer(enum target_engine engine, const char *ddl)
{
    return (struct sql_lexer){
        .dialect = engine == ENGINE_MYSQL      ? SQL_MYSQL
                   : engine == ENGINE_POSTGRES ? SQL_POSTGRES
                                               : SQL_SQLITE,
        .backslash = engine == ENGINE_MYSQL,
        .ansi_quotes = engine != ENGINE_MYSQL,
        .at = ddl,
        .end = ddl + strlen(ddl),
    };
}

/* Whether there is nothing more. */
static inline bool ddl_ended(const struct sql_lexer *lexer)
{
    return lexer->at == lexer->end || sql_peek(lexer).type == SQL_END;
}

#endif
