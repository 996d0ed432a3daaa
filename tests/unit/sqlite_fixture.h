/* SPDX-License-Identifier: MIT */
/* For tests of the SQLite source: a folder of their own, programs that write, rows as text. */
#ifndef CRMFS_TEST_SQLITE_FIXTURE_H
#define CRMFS_TEST_SQLITE_FIXTURE_H

#include <stddef.h>
#include <sys/types.h>

#include "backends/source/source.h"

/* An empty folder under /tmp, and its removal; cmocka's setup and teardown. */
int folder_create(void **state);
int folder_remove(void **state);

/* The path of NAME in the folder: static, overwritten by the eighth call after. */
const char *in_folder(const char *name);

/* Fails the test unless the folder holds just these names, which stand sorted, with blanks between.
 */
void assert_folder(const char *names);

void copy_file(const char *from, const char *to);
void write_file(const char *path, const void *bytes, size_t size);

/* Another program that has a database open. */
struct writer {
    pid_t pid;
    int commands;
    int answers;
};

struct writer writer_start(const char *path);
int writer_do(struct writer *writer, const char *sql); /* an SQLite result code */
/* The same in two halves. */
void writer_begin(struct writer *writer, const char *sql);
int writer_end(struct writer *writer);
void writer_stop(struct writer *writer); /* closes the database */
void writer_kill(struct writer *writer); /* does not */

/* Another program does just this. */
void execute(const char *path, const char *sql);

struct source *open_source(const char *path, unsigned parallel);

/* Opens must fail; the errno, with the words in *ret_failure. */
int refusal(const char *path, struct failure *ret_failure);

struct dataset *begin(struct source *source);

struct source_version version_of(struct source *source);
bool same_version(struct source_version left, struct source_version right);

size_t find_table(struct dataset *dataset, const char *name);
struct schema *table_schema(struct dataset *dataset, const char *name);

/*
 * All rows: cells with '|' between, lines ending in LF. NULL is "~", bytes are x'…', a text is
 * itself; a cell of more than 40 bytes is its size and a hash. The caller frees it.
 */
char *table_rows(struct dataset *dataset, const char *name);
void assert_rows(struct dataset *dataset, const char *name, const char *rows);

/* Only the first of the rows. */
void assert_rows_begin(struct dataset *dataset, const char *name, const char *rows);

/* crm.db made by SQL, and its dataset; unmake_crm checks that it is still of one moment. */
struct crm {
    struct source *source;
    struct dataset *dataset;
};

struct crm make_crm(const char *sql);
void unmake_crm(struct crm *crm);

#endif
