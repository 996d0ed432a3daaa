/* SPDX-License-Identifier: MIT */
/*
 * How long reading a view may take. A table ends; a view is a program, which may
 * go on for ever. One that ran out of its time is given up, for ten times as
 * long, so that it does not cost everybody its time again and again. One that was
 * tried unasked, and took longer than it could be given then, is slow for as long.
 *
 * Shared by the generations of a live source. Safe from several threads at once.
 */
#ifndef CRMFS_TREE_VIEW_BOUNDS_H
#define CRMFS_TREE_VIEW_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"

#define VIEW_TIMEOUT_NS (60 * UINT64_C(1000000000)) /* unless the user says otherwise */
#define VIEW_REST 10                                /* times as long it rests then */

struct view_bounds;

/* TIMEOUT_NS: what one view may take; 0: as long as it likes. NULL: no memory. */
struct view_bounds *view_bounds_create(uint64_t timeout_ns);
void view_bounds_free(struct view_bounds *bounds); /* NULL is allowed */

uint64_t view_bounds_timeout(const struct view_bounds *bounds);

enum view_state {
    VIEW_WELCOME,
    VIEW_SLOW,     /* to be read only when somebody asks for it */
    VIEW_GIVEN_UP, /* not to be read */
};

/* The view took too long. Without memory that is forgotten, and it is tried again. */
void view_bounds_note(struct view_bounds *bounds, const char *view, enum view_state state,
                      uint64_t now_ns);

enum view_state view_bounds_state(struct view_bounds *bounds, const char *view, uint64_t now_ns);

/* A bound for whoever reads a view once (struct source_bound): its context, and its look. */
struct view_deadline {
    uint64_t ns; /* by clock_now_ns() */
};
int view_deadline_look(void *context);

/* -ETIMEDOUT, in words for a view that is given up. */
int view_bounds_refuse(const struct view_bounds *bounds, const char *view, struct failure *failure);

#endif
