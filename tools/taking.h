/* SPDX-License-Identifier: MIT */
/* Snapshots as the command line orders them: of all sources together, or of each backup by itself.
 */
#ifndef CRMFS_TOOLS_TAKING_H
#define CRMFS_TOOLS_TAKING_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/passphrase.h"
#include "tools/sources.h"
#include "tools/words.h"

/* Texts of the command line, in the order given; borrowed. */
struct taking_order {
    struct passphrase_options passphrase;
    const char *store;
    const char *name; /* NULL: the time */
    struct words tags;
    struct words tables;
    struct words excluded;
    struct source_list sources;
    uint64_t view_timeout_ns;
    bool json;
    bool quiet;
    bool import; /* each source by itself, as of its own time */
};

/*
 * Takes them and says so. The exit status; STATUS_INCOMPLETE: they are taken, and something of a
 * source had to be left out.
 */
int taking_run(const struct taking_order *order);

#endif
