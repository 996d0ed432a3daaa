/* SPDX-License-Identifier: MIT */
/* Values of PostgreSQL's types whose order is not that of their texts, as it compares them. */
#ifndef CRMFS_TABLE_KEY_VALUES_H
#define CRMFS_TABLE_KEY_VALUES_H

#include <stdbool.h>

#include "backends/source/stream.h"

/*
 * inet and cidr: first by what both networks cover, then the wider one, then by the address.
 * What is no address stands behind all that are. *ret_order as strcmp. False: neither is one.
 */
bool key_compare_addresses(const struct cell *left, const struct cell *right, int *ret_order);

/*
 * KEY_MOMENT, KEY_ZONED_TIME, KEY_INTERVAL, KEY_MONEY and KEY_LOG_PLACE; what is none of those
 * stands behind all that are. False: neither is.
 */
bool key_compare_values(enum key_order how, const struct cell *left, const struct cell *right,
                        int *ret_order);

#endif
