/* SPDX-License-Identifier: MIT */
/* Sets of packs, by their hints: numbers in rising order. Zeroed at first. */
#ifndef CRMFS_STORE_HINT_SET_H
#define CRMFS_STORE_HINT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hint_set {
    uint64_t *hints;
    size_t count;
    size_t room;
};

/* 0 or -ENOMEM. */
int hint_set_add(struct hint_set *set, uint64_t hint);
bool hint_set_has(const struct hint_set *set, uint64_t hint);
void hint_set_release(struct hint_set *set);

#endif
