/* SPDX-License-Identifier: MIT */
/*
 * Which database a table is of, where a source has several: it is called "crm.contacts", and its
 * own statements call it "contacts".
 */
#ifndef CRMFS_RESTORE_TABLE_DATABASE_H
#define CRMFS_RESTORE_TABLE_DATABASE_H

#include "backends/source/schema.h"
#include "backends/target/create.h"

/* How many bytes at the start of SCHEMA's name say its database, a dot behind them; 0: none do. 0
 * or -ENOMEM. */
int table_database(const struct schema *schema, enum target_engine engine, size_t *ret_size);

#endif
