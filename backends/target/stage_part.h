/* SPDX-License-Identifier: MIT */
/* How each server numbers the rows of a stage: the number_stage and add_part of its dialect. */
#ifndef CRMFS_TARGET_STAGE_PART_H
#define CRMFS_TARGET_STAGE_PART_H

#include "backends/target/server_load.h"

/* In a temporary table of its keys beside it. */
int mysql_number_stage(struct server_load *load, uint64_t *ret_end, struct failure *failure);
int mysql_add_part(const struct server_load *load, struct buffer *sql);

/* By where they stand. */
int postgres_number_stage(struct server_load *load, uint64_t *ret_end, struct failure *failure);
int postgres_add_part(const struct server_load *load, struct buffer *sql);

#endif
