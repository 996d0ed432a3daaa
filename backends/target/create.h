/* SPDX-License-Identifier: MIT */
/*
 * A table of one database described for another: types that hold every value, keys, indexes.
 * Between databases of one kind the native types go over as they are.
 */
#ifndef CRMFS_TARGET_CREATE_H
#define CRMFS_TARGET_CREATE_H

#include "backends/source/schema.h"
#include "backends/target/fit.h"
#include "backends/target/rules.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"

/* What the statements that made a table say beyond its schema. */
struct table_index {
    char *name; /* "" when none is given */
    bool is_unique;
    size_t count;
    size_t *columns;
};
struct table_extras {
    enum target_engine engine; /* where they are from */
    size_t index_count;
    struct table_index *indexes; /* over plain columns, the primary key not among them */
    bool *counts;                /* of each column: it counts by itself */
    size_t counting;             /* the one that does in another database; SIZE_MAX: none */
    size_t left_out;             /* indexes that are over more than plain columns */
    size_t exclusions;           /* EXCLUDE constraints, which only PostgreSQL has */
    struct table_rules rules;
};

/* Reads SCHEMA's ddl, of a source of KIND. What makes no sense in it is passed over. 0, -ENOMEM. */
int table_extras_read(const struct schema *schema, const char *kind,
                      struct table_extras *ret_extras);
void table_extras_release(struct table_extras *extras); /* zeroed: nothing happens */

/* "sqlite", "mysql", "postgresql" as an engine; ENGINE_SQLITE for what is neither. */
enum target_engine target_engine_of(const char *kind);

/* How names are quoted. */
int create_add_name(enum target_engine engine, const char *name, struct buffer *sql);

/* -EINVAL in words: the name of LIKE, or of one of its columns, is none that ENGINE keeps. */
int create_check_names(enum target_engine engine, const struct schema *like,
                       struct failure *failure);

/*
 * The type that ENGINE has for COLUMN, as a column of LIKE with number INDEX. Between databases of
 * one kind it is the native one.
 */
#define CREATE_TYPE_SIZE 256
void create_column_type(enum target_engine engine, const struct schema *like, const char *kind,
                        const struct table_extras *extras, const struct column *column,
                        size_t index, char type[CREATE_TYPE_SIZE]);

/*
 * Whether a column of this type of PostgreSQL's can be no identity: BIGINT UNSIGNED as a number of
 * 20 digits. create_table_write makes it a bigserial, whose type is to be altered afterwards.
 */
bool create_counts_otherwise(const char *type);

/*
 * Appends "CREATE TABLE name (…)" for ENGINE but its end, without indexes and foreign keys; and to
 * NOTES, in lines, what of LIKE is not brought along, foreign keys' actions included.
 */
int create_table_write(enum target_engine engine, const struct schema *like, const char *kind,
                       const struct table_extras *extras, const char *name, struct buffer *sql,
                       struct buffer *notes);

/* The lines of NOTES as one text without a final line end, NULL of none; NOTES is released. */
int create_notes(struct buffer *notes, char **ret_text);

/*
 * What index NUMBER of LIKE is called. As it was, but for MySQL's in another database: there it is
 * the table's name alone that tells "by_name" of one table from that of another, and the end that
 * tells both from a table. What is too long is cut, and told from others by a sum of the whole; so
 * is what IS_TAKEN.
 */
#define CREATE_INDEX_NAME_SIZE 256
void create_index_name(enum target_engine engine, const struct schema *like,
                       const struct table_extras *extras, size_t number, bool is_taken,
                       char name[CREATE_INDEX_NAME_SIZE]);

/* Another name for what cannot have NAME: it, cut where there is no room, and a sum. Each NUMBER
 * gives one. */
void create_other_name(enum target_engine engine, const char *name, unsigned number,
                       char other[CREATE_INDEX_NAME_SIZE]);

/* Appends "CREATE [UNIQUE] INDEX index_name ON table_name (…)". */
int create_index_write(enum target_engine engine, const struct schema *like,
                       const struct table_index *index, const char *index_name,
                       const char *table_name, struct buffer *sql);

/*
 * Appends "FOREIGN KEY (…) REFERENCES name (…)" and what it does; TARGET: the schema that it refers
 * to, NAME: what that is called now, quoted.
 */
int create_foreign_key_write(enum target_engine engine, const struct schema *like,
                             const struct foreign_key *key, const struct schema *target,
                             const char *name, const struct table_rules *rules, struct buffer *sql);

#endif
