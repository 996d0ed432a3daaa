/* SPDX-License-Identifier: MIT */
/* Whole files out of images, part by part. */
#ifndef CRMFS_TESTS_IMAGE_TEXT_H
#define CRMFS_TESTS_IMAGE_TEXT_H

#include "fs/base/buffer.h"
#include "fs/table/image.h"
#include "tests/unit/fake_source.h"

/* The file in FORMAT, with every part at its place; the caller releases it. */
struct buffer image_text(struct image *image, enum table_format format);

/* How many parts are not empty. */
size_t image_parts(const struct image *image, enum table_format format);

/* Fails unless the image shows TABLE, in every format, to the byte. */
void check_image(struct image *image, const struct fake_table *table);

#endif
