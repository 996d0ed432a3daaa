/* SPDX-License-Identifier: MIT */
/*
 * The statements of PostgreSQL's tables that are not one table's alone, as a dataset's schemas have
 * them: what several tables need (a schema, a type, a sequence), and what ties two together (a
 * foreign key, inheritance). Names are compared as they are spelled: with their schema, in quotes
 * where they need them.
 */
#ifndef CRMFS_RESTORE_STATEMENT_LIST_H
#define CRMFS_RESTORE_STATEMENT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/source.h"
#include "backends/source/sql_lexer.h"

/* Things in the order in which they are made; then ties. */
enum stated_kind { STATED_SCHEMA, STATED_TYPE, STATED_SEQUENCE, STATED_KEY, STATED_HEIR };

struct stated {
    enum stated_kind kind;
    size_t table; /* the dataset's, with whose statements it stands */
    char *text;   /* without a semicolon */
    char *name;   /* what it makes; of ties, the table that refers or inherits */
    char *parent; /* of ties, the other one; NULL: it is none */
    bool needed;  /* the user's */
};

struct statement_list {
    size_t count;
    struct stated *items; /* table after table */
    size_t table_count;
    char **made; /* what CREATE TABLE calls each of the dataset's tables; NULL: it has none */
    size_t partition_count;
    struct stated_partition {
        char *name;
        size_t table; /* the dataset's, which it is a part of */
    } * partitions;
};

/* Reads the schemas of DATASET. 0, -ENOMEM. */
int statement_list_read(const struct dataset *dataset, struct statement_list **ret_list);
void statement_list_free(struct statement_list *list); /* NULL is allowed */

/* The dataset's number of the table that is spelled so, or has a partition that is; SIZE_MAX: it
 * has none. */
size_t statement_list_table(const struct statement_list *list, const char *name);

/*
 * The next statement, without its semicolon, the caller's; NULL: there is none. *ret_is_own: it is
 * none that the list has. 0, -ENOMEM.
 */
int statement_list_next(const struct statement_list *list, struct sql_lexer *lexer, char **ret_text,
                        bool *ret_is_own);

#endif
