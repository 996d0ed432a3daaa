/* SPDX-License-Identifier: MIT */
/* Only so many threads at once do what takes memory; the others wait for their turn. */
#ifndef CRMFS_BASE_TURNS_H
#define CRMFS_BASE_TURNS_H

#include <stdbool.h>

struct turns;

struct turns *turns_create(unsigned most); /* NULL: no memory */
void turns_free(struct turns *turns);      /* NULL is allowed */

/* Waits. False, and no turn is taken: CANCELLED (atomic; NULL: never) turned true. */
bool turns_take(struct turns *turns, const bool *cancelled);
void turns_give_back(struct turns *turns);

#endif
