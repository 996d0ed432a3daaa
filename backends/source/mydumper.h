/* SPDX-License-Identifier: MIT */
/*
 * The files of a dump by mydumper: many in a folder, and each says by its name what is
 * in it:
 *
 *   metadata                     it is complete (metadata.partial: it is not)
 *   crm.contacts-schema.sql      CREATE TABLE; crm.v-schema-view.sql a view
 *   crm.contacts.sql             rows, or, in pieces, crm.contacts.00000.sql …
 *   crm-schema-create.sql, crm.contacts-schema-triggers.sql … what tables do not need
 *
 * each compressed or not. https://mydumper.github.io/mydumper/docs/html/files.html
 */
#ifndef CRMFS_SOURCE_MYDUMPER_H
#define CRMFS_SOURCE_MYDUMPER_H

#include <stdbool.h>
#include <stddef.h>

enum mydumper_file {
    MYDUMPER_NONE, /* no file of a dump */
    MYDUMPER_METADATA,
    MYDUMPER_UNFINISHED, /* metadata.partial */
    MYDUMPER_TABLE,
    MYDUMPER_VIEW,
    MYDUMPER_ROWS,
    MYDUMPER_DATA, /* what a LOAD DATA statement reads */
    MYDUMPER_OTHER,
};

#define MYDUMPER_NAME_SIZE 256

struct mydumper_name {
    enum mydumper_file file;
    char database[MYDUMPER_NAME_SIZE]; /* of those that have one, else "" */
    char table[MYDUMPER_NAME_SIZE];
    long part; /* the number of a piece; -1: it has none, or two */
};

/* What the file PATH is, by its last part. */
struct mydumper_name mydumper_name_of(const char *path);

/* Whether the files of a folder, of which these kinds were seen (a bit each), are such a dump. */
bool mydumper_is_dump(unsigned kinds);

#endif
