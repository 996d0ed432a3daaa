/* SPDX-License-Identifier: MIT */
/*
 * datapackage.json: what a dataset's files hold, as a Frictionless Data Package
 * (version 1, tabular-data-package; https://specs.frictionlessdata.io). Each
 * table is one resource, its CSV file. What Frictionless has no word for is
 * kept beside under keys that begin with "crmfs:".
 *
 * The same schemas give the same bytes.
 */
#ifndef CRMFS_TABLE_DESCRIPTOR_H
#define CRMFS_TABLE_DESCRIPTOR_H

#include <stddef.h>

#include "backends/source/schema.h"
#include "fs/base/buffer.h"

#define DESCRIPTOR_FORMAT_VERSION 1 /* of the rules in fs/table/README.md */

/*
 * Appends the descriptor of COUNT tables; table I stands in the files FILE_STEMS[I] and an
 * extension. 0, -ENOMEM, or -EFBIG past the buffer's limit; then nothing is appended.
 */
int descriptor_write(const char *dataset_name, struct schema *const *schemas,
                     const char *const *file_stems, size_t count, struct buffer *output);

/*
 * The same in COUNT + 2 parts, one a table between a first and a last one, for whoever has no room
 * for all of it. All that is handed over is borrowed. 0 or -ENOMEM.
 */
struct descriptor;

int descriptor_create(const char *dataset_name, struct schema *const *schemas,
                      const char *const *file_stems, size_t count,
                      struct descriptor **ret_descriptor);

/* Appends one part. 0, -ENOMEM or -EFBIG. From several threads at once, if need be. */
int descriptor_write_part(const struct descriptor *descriptor, size_t part, struct buffer *output);
void descriptor_free(struct descriptor *descriptor); /* NULL is allowed */

#endif
