/* SPDX-License-Identifier: MIT */
/*
 * What the dump reader knows of tables, and how it comes to know it: out of CREATE TABLE, what
 * follows on it, and what makes it again. The rest of the reader is in dump_internal.h.
 */
#ifndef CRMFS_SOURCE_DUMP_TABLES_H
#define CRMFS_SOURCE_DUMP_TABLES_H

#include <stdint.h>
#include <sys/types.h>

#include "backends/source/schema.h"
#include "backends/source/sql_lexer.h"
#include "backends/source/stream.h"
#include "fs/base/failure.h"

#define DUMP_COLUMNS_LIMIT ((size_t)4096)

/* --- dump_type ---------------------------------------------------------------------------- */

/* What a column's literals become. */
enum dump_value {
    VALUE_ANY, /* what the literal says: SQLite, and columns of which nothing is known */
    VALUE_NUMBER,
    VALUE_DIGITS, /* … of which zeros in front are a part: ZEROFILL, YEAR */
    VALUE_DOUBLE, /* written as crmfs writes doubles */
    VALUE_FLOAT,  /* … and floats */
    VALUE_TEXT,
    VALUE_MOMENTS, /* a text with moments in it, written in UTC */
    VALUE_BYTES,
    VALUE_HEX_BYTES, /* PostgreSQL's bytea: \x and digits, in its strings */
    VALUE_BITS,      /* MySQL's BIT: bytes as a number */
    VALUE_BOOLEAN,
};

struct dump_type {
    enum column_type type;
    enum dump_value value;
    enum key_order order;
    uint8_t wraps[KEY_WRAPS_MOST]; /* of PostgreSQL's: … of what is in them */
    bool sortable;             /* PostgreSQL's live source sorts by its values, not by its text */
    struct key_labels *labels; /* of KEY_LABELS; the reader's */
    const char *charset; /* of MySQL's texts, where the dump has their own bytes; NULL: UTF-8 */
};

/* Of a type as CREATE TABLE has it, of SIZE bytes: "int(11) unsigned", "character varying(40)". It
 * is no array. COLLATION: NULL when none is given. */
struct dump_type dump_type_of(enum sql_dialect dialect, const char *native, size_t size,
                              const char *collation);

/*
 * A type of PostgreSQL's without quotes that need not be, and without the name of its own schema:
 * "pg_catalog"."bytea" is bytea. The caller's; NULL: no memory.
 */
char *dump_postgres_type(const char *type, size_t size);

/* --- dump_table --------------------------------------------------------------------------- */

struct dump_column {
    char *name;
    char *native;
    char *collation; /* NULL: none is given */
    char *charset;   /* NULL: none is given */
    struct dump_type type;
    bool not_null;
    bool numbered; /* NULL in a row stands for the next number: SQLite's INTEGER PRIMARY KEY */
    bool generated;
    bool defaulted; /* a row that says nothing of it has something else than NULL */
    bool invisible; /* INSERT without names leaves it out */
    bool ends_row;  /* until when the row is there, of a table WITH SYSTEM VERSIONING */
    bool inherited; /* a parent's, of which the table's own statement does not speak */
    bool left_out;  /* generated or invisible, and the dump does not have its values … */
    bool computed;  /* … but they are made */
};

/* Indexes into the table's columns. */
struct dump_key {
    char *name; /* of a unique key, NULL: none */
    size_t count;
    size_t *columns;
};

struct dump_foreign_key {
    struct dump_key key;
    char *target_database; /* NULL: none */
    char *target_table;
    size_t target_count;
    char **target_columns;
};

struct dump_computer;
struct dump_load;
struct dump_reader;

struct dump_table {
    char *connected; /* PostgreSQL's database; NULL: none is named */
    char *database;  /* "": none; MySQL's database, PostgreSQL's schema */
    char *name;
    char *key;               /* by which it is found: database, NUL as '\n', name */
    enum relation_kind kind; /* a view has no columns */
    size_t column_count;
    struct dump_column *columns;
    struct dump_key primary;
    size_t unique_count;
    struct dump_key *uniques; /* in the order of the dump */
    size_t foreign_count;
    struct dump_foreign_key *foreigns;
    char *ddl;                /* what makes it … */
    unsigned folds;           /* how often dump_fold was asked to add to that */
    char *needed;             /* what it needs, set by dump_ddl_settle; NULL: nothing */
    char *needed_later;       /* … and what its additions do */
    char *partitions;         /* … and its partitions; NULL: none … */
    char *additions;          /* … and what is added afterwards, of PostgreSQL's; NULL */
    char *collation;          /* the table's own; NULL */
    char *charset;            /* … and its character set; NULL */
    size_t inherited_count;   /* columns that are its parents' …: the first ones */
    struct dump_table *whole; /* PostgreSQL: it is a partition of that one, and not shown; NULL */
    size_t part_count;        /* of its partitions, if any */
    bool divided;             /* PostgreSQL: PARTITION BY, so that all its rows are theirs */
    bool named_by_rows;       /* there is no CREATE TABLE: columns are those of the first INSERT */
    bool misplaced;           /* columns were added or moved later, which was not carried out */
    bool of_query;            /* CREATE TABLE … SELECT: its first rows are those of a query */
    bool versioned;           /* WITH SYSTEM VERSIONING: the dump may have rows that were … */
    bool history_told;        /* … and it was told */
    struct dump_key order;    /* set by dump_sqlite; else made of the keys … */
    struct key_term *terms;   /* … as these */
    bool order_known;

    bool begun;   /* the taker knows it as number */
    bool changed; /* keys were added since */
    bool failed;
    bool dropped;
    bool seen;              /* rows of it were said to follow, if only none */
    bool changed_later;     /* … and others to become of them: it was told */
    enum same_key same_key; /* as its statements have it; SAME_KEY_ROWS: they do not say … */
    bool merged;            /* … which cannot be looked for: it was told */
    bool finished;
    bool temporary; /* it ends with who made it: it counts as dropped, and … */
    bool hides;     /* … while it is there, the name is not that of … */
    size_t hidden;  /* … this one of the reader's tables */
    bool mangled;   /* some of its bytes became text: it was told */
    size_t number;
    uint64_t rows;          /* that were handed over */
    uint64_t rows_expected; /* as the dump says itself; 0: it does not */
    uint64_t files;         /* of its rows, that have a number … */
    uint64_t files_begin;   /* … and the lowest number … */
    uint64_t files_end;     /* … and the highest, plus 1 */
    size_t shown_count;     /* columns without those that are left out */
    size_t *shown;          /* a column's place among them, SIZE_MAX for those that are left out */
    struct dump_load *load; /* how files of its rows are written; NULL: none was said */
    struct dump_computer *computer; /* NULL: none is computed */
};

/* A type, a sequence or a schema of PostgreSQL's, which tables need. */
struct dump_object {
    char *name; /* as statements spell it */
    char *text; /* what makes it */
    bool used;  /* a table has it */
};

/* PostgreSQL's CREATE DOMAIN, another name for a type; or CREATE TYPE … AS ENUM, or MySQL's ENUM.
 */
struct dump_domain {
    char *name;                /* as columns have it: "public.email", "enum('a','b')" */
    char *base;                /* NULL: it is an enumeration … */
    bool is_range;             /* … or what a range, or a multirange, consists of */
    char *collation;           /* of its values; NULL: none is given */
    struct key_labels *labels; /* … of these; NULL */
};

void dump_table_free(struct dump_table *table);

/* Forgets what its statement says: its columns, its keys, what its texts are in. */
void dump_table_empty(struct dump_table *table);

/* Adds an empty key, or a foreign one; NULL: no memory. */
struct dump_key *dump_table_add_unique(struct dump_table *table);
struct dump_foreign_key *dump_table_add_foreign(struct dump_table *table);

/* Adds a column, all zeros. 0; -EILSEQ: there are too many; -ENOMEM. */
int dump_table_add_column(struct dump_table *table, struct dump_column **ret_column);
void dump_column_release(struct dump_column *column);

/* The column's index, by name, if need be without regard to case; -1: none. */
ssize_t dump_table_column(const struct dump_table *table, const char *name);

/*
 * A shown column of TABLE that a row with COUNT values, each for the shown column PLACES[i] or for
 * none (SIZE_MAX), says nothing of, and that is not NULL then. NULL: there is none.
 */
const struct dump_column *dump_table_unsaid(const struct dump_table *table, const size_t *places,
                                            size_t count);

/* Whether values of columns are not in the dump. */
bool dump_has_left_out(const struct dump_table *table);

/* A new table of that name, empty, the reader's own; a table of that name that is there already is
 * forgotten (it was dropped). */
int dump_table_add(struct dump_reader *reader, const char *database, const char *name,
                   struct dump_table **ret_table);

/* A temporary table of that name comes: what is said of that name is not told; goes again. */
int dump_table_add_temporary(struct dump_reader *reader, const char *database, const char *name);
void dump_table_drop_temporary(struct dump_reader *reader, const char *database, const char *name);

/* Whether there is, or was, a table of that name; whether a temporary one is. */
bool dump_table_was_there(const struct dump_reader *reader, const char *database, const char *name);
bool dump_table_is_temporary(const struct dump_reader *reader, const char *database,
                             const char *name);

/* NULL: there is none. */
struct dump_table *dump_table_find(struct dump_reader *reader, const char *database,
                                   const char *name);

/*
 * Tells the taker of the table, or of what has changed. Columns stay as they are from then on: a
 * table with generated columns waits for its first row.
 */
int dump_table_tell(struct dump_reader *reader, struct dump_table *table, struct failure *failure);

/* The table fails, for the dump ends where there should be more: cut short, or damaged. */
int dump_table_cut(struct dump_reader *reader, struct dump_table *table);

/* What it is called to users, the caller's; NULL: no memory. */
char *dump_shown_name(const struct dump_reader *reader, const struct dump_table *table);

/* The dump drops it. 0 or -errno. */
int dump_table_drop(struct dump_reader *reader, struct dump_table *table);

/*
 * Where the dump is of a program that writes one table after another, keys and all, those that
 * came before this place are finished.
 */
int dump_tables_finish(struct dump_reader *reader, struct failure *failure);

/* Whether rows of one key can be told, by the key that its rows are sorted by. */
bool dump_is_sortable(const struct dump_table *table);

/* The table fails, wherever the window stands. */
int dump_table_lose(struct dump_reader *reader, struct dump_table *table, const char *words);

/* The dump has none of its rows, and nothing is damaged: there is nothing to read. */
int dump_table_leave_out(struct dump_reader *reader, struct dump_table *table, const char *words);

/* The table fails, at the window's place. */
int dump_table_fail(struct dump_reader *reader, struct dump_table *table, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What is wrong here and is no single table's matter, or may be no fault: as a taker's trouble. */
void dump_tell(const struct dump_reader *reader, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- dump_create, dump_key, dump_alter, dump_sqlite ----------------------------------------- */

/* The statement is CREATE TABLE …: adds the table. -EILSEQ with words: makes no sense. */
int dump_create_table(struct dump_reader *reader, struct failure *failure);

/* … CREATE TEMPORARY TABLE …, LEXER standing before TABLE: its rows are passed over. 0, -ENOMEM. */
int dump_create_temporary(struct dump_reader *reader, struct sql_lexer *lexer);

/*
 * A type that LEXER stands before: "int(11) unsigned", "character varying(40)[]"; PostgreSQL's may
 * be quoted, or of a schema, and are given as the server itself calls them. The caller's; NULL: no
 * memory.
 */
char *dump_take_type(struct sql_lexer *lexer);

/* One column's definition, to the comma or parenthesis that ends it. 0; -EILSEQ: it is none. */
int dump_take_column(struct sql_lexer *lexer, struct dump_table *table);

/* … CREATE DOMAIN …, CREATE TYPE … AS ENUM …, AS RANGE …: notes it. */
int dump_create_domain(struct dump_reader *reader);

/* The columns of MySQL's ENUMs are ordered as their values were declared. 0 or -ENOMEM. */
int dump_label_columns(struct dump_reader *reader, struct dump_table *table);

/* A type of PostgreSQL's behind all domains, arrays and ranges of the dump's own. */
struct dump_base {
    const char *name; /* without the brackets of an array: the first SIZE bytes */
    size_t size;
    size_t wrap_count; /* what it is in; more than there is room for are not known */
    uint8_t wraps[KEY_WRAPS_MOST];
    const char *collation;     /* NULL: none is given */
    struct key_labels *labels; /* of an enumeration; NULL */
};
struct dump_base dump_base_of(const struct dump_reader *reader, const char *type,
                              const char *collation);

/*
 * "(`a`,`b`(10) DESC)" as columns of the table. 0; -EILSEQ: a key over an expression or a prefix
 * has none; -ENOMEM.
 */
int dump_take_key(struct sql_lexer *lexer, const struct dump_table *table, struct dump_key *key);

/* Goes on before the comma or parenthesis that ends what stands here. */
void dump_skip_item(struct sql_lexer *lexer);

/* Takes a key, if one stands here. 1: one did, or something else that is no column; 0; -errno. */
int dump_take_constraint(struct sql_lexer *lexer, struct dump_table *table);

/* … ALTER TABLE, behind which LEXER stands, or CREATE UNIQUE INDEX …: adds keys. What makes no
 * sense is passed over. */
int dump_alter_table(struct dump_reader *reader, struct sql_lexer *lexer, struct failure *failure);
int dump_create_index(struct dump_reader *reader, struct failure *failure);

/* The definitions that LEXER stands before, to behind the table's own options: TABLE's columns and
 * keys, of which it has none. 0; -EILSEQ: they make no sense; -ENOMEM. */
int dump_take_definitions(const struct dump_reader *reader, struct sql_lexer *lexer,
                          struct dump_table *table);

/* --- dump_reshape --------------------------------------------------------------------------- */

/*
 * LEXER stands behind ALTER TABLE …, at what is done: to a column, perhaps, and then behind it. If
 * that can be carried out, as MySQL's can be before rows come, it is. 1: it was; 0: it was not, and
 * LEXER is where it was; -errno.
 */
int dump_reshape(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *table,
                 struct failure *failure);

/* Fills TABLE in as SQLite understands the statement. -EILSEQ: it does not. */
int dump_sqlite_columns(struct dump_reader *reader, struct dump_table *table,
                        struct failure *failure);
int dump_sqlite_index(struct dump_reader *reader);

/* The statement makes a trigger, behind which word LEXER stands: its table, or view, has it. One
 * that SQLite does not take is told of. 0 or -ENOMEM. */
int dump_sqlite_trigger(struct dump_reader *reader, struct sql_lexer *lexer);
/* All is read: what indexes make of the keys. */
int dump_sqlite_end(struct dump_reader *reader, struct failure *failure);

/* --- dump_inherit ------------------------------------------------------------------------- */

/*
 * LEXER stands behind the name in CREATE TABLE: gives TABLE the columns that it has of others.
 * -EILSEQ, with words or without: they are not known.
 */
int dump_inherit(struct dump_reader *reader, const struct sql_lexer *lexer,
                 struct dump_table *table, struct failure *failure);

/* LEXER stands behind ALTER TABLE whole ATTACH. */
int dump_attach(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *whole);

/* The table that its rows are shown in: itself, or what it is a partition of. NULL: that was
 * dropped. */
struct dump_table *dump_table_whole(struct dump_table *table);

/* Where the value of its column stands among WHOLE's shown ones; SIZE_MAX: it is not shown. */
size_t dump_table_place(const struct dump_table *table, size_t column,
                        const struct dump_table *whole);

/* --- dump_view, dump_drop ----------------------------------------------------------------- */

/* LEXER stands behind CREATE [OR REPLACE] [TEMP]: whether a view is made; it then stands behind
 * VIEW. */
bool dump_makes_view(struct sql_lexer *lexer, enum relation_kind *ret_kind);
int dump_create_view(struct dump_reader *reader, struct sql_lexer *lexer, enum relation_kind kind);

/* LEXER stands behind REFRESH; behind DROP. */
int dump_refresh_view(struct dump_reader *reader, struct sql_lexer *lexer);
int dump_drop(struct dump_reader *reader, struct sql_lexer *lexer);

/* All is told of: which views and generated columns the dump has no values of. */
int dump_tell_left_out(struct dump_reader *reader);

/* --- dump_ddl ----------------------------------------------------------------------------- */

#define DUMP_DDL_LIMIT ((size_t)8 << 20) /* of one table; what is beyond is left out */
#define DUMP_OBJECT_DEPTH 32             /* types within types; deeper ones may stand anywhere */

/* The statement as the dump has it, the caller's; NULL: no memory. */
char *dump_statement_text(const struct dump_reader *reader);

/* *PLACE becomes "old\nTEXT", or TEXT where it is NULL; beyond the limit it stays. 0, -ENOMEM. */
int dump_append_line(char **place, const char *text);

/* "schema.name" as the text spells it, which LEXER stands before, the caller's. NULL: there is
 * none.
 */
char *dump_spelled_name(struct sql_lexer *lexer);

/* The statement makes what tables may need; says whose a sequence is; makes TABLE. */
int dump_note_object(struct dump_reader *reader);
int dump_alter_sequence(struct dump_reader *reader);
int dump_ddl_begin(struct dump_reader *reader, struct dump_table *table);

/* … adds something to TABLE. */
int dump_ddl_add(struct dump_reader *reader, struct dump_table *table);

/* PART is one of WHOLE's; BOUND: which of the rows are there, in the dump's words. */
int dump_ddl_attach(struct dump_table *part, struct dump_table *whole, const char *bound);

/*
 * MySQL: TABLE's CREATE TABLE says as well what was added later, a key; that a column is; of the
 * table itself. TEXT: as ALTER TABLE has it. What has no place in it is passed over. 0, -ENOMEM.
 */
int dump_fold_key(struct dump_reader *reader, struct dump_table *table, const char *text,
                  size_t size);
int dump_fold_column(struct dump_reader *reader, struct dump_table *table, const char *name,
                     const char *text, size_t size);

/*
 * … that the column TEXT stands behind that called BEHIND, first if that is NULL, instead of OLD
 * (NULL: besides the others); that NAME, as it is spelled, is what OLD is called, in keys too. 1;
 * 0: it has no place, and the statement may have changed; -ENOMEM.
 */
int dump_fold_placed(struct dump_reader *reader, struct dump_table *table, const char *old,
                     const char *text, size_t size, const char *behind);
int dump_fold_renamed(struct dump_reader *reader, struct dump_table *table, const char *old,
                      const char *name);
int dump_fold_option(struct dump_reader *reader, struct dump_table *table, const char *text,
                     size_t size);

/* All is read: which table has what several need. */
int dump_ddl_settle(struct dump_reader *reader);

/* All of it, the caller's; NULL: no memory. */
char *dump_ddl_of(const struct dump_table *table);

/* --- dump_locale -------------------------------------------------------------------------- */

/* Whether texts stand byte by byte in what is called so: a locale, or a collation. */
bool dump_is_byte_order(const char *locale);

/* LEXER stands behind CREATE DATABASE. 0, -ENOMEM. */
int dump_note_locale(struct dump_reader *reader, struct sql_lexer *lexer);

/* What follows is of the database that reader->connected names. */
void dump_connect_locale(struct dump_reader *reader);

/* As dump_type_of(), in the database that is connected; also of arrays and domains. */
struct dump_type dump_type_here(const struct dump_reader *reader, const char *native,
                                const char *collation);

#endif
