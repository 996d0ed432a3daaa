/* SPDX-License-Identifier: MIT */
/*
 * A directory that holds what crmfs shows of a source: datapackage.json, and each table as .csv,
 * .json or .ndjson, as `cp -r live/crm there` makes it. A stream (stream.h) of the same tables,
 * with their types and keys. Of a table's files the one that was changed last is read, so that what
 * was edited counts; of those of one time, NDJSON, which tells most. Each has to be whole, and to
 * have all columns that the package names.
 */
#ifndef CRMFS_SOURCE_PACKAGE_H
#define CRMFS_SOURCE_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/export_rows.h"
#include "backends/source/source.h"
#include "backends/source/stream.h"
#include "fs/base/failure.h"

#define PACKAGE_DESCRIPTOR "datapackage.json"
#define PACKAGE_DESCRIPTOR_LIMIT ((size_t)64 << 20)

/* Whether PATH is a directory with a datapackage.json that crmfs has written. */
bool package_recognise(const char *path);

/* Reads the descriptor. -ENOENT, -EACCES; -EILSEQ: it is none of crmfs's, in words. */
int package_source_open(const char *path, const struct source_options *options,
                        struct source **ret_source, struct failure *failure);

/* --- inside ------------------------------------------------------------------------------- */

struct package_table {
    struct schema *schema;
    char *stem; /* its files' names without their extension */
};

struct package {
    size_t count;
    struct package_table *tables;
};

/*
 * Takes a descriptor's text apart; the caller releases it. SCHEMA_SQL: the source's DDL, kept with
 * the first table; NULL: unknown. -EINVAL in words; -ENOMEM.
 */
int package_parse(const void *text, size_t size, const char *schema_sql,
                  struct package *ret_package, struct failure *failure);
void package_release(struct package *package); /* zeroed: nothing happens */

/*
 * Tells of the table FROM, and hands over the rows of the file in FOLDER that counts for it. A file
 * that cannot be read makes the table fail (fail_table), and not the stream.
 */
struct package_folder;
int package_read_table(const struct package_folder *folder, const struct package_table *from,
                       struct row_taker *taker, struct failure *failure);

/*
 * Hands the rows of the file NAME, in FORMAT, over as those of TABLE, which the taker knows as
 * NUMBER. Fails in words that name the file, as the stream or the taker does; -EINVAL, -EFBIG.
 */
int package_read_rows(struct byte_stream *stream, enum export_format format,
                      const struct package_table *table, const char *name, struct row_taker *taker,
                      size_t number, struct failure *failure);

#endif
