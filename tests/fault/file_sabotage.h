/* SPDX-License-Identifier: MIT */
/*
 * The N-th of something fails, for every N, while files/ is used. Each operation is then refused
 * and has changed nothing, or is done; what is read is right or refused; afterwards everything that
 * was done can be stored, is found by the next mount, and makes sense to check().
 */
#ifndef CRMFS_TESTS_FAULT_FILE_SABOTAGE_H
#define CRMFS_TESTS_FAULT_FILE_SABOTAGE_H

#include "tests/fault/sabotage.h"

/* All modes. For a cmocka test, after scene_create(). */
void file_sabotage_everything(const struct saboteur *saboteur);

#endif
