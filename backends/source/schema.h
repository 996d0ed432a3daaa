/* SPDX-License-Identifier: MIT */
/*
 * What a source says of a table: its columns, keys and DDL. A schema is made
 * once by a source, is never changed afterwards, and is shared by counting.
 */
#ifndef CRMFS_SOURCE_SCHEMA_H
#define CRMFS_SOURCE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The canonical types; each source maps its own onto them and keeps its own name beside. */
enum column_type {
    COLUMN_ANY, /* no declared type: each cell has its own */
    COLUMN_INTEGER,
    COLUMN_DECIMAL,
    COLUMN_FLOAT,
    COLUMN_BOOLEAN,
    COLUMN_TEXT,
    COLUMN_BYTES,
    COLUMN_DATE,
    COLUMN_TIME,
    COLUMN_DATETIME,
    COLUMN_TIMESTAMP,
    COLUMN_JSON,
    COLUMN_UUID,
};

enum relation_kind {
    RELATION_TABLE,
    RELATION_VIEW,
    RELATION_VIRTUAL,     /* SQLite's virtual tables, PostgreSQL's foreign tables */
    RELATION_STORED_VIEW, /* a materialised view: rows of its own, which nobody writes */
};

struct column {
    char *name;        /* valid UTF-8 */
    char *native_type; /* the source's own words, "" when none */
    enum column_type type;
    bool not_null;
    bool generated;
    bool hidden;
};

struct foreign_key {
    size_t count;          /* columns of the key */
    size_t *columns;       /* indexes into the schema's columns */
    char *target_table;    /* the table's name */
    char **target_columns; /* names, or NULL: the target's primary key */
};

struct schema {
    unsigned references; /* atomic */
    char *name;          /* as the source spells it, valid UTF-8 or not; no NUL */
    enum relation_kind kind;
    bool is_statement; /* a view of which nothing but its statement is known, as a dump has it: no
                          columns, no rows, and no files of them */
    size_t column_count;
    struct column *columns;
    size_t primary_key_count; /* 0: no primary key */
    size_t *primary_key;      /* column indexes in key order */
    size_t order_key_count;   /* the columns that the rows are sorted by and cut on; 0: hidden rowid
                                 or whole row */
    size_t *order_key;
    size_t foreign_key_count;
    struct foreign_key *foreign_keys;
    char *ddl; /* the source's own statements for this table, without a final newline; "" when it
                  has none */
};

/* An empty schema named NAME with room for COLUMN_COUNT columns, one reference; NULL: no memory. */
struct schema *schema_create(const char *name, size_t column_count);
/* One that says the same, to be changed before it is shared. NULL: no memory. */
struct schema *schema_copy(const struct schema *schema);
struct schema *schema_reference(struct schema *schema);
void schema_release(struct schema *schema); /* NULL is allowed */

/*
 * Takes over what the source calls the type of column INDEX, whose predecessors have theirs: wide
 * tables say the same of most columns, and neighbours share it. The columns stay in this order.
 */
void schema_take_native_type(struct schema *schema, size_t index, char *text);

/* "integer", "decimal", … "uuid", "any": a static string. */
const char *column_type_name(enum column_type type);

/* The memory that it takes, about. */
size_t schema_memory_bytes(const struct schema *schema);

/* Whether both describe the same table in the same words, DDL included. */
bool schema_equal(const struct schema *left, const struct schema *right);

/* Parts of that: lists of columns; the keys, but for the foreign ones. */
bool schema_indexes_equal(const size_t *left, size_t left_count, const size_t *right,
                          size_t right_count);
bool schema_keys_equal(const struct schema *left, const struct schema *right);

#endif
