/* SPDX-License-Identifier: MIT */
/* What the commands on stores have in common: answers in JSON, tables, failures. */
#ifndef CRMFS_TOOLS_ANSWER_H
#define CRMFS_TOOLS_ANSWER_H

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/image_cache.h"
#include "fs/store/json_write.h"
#include "fs/store/log.h"

#define SHOWN_SIZE 1024 /* of a name for people: escapes take four bytes for one */
#define ANSWER_LIMIT ((size_t)256 << 20)

/* An answer in JSON, which is written when it is whole. */
struct answer {
    struct buffer text;
    struct json_writer json;
};

void answer_begin(struct answer *answer); /* json writes into text, which must not move */

/* Writes it, and a line end, and releases it. 0, -ENOMEM, -EFBIG, with words. */
int answer_end(struct answer *answer, struct failure *failure);

/* Members NAME of the object that is open; _bytes: any bytes, as names of tables and files are. */
void answer_text(struct answer *answer, const char *name, const char *value);
void answer_bytes(struct answer *answer, const char *name, const char *value);
void answer_number(struct answer *answer, const char *name, uint64_t value);
void answer_flag(struct answer *answer, const char *name, bool value);

/* An object with all that the log says of a snapshot; MORE members may follow: it stays open. */
void answer_snapshot(struct answer *answer, const struct snapshot *snapshot);

/* Kept tables: how many, their bytes, how many of them are damaged. */
void answer_kept(struct answer *answer, const char *name, const struct image_cache_sum *kept);

/* For people: a table whose first line is its head, columns parted by tabs; right: numbers. */
struct columns {
    struct buffer text; /* lines of cells, "cell\tcell\n" */
    const char *right;  /* 'r' for each column that is set to the right */
};

void columns_begin(struct columns *columns, const char *right);

/* As printf; what a terminal would obey is escaped. The first error stays until columns_end. */
void columns_print(struct columns *columns, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes and releases the table. 0, -ENOMEM. */
int columns_end(struct columns *columns);

/* TEXT, cut and with what a terminal would obey escaped. Returns SHOWN. */
const char *shown_text(const char *text, char shown[SHOWN_SIZE]);

/* "daily,größe" into TEXT, cut to SIZE. Returns TEXT. */
const char *tags_text(const struct snapshot *snapshot, char *text, size_t size);

/* Says "cannot WHAT: why" on standard error; the exit status. */
int answer_failure(const char *what, int error, const struct failure *failure);

/* Says how COMMAND is used, where FAILURE says nothing; the exit status. */
int answer_usage(const char *command, const struct failure *failure);

#endif
