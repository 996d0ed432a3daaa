/* SPDX-License-Identifier: MIT */
/*
 * Storages on real directories below /tmp whose content a test sets, one a child. Failing ends the
 * process; what it leaves there the parent removes.
 */
#ifndef CRMFS_TESTS_FAULT_REAL_FOLDER_H
#define CRMFS_TESTS_FAULT_REAL_FOLDER_H

#include "backends/storage/storage.h"

/* In the parent, before and after all children. */
void real_folders_begin(void);
void real_folders_end(void);

/* The process's own, which is made new. */
struct storage *real_folder_open(void);
void real_folder_close(struct storage *storage);

/* Makes it hold the files of a storage in memory, always the same one, and nothing else. */
void real_folder_fill(struct storage *storage, struct storage *content);

#endif
