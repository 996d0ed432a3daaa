/* SPDX-License-Identifier: MIT */
/* The taking of a snapshot, shown on the terminal while it goes on. */
#ifndef CRMFS_TOOLS_TAKE_DISPLAY_H
#define CRMFS_TOOLS_TAKE_DISPLAY_H

#include "fs/tree/take.h"
#include "tools/opened_store.h"
#include "tools/progress_line.h"
#include "tools/sources.h"

/* Zeroed at first. */
struct take_display {
    struct progress_line *line;           /* NULL: nothing is shown */
    const struct take_progress *progress; /* borrowed */
    uint64_t expected_rows;               /* 0: not known */
};

/*
 * Shows PROGRESS. How long it will take is guessed from the last snapshot that has all
 * of SOURCES.
 */
void take_display_begin(struct take_display *display, const struct opened_store *opened,
                        const struct source_list *sources, const struct take_progress *progress);
void take_display_clear(struct take_display *display); /* before a message */
void take_display_end(struct take_display *display);

#endif
