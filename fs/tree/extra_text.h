/* SPDX-License-Identifier: MIT */
/*
 * The text of datapackage.json or schema.sql without the memory for it: what is known of it is how
 * long the part of each table is, and the parts that a read wants are made for that read. Of 300
 * tables of 1,000 columns it is 43 MB. Immutable; read by several threads at once.
 */
#ifndef CRMFS_TREE_EXTRA_TEXT_H
#define CRMFS_TREE_EXTRA_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "fs/table/reading.h"
#include "fs/tree/file_set.h"

#define EXTRA_TEXT_DIGEST_BYTES 32

struct extra_text;

/* SET, the name and the schemas (of the set's tables, in order) are borrowed; not the array of
 * them. 0, -ENOMEM, or -EFBIG when a table's part is too long. */
int extra_text_create(const struct file_set *set, enum extra_file extra, const char *dataset_name,
                      struct schema *const *schemas, struct extra_text **ret_text);
void extra_text_free(struct extra_text *text); /* NULL is allowed */

uint64_t extra_text_bytes(const struct extra_text *text);

/* BLAKE2b of the text. */
const uint8_t *extra_text_digest(const struct extra_text *text);

/* As a handle's read. 0 or -ENOMEM. */
int extra_text_read(const struct extra_text *text, uint64_t offset, size_t size,
                    struct reading *ret_reading);

#endif
