/* SPDX-License-Identifier: MIT */
/* Values of PostgreSQL's types whose order is not that of their texts, as it compares them. */
#ifndef CRMFS_TABLE_KEY_VALUES_H
#define CRMFS_TABLE_KEY_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/source.h"

/*
 * inet and cidr: first by what both networks cover, then the wider one, then by the address.
 * *ret_order as strcmp. False: one of them is no address.
 */
bool key_compare_addresses(const struct cell *left, const struct cell *right, int *ret_order);

/* An array's elements, one after the other whatever its dimensions: {1,NULL,"a b",{…}}. */
struct key_array {
    const char *at;
    const char *end;
    long first;      /* the number of the first one, 1 if nothing else is said */
    struct cell gap; /* what stood before the element that was given last, or at the end */
};

#define KEY_ELEMENT_BYTES 1024

void key_array_begin(struct key_array *array, const struct cell *cell);

/*
 * The next element, as text or NULL. Its backslashes are taken out in ROOM; of an element that has
 * some and is longer, they stay. False: there are no more.
 */
bool key_array_next(struct key_array *array, char room[KEY_ELEMENT_BYTES], struct cell *ret_cell);

#endif
