/* SPDX-License-Identifier: MIT */
/*
 * Values of some columns, each once: the keys of rows that foreign keys need. Numbers that are
 * equal are one, however they are written.
 */
#ifndef CRMFS_RESTORE_KEY_SET_H
#define CRMFS_RESTORE_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/source.h"

struct key_set;

struct key_set *key_set_create(void); /* NULL: no memory */

/* Adds the cells that COLUMNS name. 1: it is new; 0: it was there, or has a NULL; -ENOMEM. */
int key_set_add(struct key_set *set, const struct cell *cells, const size_t *columns, size_t count);

/* 1, 0, -ENOMEM. */
int key_set_has(struct key_set *set, const struct cell *cells, const size_t *columns, size_t count);
size_t key_set_count(const struct key_set *set);
void key_set_free(struct key_set *set); /* NULL is allowed */

#endif
