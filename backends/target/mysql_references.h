/* SPDX-License-Identifier: MIT */
/*
 * Foreign keys as the server has them: those of the target's own tables, to whatever database, and
 * those of other databases' tables to the target's, which no source shows. Of tables on which the
 * user has no right at all the server tells nothing.
 */
#ifndef CRMFS_TARGET_MYSQL_REFERENCES_H
#define CRMFS_TARGET_MYSQL_REFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"

struct mysql_target;

struct mysql_reference {
    char *child_database; /* NULL: the target's own */
    char *child;          /* under the name that the table has now */
    char *parent_database;
    char *parent;
    size_t count;
    char **columns; /* of the child, and what each refers to */
    char **parent_columns;
};

struct mysql_references {
    struct mysql_reference *items;
    size_t count;
    bool known;
};

/*
 * Keys of the target's own tables: asked once, after new ones have theirs; keys of others, which
 * takes reading the definitions of all tables that the user sees. Borrowed.
 */
int mysql_own_references(struct mysql_target *target, const struct mysql_references **ret_keys,
                         struct failure *failure);
int mysql_outside_references(struct mysql_target *target, const struct mysql_references **ret_keys,
                             struct failure *failure);
void mysql_references_release(struct mysql_references *keys);

/* Whether the table NAME of the target's own is what KEY refers to. */
bool mysql_refers_to(const struct mysql_reference *key, const char *name);

/* A table in SQL: "`crm`.`contacts`", without DATABASE where that is NULL. */
int mysql_add_table(struct buffer *text, const char *database, const char *table);

/* "p.a = c.b AND …", PARENT being what stands for p. */
int mysql_add_match(struct buffer *text, const struct mysql_reference *key, const char *parent);

/* "FIRSTc.aAFTER NEXTc.bAFTER …" of the child's columns. */
int mysql_add_child_columns(struct buffer *text, const struct mysql_reference *key,
                            const char *first, const char *next, const char *after);

/* For messages: a format and its arguments. */
#define MYSQL_TABLE_FORMAT "%s%s%s"
#define MYSQL_TABLE_SHOWN(database, table) \
    (database) != NULL ? (database) : "", (database) != NULL ? "." : "", table

#endif
