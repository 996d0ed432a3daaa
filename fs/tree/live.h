/* SPDX-License-Identifier: MIT */
/*
 * A live source: its folder under live/, whose names stand for the newest
 * generation, or for the one that the asking process is walking (pins.h).
 *
 * The newest generation holds for the refresh time after the source was last
 * asked whether it has changed. Then it is asked again, at the next request: the
 * same version holds for as long again, another one begins the next generation.
 * So does the clock, if views that go by it were read; tables are not read again then.
 * So a change shows at most the refresh time later, and whatever the kernel is
 * told to believe, it is told to believe only until then.
 *
 * A server is asked apart from the requests. While it does not answer, names and the
 * sizes of what was read stay as they were; opening a file, or asking for what is not
 * read yet, fails with what the server refused.
 */
#ifndef CRMFS_TREE_LIVE_H
#define CRMFS_TREE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/tree/generation.h"
#include "fs/tree/node.h"

struct live;

/* Told what a server refused while nobody waited for it. */
typedef void live_report(void *context, const char *path, const struct failure *failure);

struct live_options {
    const struct generation_context *context; /* outlives the live source */
    const char *name;
    const char *url;       /* for the status */
    struct source *source; /* taken over, also on failure */
    uint64_t refresh_ns;
    uint64_t view_timeout_ns; /* as view_bounds_create has it */
    const char *folder;       /* that it stands in: "live", "archives" */
    bool writable;            /* rows can be written back */
    unsigned busy_timeout_ms; /* then: as in struct source_options, as the two below */
    const char *password;     /* borrowed as long as the live source; NULL */
    const char *password_command;
    bool lazy;           /* nothing is read before somebody looks into its folder */
    live_report *report; /* may be NULL */
    void *report_context;
};

/* Reads the source's catalogue for the first time, unless it is lazy. Fails as the source does. */
int live_create(const struct live_options *options, struct live **ret_live,
                struct failure *failure);

/* What it shows, borrowed. */
struct source *live_source(const struct live *live);

/* The folder: a reference. */
struct node *live_folder(struct live *live);

/* To be called every now and then (a few times a second): forgets idle pins, closes idle
 * transactions. */
void live_tend(struct live *live);

/* What was read through is given to be kept, whoever reads it; what is kept leaves the spool. */
void live_keep_now(struct live *live);
void live_leave_spool(struct live *live);

/* Appends a JSON object. */
int live_status(struct live *live, struct buffer *text);

/* After every node, handle and listing but the folder's own reference is given back. */
void live_free(struct live *live);

#endif
