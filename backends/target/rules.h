/* SPDX-License-Identifier: MIT */
/*
 * What the statements that made a table say of its values beyond their types: defaults, checks, and
 * what foreign keys do when a row goes or changes. Another database is told what it means the same
 * by; the rest is put into words.
 */
#ifndef CRMFS_TARGET_RULES_H
#define CRMFS_TARGET_RULES_H

#include "backends/source/schema.h"
#include "backends/target/fit.h"
#include "fs/base/buffer.h"

enum default_kind {
    DEFAULT_NONE, /* or NULL */
    DEFAULT_NUMBER,
    DEFAULT_TEXT,
    DEFAULT_TRUTH, /* "1" or "0" */
    DEFAULT_NOW,
    DEFAULT_OTHER, /* an expression */
};
struct default_rule {
    enum default_kind kind;
    char *text;   /* NULL: none */
    bool in_utc;  /* of DEFAULT_NOW: by the clock of UTC, whatever the session's zone is */
    bool renewed; /* set again whenever the row is changed (MySQL's ON UPDATE) */
};

enum key_act { KEY_REFUSE, KEY_CASCADE, KEY_SET_NULL, KEY_SET_DEFAULT };
struct key_rule {
    size_t count;
    size_t *columns; /* that refer */
    enum key_act on_delete, on_update;
};

/* A condition of column names, numbers, texts, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL. */
struct check_token {
    enum check_token_kind { CHECK_COLUMN, CHECK_NUMBER, CHECK_TEXT, CHECK_WORD } kind;
    size_t column;
    char *text; /* NULL of a column */
};
struct check_rule {
    size_t count;
    struct check_token *tokens;
};

struct table_rules {
    size_t column_count;
    struct default_rule *defaults; /* of each column */
    size_t key_count;
    struct key_rule *keys;
    size_t check_count;
    struct check_rule *checks;
    size_t checks_left_out; /* that say more than a check_rule can */
    size_t triggers;
};

/*
 * Reads SCHEMA's ddl, of a source of KIND; of what is no database there are no rules. What makes no
 * sense is passed over. 0, -ENOMEM.
 */
int table_rules_read(const struct schema *schema, const char *kind, struct table_rules *ret_rules);
void table_rules_release(struct table_rules *rules); /* zeroed: nothing happens */

/*
 * Each appends what ENGINE is told to SQL, and in a line to NOTES what it is not. LIKE: the table's
 * schema; TYPE: what the column is in ENGINE.
 */
int rules_add_default(enum target_engine engine, const struct table_rules *rules,
                      const struct schema *like, size_t column, const char *type,
                      struct buffer *sql, struct buffer *notes);
/* ",\n  CHECK (…)" each. */
int rules_add_checks(enum target_engine engine, const struct table_rules *rules,
                     const struct schema *like, struct buffer *sql, struct buffer *notes);
/* " ON DELETE … ON UPDATE …" of a foreign key. */
int rules_add_acts(enum target_engine engine, const struct table_rules *rules,
                   const struct schema *like, const struct foreign_key *key, struct buffer *sql,
                   struct buffer *notes);

#endif
