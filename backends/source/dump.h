/* SPDX-License-Identifier: MIT */
/*
 * SQL dumps: what mysqldump, mariadb-dump, phpMyAdmin, pg_dump (plain) and
 * sqlite3's .dump write. Read once from beginning to end, in bounded memory.
 * Nothing of it is executed: tables come from CREATE TABLE and ALTER TABLE, rows
 * from INSERT, REPLACE and COPY; every other statement is passed over.
 *
 * Limits: a row's values are at most STREAM_ROW_LIMIT, and in the dump's words at most
 * DUMP_ROW_TEXT_LIMIT; a CREATE or ALTER TABLE at most
 * DUMP_STATEMENT_LIMIT, tables at most DUMP_TABLES_LIMIT.
 */
#ifndef CRMFS_SOURCE_DUMP_H
#define CRMFS_SOURCE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "backends/source/text_set.h"
#include "fs/base/failure.h"

/* Hexadecimal digits are two a byte. */
#define DUMP_ROW_TEXT_LIMIT (2 * STREAM_ROW_LIMIT + ((size_t)1 << 20))
#define DUMP_STATEMENT_LIMIT ((size_t)4 << 20)
#define DUMP_TABLES_LIMIT ((size_t)1 << 16)

/* How much of a beginning is enough to tell, behind the comments that it begins with. */
#define DUMP_BEGIN_BYTES 4096

/* So much of comments is looked behind, as of any other file that leaves open what it is. */
#define DUMP_COMMENTS_LIMIT ((size_t)1 << 20)

/*
 * How much of what begins so is enough: more than SIZE where it goes on with comments, a licence or
 * somebody's notes, or ends soon behind them; of UTF-16 always DUMP_BEGIN_BYTES.
 */
size_t dump_begin_size(const void *begin, size_t size);

/*
 * Whether what begins so (SIZE bytes, fewer than are enough only when that is all) is a dump.
 * *ret_set: UTF-16 of either byte order, or TEXT_UNDECIDED: the dump says itself what it is in.
 */
bool dump_recognise(const void *begin, size_t size, enum text_set *ret_set);

/*
 * Hands all tables and rows of the dump, which is in SET, to TAKER. Where it does not say what its
 * texts are in, or that is not known, they are in CHARSET, a name of the databases' or of iconv's,
 * which outlives it; NULL: UTF-8. A row that cannot be made out
 * fails its table, with the line and byte; so does the end of the stream within a table. 0, or what
 * TAKER gave, -ENOMEM; -EILSEQ with words: it makes no sense as a whole; -EIO as the stream.
 */
int dump_read(struct byte_stream *stream, enum text_set set, const char *charset,
              struct row_taker *taker, struct failure *failure);

/*
 * The same of what pg_restore prints without what LIST lacks, whose tables fail. NULL: it lacks
 * nothing.
 */
struct pg_list;
int dump_read_lacking(struct byte_stream *stream, const struct pg_list *list,
                      struct row_taker *taker, struct failure *failure);

/*
 * A dump in several files, as mydumper writes them (mydumper.h): what says what tables are like
 * is read first.
 */
struct dump_reader;

/* CHARSET: as of dump_read. NULL: no memory. */
struct dump_reader *dump_session_create(struct row_taker *taker, const char *charset);
void dump_session_free(struct dump_reader *reader); /* NULL is allowed */

/*
 * One file, called NAME in words, of DATABASE; a file with the rows of TABLE (else NULL) fails it
 * if it is broken.
 */
int dump_session_read(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                      const char *database, const char *table, struct failure *failure);

/* A file that is to make TABLE: that it does not is told, and TABLE is left out. */
int dump_session_read_making(struct dump_reader *reader, struct byte_stream *stream,
                             const char *name, const char *database, const char *table,
                             struct failure *failure);

/* The same file, of which only what it says of files of rows (LOAD DATA) is taken … */
int dump_session_read_loads(struct dump_reader *reader, struct byte_stream *stream,
                            const char *name, const char *database, struct failure *failure);

/* … and such a file, with rows of TABLE. */
int dump_session_load(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                      const char *database, const char *table, struct failure *failure);

struct dialect_wish;

/*
 * The file of rows that mysqldump --tab wrote beside what makes their table, which is the only one.
 * WISH: what the user says of its signs and line ends; NULL: nothing.
 */
int dump_session_load_tab(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                          const struct dialect_wish *wish, struct failure *failure);

/* The table cannot be had whole, or none can. */
int dump_session_fail_table(struct dump_reader *reader, const char *database, const char *table,
                            const char *words);
int dump_session_fail(struct dump_reader *reader, const char *words);

/* There were so many rows of the table when the dump was made. */
int dump_session_expect(struct dump_reader *reader, const char *database, const char *table,
                        uint64_t rows);

/* A file with the table's rows is the one of that NUMBER, from 0, of several. */
void dump_session_note_part(struct dump_reader *reader, const char *database, const char *table,
                            uint64_t number);

/* All is read. */
int dump_session_end(struct dump_reader *reader, struct failure *failure);

#endif
