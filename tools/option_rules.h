/* SPDX-License-Identifier: MIT */
/* Which mount options there are, and what value each takes. */
#ifndef CRMFS_TOOLS_OPTION_RULES_H
#define CRMFS_TOOLS_OPTION_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_FLAG_OFF, /* the opposite of one */
    OPTION_SIZE,     /* uint64_t, as the kinds below */
    OPTION_DURATION, /* nanoseconds */
    OPTION_OCTAL,
    OPTION_USER, /* a name or a number */
    OPTION_GROUP,
    OPTION_TEXT,        /* char * */
    OPTION_PASSED_FLAG, /* to the kernel */
    OPTION_PASSED_TEXT,
    OPTION_IGNORED, /* with a value or without */
};

struct option_rule {
    const char *name;
    enum option_kind kind;
    size_t offset; /* in struct mount_settings */
    uint64_t least, most;
};

/* The rule of the option NAME, in which '-' and '_' are one; NULL: there is none. */
const struct option_rule *option_rule_find(const char *name);

/* The rule of the flag that NAME turns off: "noauto_unmount". */
const struct option_rule *option_rule_find_negated(const char *name);

/* -EINVAL, in words that name the one that may have been meant. NOUN: what to call it. */
int option_refuse_unknown(const char *noun, const char *name, struct failure *failure);

#endif
