/* SPDX-License-Identifier: MIT */
/*
 * A power cut at every point of a story: of what was in flight nothing, everything, or any
 * part of it is found afterwards, also with a file cut short. Then every snapshot that was
 * acknowledged is there, whole, nothing else is, check() agrees, and the next snapshot and
 * the next prune work.
 */
#ifndef CRMFS_TESTS_FAULT_CUTS_H
#define CRMFS_TESTS_FAULT_CUTS_H

#include "tests/fault/diary.h"

/* What is done: the beginning is not cut short, RUN is. */
struct story {
    const char *name;
    void (*prepare)(struct diary *diary, struct store *store); /* NULL: nothing */
    void (*run)(struct diary *diary, struct store *store);

    /* What else must be so of what is found after a cut at POINT; NULL: nothing. */
    void (*verify)(struct storage *found, size_t point);

    bool every_cut; /* its first small file is cut at every byte */
    bool blemished; /* something is found that does no harm */
    size_t go_on;   /* after every so manieth try, more is done to the store; 0: all */
};

/* Tells a story to a new store, and tries all cuts; says how many. For a cmocka test. */
void cut_everywhere(struct scene *scene, const struct story *story);

/* For stories: each works, or the process ends. */
void story_take(struct diary *diary, struct store *store, unsigned day);
void story_prune(struct store *store, const struct prune_options *options);

#endif
