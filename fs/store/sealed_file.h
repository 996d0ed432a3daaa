/* SPDX-License-Identifier: MIT */
/*
 * A small file that is one sealed piece: a record of the log, a checkpoint.
 * Eight bytes of magic, a salt, the piece; the plaintext is followed by zeros so
 * that the file's length is a multiple of 1024 (FORMAT.md, "Log").
 */
#ifndef CRMFS_STORE_SEALED_FILE_H
#define CRMFS_STORE_SEALED_FILE_H

#include "fs/base/buffer.h"
#include "fs/store/store.h"

#define SEALED_FILE_LIMIT ((size_t)64 << 20)

struct sealed_file_kind {
    const char *magic; /* 8 bytes */
    enum store_purpose purpose;
    size_t limit;     /* the longest file; at most SEALED_FILE_LIMIT */
    const char *what; /* "record of the log": for messages */
};

/* PLAIN, sealed for its place NAME, into FILE (cleared first). 0, -ENOMEM, -EFBIG. */
int sealed_file_make(const struct store *store, const struct sealed_file_kind *kind,
                     const char *name, const struct buffer *plain, struct buffer *file,
                     struct failure *failure);

/*
 * Reads a whole file into FILE (cleared first). -ENOENT: it is not there; -EBADMSG: its length
 * is none that such a file has; else what the storage said.
 */
int sealed_file_read(struct store *store, const struct sealed_file_kind *kind, const char *name,
                     struct buffer *file, struct failure *failure);

/* Opens what was read, zeros included, into PLAIN (cleared first). -EBADMSG, -ENOMEM. */
int sealed_file_open(const struct store *store, const struct sealed_file_kind *kind,
                     const char *name, const struct buffer *file, struct buffer *plain,
                     struct failure *failure);

#endif
