/* SPDX-License-Identifier: MIT */
/*
 * Strings as JSON, for the documents that crmfs writes by hand: the data
 * package, the status. They escape what fs/table/README.md says and nothing
 * else; a byte that is not valid UTF-8 becomes U+FFFD, so that the result is
 * always valid JSON.
 */
#ifndef CRMFS_BASE_JSON_TEXT_H
#define CRMFS_BASE_JSON_TEXT_H

#include <stddef.h>

#include "fs/base/buffer.h"

/*
 * Appends SIZE bytes as a JSON string, quotes included. 0, -ENOMEM, or -EFBIG past the buffer's
 * limit; what was appended before a failure stays.
 */
int json_text_append(struct buffer *buffer, const void *text, size_t size);

#endif
