/* SPDX-License-Identifier: MIT */
/*
 * A table's files written byte by byte from fs/table/README.md, slowly and
 * plainly, with nothing of fs/table: what images are compared with.
 */
#ifndef CRMFS_TESTS_PLAIN_RENDER_H
#define CRMFS_TESTS_PLAIN_RENDER_H

#include "fs/base/buffer.h"
#include "fs/table/format.h"
#include "tests/unit/fake_source.h"

/* The file of TABLE in FORMAT; the caller releases it. */
struct buffer plain_render(const struct fake_table *table, enum table_format format);

#endif
