/* SPDX-License-Identifier: MIT */
/* What a source of a snapshot lacks, in words. */
#ifndef CRMFS_TOOLS_LACK_WORDS_H
#define CRMFS_TOOLS_LACK_WORDS_H

#include "fs/base/buffer.h"
#include "fs/store/tables.h"

/*
 * Appends " (in part: lacks a, b; only c)", " (in part: without d)", or of an older snapshot
 * " (in part)", and of what its user may not see ", perhaps without others" as well; of a source
 * that is whole, nothing. Equal words: the same is lacking. 0, -ENOMEM, -EFBIG.
 */
int lack_words_append(struct buffer *output, const struct stored_source *source);

#endif
