/* SPDX-License-Identifier: MIT */
/*
 * Packs: files of many sealed objects (FORMAT.md, "Packs"). A writer hands every
 * body on to the storage as it comes and keeps the directory only; the pack
 * appears, whole, when it is finished.
 */
#ifndef CRMFS_STORE_PACK_H
#define CRMFS_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/object_body.h"
#include "fs/store/store.h"

#define PACK_HEAD_BYTES ((size_t)40)
#define PACK_FOOT_PLAIN ((size_t)16)
#define PACK_FOOT_BYTES (PACK_FOOT_PLAIN + SEAL_OVERHEAD_BYTES)
#define PACK_ROUND_BYTES ((size_t)64 << 10) /* a pack's length is a multiple of it */
#define PACK_ROUND_LEAST ((size_t)4 << 10)  /* one's that is padded by a sixteenth */
#define PACK_BYTES_TARGET ((uint64_t)16 << 20)
#define PACK_BYTES_MOST ((uint64_t)64 << 20)
#define PACK_OBJECTS_MOST ((size_t)65536)
#define PACK_FOLDER "packs"
#define PACK_FOLDERS 256                                /* in it */
#define PACK_NAME_SIZE 65                               /* 64 hexadecimal digits and NUL */
#define PACK_PATH_SIZE (sizeof PACK_FOLDER "/00/" + 64) /* its name for the storage, and NUL */

/* How references name a pack. */
uint64_t pack_hint(const uint8_t salt[STORE_SALT_BYTES]);

void pack_name(const uint8_t salt[STORE_SALT_BYTES], char ret_name[PACK_NAME_SIZE]);
void pack_path(const uint8_t salt[STORE_SALT_BYTES], char ret_path[PACK_PATH_SIZE]);

/* The salt that NAME (64 lower-case hexadecimal digits, nothing else) stands for; false: no name.
 */
bool pack_salt(const char *name, uint8_t ret_salt[STORE_SALT_BYTES]);

/* ---- The directory ---- */

#define PACK_DIRECTORY_HEAD_BYTES ((size_t)8)
#define PACK_ENTRY_BYTES ((size_t)44)
#define PACK_ENTRY_BYTES_MOST (PACK_ENTRY_BYTES + OBJECT_REFERENCE_BYTES)
#define PACK_DIRECTORY_LIMIT \
    (PACK_DIRECTORY_HEAD_BYTES + PACK_OBJECTS_MOST * PACK_ENTRY_BYTES_MOST + PACK_ROUND_BYTES)

struct pack_entry {
    struct object_reference reference; /* its pack_hint is the pack's own */
    enum object_type type;
    enum object_encoding encoding;
    uint8_t depth;
    struct object_reference parent; /* OBJECT_ZSTD_PARENT only */
};

/* Not 0 ends the reading, and is what it returns. */
typedef int pack_visit(void *context, const struct pack_entry *entry);

/*
 * Every object of a directory, given in plaintext, of a pack whose directory
 * begins at END. It is checked as a whole before the first visit. -EBADMSG.
 */
int pack_directory_decode(const void *bytes, size_t size, uint64_t hint, uint64_t end,
                          pack_visit *visit, void *context);

/* The directory of the pack of SALT, still sealed off by SEALER, into PLAIN. -EBADMSG, -ENOENT … */
int pack_directory_read(struct storage *storage, struct sealer *sealer,
                        const uint8_t salt[STORE_SALT_BYTES], struct buffer *plain,
                        uint64_t *ret_end, struct failure *failure);

/* The same of a file that stands at PATH; SEALER is of its own name. */
int pack_directory_read_at(struct storage *storage, struct sealer *sealer,
                           const uint8_t salt[STORE_SALT_BYTES], const char *path,
                           struct buffer *plain, uint64_t *ret_end, struct failure *failure);

/* Whether the pack of SALT is as long as it was written: its foot opens. 0, -EBADMSG, -ENOENT … */
int pack_foot_check(struct storage *storage, struct sealer *sealer,
                    const uint8_t salt[STORE_SALT_BYTES], struct failure *failure);

/* The same of a file that stands at PATH; SEALER is of its own name. */
int pack_foot_check_at(struct storage *storage, struct sealer *sealer, const char *path,
                       struct failure *failure);

/* ---- Whole packs, for those that go through a store ---- */

/* Every object of the pack called NAME. -EBADMSG with words, -ENOENT; or what VISIT returned. */
int pack_visit_objects(struct store *store, const char *name, pack_visit *visit, void *context,
                       struct failure *failure);

/*
 * ERROR: 0, and BODY is what the piece holds, as its entry says; -EBADMSG: damaged; another: why it
 * could not be read, but that the pack was removed. Not 0 ends the check.
 */
typedef int pack_report(void *context, const struct pack_entry *entry, const struct buffer *body,
                        int error);

/*
 * Reads all of the pack called NAME, opens every piece and reports every object. Data is not
 * decompressed (object_read does that and compares ids). -EBADMSG with words when the pack
 * itself is damaged; -ENOENT: it is gone; or what REPORT returned.
 */
int pack_check(struct store *store, const char *name, pack_report *report, void *context,
               struct failure *failure);

/* The same of the objects alone that CHOOSE, which is asked in their order, says true of. */
typedef bool pack_choose(void *context, const struct pack_entry *entry);
int pack_check_some(struct store *store, const char *name, pack_choose *choose, pack_report *report,
                    void *context, struct failure *failure);

/* Its first bytes alone, which no seal covers. -EBADMSG with words, -ENOENT … */
int pack_head_check(struct store *store, const char *name, struct failure *failure);

/* The same of the pack of SALT in a file that stands at PATH. */
int pack_head_check_at(struct storage *storage, const char *path,
                       const uint8_t salt[STORE_SALT_BYTES], struct failure *failure);

/*
 * Opens one object of the file at PATH into BODY, with SEALED for the way; SEALER is of the pack's
 * own name. -EBADMSG: it does not open, or its head is not as ENTRY says; -ENOMEM, -errno.
 */
int pack_object_open_at(struct storage *storage, struct sealer *sealer, const char *path,
                        const struct pack_entry *entry, struct buffer *sealed, struct buffer *body);

/* ---- Writing ---- */

struct pack_writer;

int pack_writer_create(struct store *store, struct pack_writer **ret_writer,
                       struct failure *failure);

/* It is padded by a sixteenth only, 4 KiB at least. */
void pack_writer_pad_closely(struct pack_writer *writer);

/*
 * Seals a body, of SIZE bytes (a multiple of OBJECT_BODY_ROUND), whose head is HEAD, and
 * appends it. After an error other than -ENOMEM the pack can only be freed.
 */
int pack_writer_add(struct pack_writer *writer, const uint8_t id[OBJECT_ID_BYTES],
                    const struct object_head *head, const void *body, size_t size,
                    struct object_reference *ret_reference, struct failure *failure);

/* Whether the next object belongs into the next pack. */
bool pack_writer_is_full(const struct pack_writer *writer);

/*
 * Writes the directory and commits; afterwards only the functions below. At least one object.
 * LEAVES: bytes for which there must be room then, or it is not committed; 0: any.
 */
int pack_writer_finish(struct pack_writer *writer, uint64_t leaves, struct failure *failure);

const uint8_t *pack_writer_salt(const struct pack_writer *writer); /* STORE_SALT_BYTES */
uint32_t pack_writer_count(const struct pack_writer *writer);      /* of objects, so far */
uint64_t pack_writer_bytes(const struct pack_writer *writer);      /* so far, or in the end */
int pack_writer_visit(const struct pack_writer *writer, pack_visit *visit, void *context);

/* NULL is allowed; a pack that was not finished is dropped. */
void pack_writer_free(struct pack_writer *writer);

#endif
