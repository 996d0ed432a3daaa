/* SPDX-License-Identifier: MIT */
/*
 * Which living objects are compressed against which: known beforehand, a chain is read from its
 * beginning, and costs no more than its objects.
 */
#ifndef CRMFS_STORE_CHECK_CHILDREN_H
#define CRMFS_STORE_CHECK_CHILDREN_H

#include "fs/store/check_internal.h"

struct check_child {
    struct reach_spot parent;
    struct reach_spot spot;
    struct object_reference reference;
    enum object_type type;
};

/* Zeroed at first. */
struct check_children {
    struct check_child *items; /* in the order of their parents */
    size_t count;
    bool unknown; /* there are too many, or nobody asked: each object is read by itself */
};

int check_children_gather(struct check_children *children, struct checking *checking);
void check_children_release(struct check_children *children);

/* COUNT of them, from the first one; 0: SPOT has none. */
const struct check_child *check_children_of(const struct check_children *children,
                                            struct reach_spot spot, size_t *ret_count);

#endif
