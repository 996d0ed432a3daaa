/* SPDX-License-Identifier: MIT */
#include "tools/option_rules.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tools/mount_options.h"

#define DAY_NS (UINT64_C(24) * 3600 * 1000000000)

#define PLACE(member) offsetof(struct mount_settings, member)

static const struct option_rule rules[] = {
    {"allow_other", OPTION_FLAG, PLACE(allow_other), 0, 0},
    {"allow_root", OPTION_FLAG, PLACE(allow_root), 0, 0},
    {"auto_unmount", OPTION_FLAG, PLACE(auto_unmount), 0, 0},
    {"busy-timeout", OPTION_DURATION, PLACE(busy_timeout_ns), 0, DAY_NS},
    {"config", OPTION_TEXT, PLACE(config), 0, 0},
    {"debug", OPTION_FLAG, PLACE(debug), 0, 0},
    {"fsname", OPTION_TEXT, PLACE(fsname), 0, 0},
    {"gid", OPTION_GROUP, PLACE(gid), 0, UINT32_MAX - 1},
    {"max-garbage", OPTION_SIZE, PLACE(max_garbage_bytes), 0, UINT64_MAX},
    {"max-memory", OPTION_SIZE, PLACE(max_memory_bytes), UINT64_C(24) << 20, UINT64_MAX},
    {"max_read", OPTION_SIZE, PLACE(max_read), 4096, UINT64_C(1) << 30},
    {"passphrase-command", OPTION_TEXT, PLACE(passphrase_command), 0, 0},
    {"passphrase-file", OPTION_TEXT, PLACE(passphrase_file), 0, 0},
    {"records", OPTION_FLAG, PLACE(list_records), 0, 0},
    {"refresh", OPTION_DURATION, PLACE(refresh_ns), 0, 365 * DAY_NS},
    {"ro", OPTION_FLAG, PLACE(read_only), 0, 0},
    {"rw", OPTION_FLAG_OFF, PLACE(read_only), 0, 0},
    {"rw-live", OPTION_FLAG, PLACE(write_live), 0, 0},
    {"spool", OPTION_TEXT, PLACE(spool_directory), 0, 0},
    {"spool-size", OPTION_SIZE, PLACE(spool_bytes), UINT64_C(1) << 20, UINT64_MAX},
    {"store", OPTION_TEXT, PLACE(store), 0, 0},
    {"subtype", OPTION_TEXT, PLACE(subtype), 0, 0},
    {"uid", OPTION_USER, PLACE(uid), 0, UINT32_MAX - 1},
    {"umask", OPTION_OCTAL, PLACE(umask), 0, 0777},
    {"view-timeout", OPTION_DURATION, PLACE(view_timeout_ns), 0, 365 * DAY_NS},

    {"context", OPTION_PASSED_TEXT, 0, 0, 0},
    {"defcontext", OPTION_PASSED_TEXT, 0, 0, 0},
    {"fscontext", OPTION_PASSED_TEXT, 0, 0, 0},
    {"noexec", OPTION_PASSED_FLAG, 0, 0, 0},
    {"rootcontext", OPTION_PASSED_TEXT, 0, 0, 0},

    /* It is so anyway: nothing to run with other rights, cached for good. */
    {"clone_fd", OPTION_IGNORED, 0, 0, 0},
    {"default_permissions", OPTION_IGNORED, 0, 0, 0},
    {"kernel_cache", OPTION_IGNORED, 0, 0, 0},
    {"nodev", OPTION_IGNORED, 0, 0, 0},
    {"nosuid", OPTION_IGNORED, 0, 0, 0},

    /* mount(8)'s own, and what has no meaning where nothing is written. */
    {"_netdev", OPTION_IGNORED, 0, 0, 0},
    {"async", OPTION_IGNORED, 0, 0, 0},
    {"atime", OPTION_IGNORED, 0, 0, 0},
    {"auto", OPTION_IGNORED, 0, 0, 0},
    {"comment", OPTION_IGNORED, 0, 0, 0},
    {"defaults", OPTION_IGNORED, 0, 0, 0},
    {"dev", OPTION_IGNORED, 0, 0, 0},
    {"diratime", OPTION_IGNORED, 0, 0, 0},
    {"dirsync", OPTION_IGNORED, 0, 0, 0},
    {"exec", OPTION_IGNORED, 0, 0, 0},
    {"group", OPTION_IGNORED, 0, 0, 0},
    {"iversion", OPTION_IGNORED, 0, 0, 0},
    {"lazytime", OPTION_IGNORED, 0, 0, 0},
    {"loud", OPTION_IGNORED, 0, 0, 0},
    {"mand", OPTION_IGNORED, 0, 0, 0},
    {"noatime", OPTION_IGNORED, 0, 0, 0},
    {"noauto", OPTION_IGNORED, 0, 0, 0},
    {"nodiratime", OPTION_IGNORED, 0, 0, 0},
    {"nofail", OPTION_IGNORED, 0, 0, 0},
    {"nogroup", OPTION_IGNORED, 0, 0, 0},
    {"noiversion", OPTION_IGNORED, 0, 0, 0},
    {"nolazytime", OPTION_IGNORED, 0, 0, 0},
    {"nomand", OPTION_IGNORED, 0, 0, 0},
    {"noowner", OPTION_IGNORED, 0, 0, 0},
    {"norelatime", OPTION_IGNORED, 0, 0, 0},
    {"nostrictatime", OPTION_IGNORED, 0, 0, 0},
    {"nouser", OPTION_IGNORED, 0, 0, 0},
    {"nousers", OPTION_IGNORED, 0, 0, 0},
    {"owner", OPTION_IGNORED, 0, 0, 0},
    {"relatime", OPTION_IGNORED, 0, 0, 0},
    {"silent", OPTION_IGNORED, 0, 0, 0},
    {"strictatime", OPTION_IGNORED, 0, 0, 0},
    {"suid", OPTION_IGNORED, 0, 0, 0},
    {"sync", OPTION_IGNORED, 0, 0, 0},
    {"user", OPTION_IGNORED, 0, 0, 0},
    {"users", OPTION_IGNORED, 0, 0, 0},
};
#define RULES (sizeof rules / sizeof *rules)

static char plain(char letter)
{
    return letter == '-' ? '_' : letter;
}

static bool same_name(const char *left, const char *right)
{
    while (*left != '\0' && plain(*left) == plain(*right)) {
        left++;
        right++;
    }
    return *left == '\0' && *right == '\0';
}

const struct option_rule *option_rule_find(const char *name)
{
    for (size_t i = 0; i < RULES; i++) {
        if (same_name(rules[i].name, name))
            return &rules[i];
    }
    return NULL;
}

/* A flag's opposite: "noauto_unmount". */
const struct option_rule *option_rule_find_negated(const char *name)
{
    if (strncmp(name, "no", 2) != 0)
        return NULL;

    const struct option_rule *rule = option_rule_find(name + 2);

    return rule != NULL && rule->kind == OPTION_FLAG ? rule : NULL;
}

#define LONGEST_COMPARED 24

/* How many letters are to be changed, added or left out (Levenshtein's distance). */
static size_t difference(const char *left, const char *right)
{
    size_t row[LONGEST_COMPARED + 1];
    size_t width = strlen(right);

    if (width > LONGEST_COMPARED || strlen(left) > LONGEST_COMPARED)
        return LONGEST_COMPARED;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; left[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 1; j <= width; j++) {
            size_t changed = diagonal + (plain(left[i]) != plain(right[j - 1]));
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = changed < shifted ? changed : shifted;
        }
    }
    return row[width];
}

int option_refuse_unknown(const char *noun, const char *name, struct failure *failure)
{
    const char *nearest = NULL;
    size_t least = 3; /* what differs by more is another word */

    for (size_t i = 0; i < RULES; i++) {
        size_t now = difference(name, rules[i].name);

        if (now < least && now < strlen(rules[i].name) / 2) {
            least = now;
            nearest = rules[i].name;
        }
    }
    if (nearest != NULL)
        return failure_set(failure, EINVAL, "unknown %s \"%s\"; did you mean \"%s\"?", noun, name,
                           nearest);
    return failure_set(failure, EINVAL, "unknown %s \"%s\"; crmfs mount --help lists what there is",
                       noun, name);
}
