/* SPDX-License-Identifier: MIT */
/*
 * The N-th of something fails, for every N, once and for ever, while something is done to a
 * store. It then answers with a clean error or succeeds all the same, nothing that was
 * acknowledged is lost, no descriptor stays open (those of files that a storage keeps open are
 * counted once it is closed), and the next try works.
 */
#ifndef CRMFS_TESTS_FAULT_SABOTAGE_H
#define CRMFS_TESTS_FAULT_SABOTAGE_H

#include "tests/fault/scene.h"

/* How something fails. */
struct sabotage_mode {
    const char *name;
    int code; /* errno that is seen; 0: nothing may come of it */
    bool for_ever;
    unsigned way; /* means what the saboteur likes */
};

/*
 * Who makes it fail. A child works in a storage of its own, whose content each try makes
 * anew; FAULTY is it, or stands before it.
 */
struct saboteur {
    const char *name; /* of what fails */
    const struct sabotage_mode *modes;
    size_t mode_count;
    struct storage *(*open)(void);
    void (*fill)(struct storage *faulty, struct storage *content);
    void (*close)(struct storage *faulty);

    /* From now on the NTH (from 1) fails; 0: none, they are only counted. */
    void (*arm)(struct storage *faulty, const struct sabotage_mode *mode, uint64_t nth);
    /* Nothing fails any more. How many there were, and how many were made to fail. */
    void (*disarm)(struct storage *faulty, uint64_t *ret_counted, uint64_t *ret_failed);
    unsigned
        most; /* if there are more, so many are tried, evenly, unless FAULT_ALL is set; 0: all */
};

/* All that can be done to a store, under all modes. For a cmocka test. */
void sabotage_everything(struct scene *scene, const struct saboteur *saboteur);

#endif
