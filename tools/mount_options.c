/* SPDX-License-Identifier: MIT */
#include "tools/mount_options.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/source.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/size_text.h"
#include "fs/tree/view_bounds.h"
#include "tools/option_rules.h"
#include "tools/path.h"

#define SECOND_NS UINT64_C(1000000000)
#define BOUND_SIZE 40

void mount_settings_init(struct mount_settings *settings)
{
    *settings = (struct mount_settings){
        .auto_unmount = true,
        .uid = getuid(),
        .gid = getgid(),
        .max_garbage_bytes = UINT64_C(1) << 30,
        .max_memory_bytes = UINT64_C(64) << 20,
        .refresh_ns = 2 * SECOND_NS,
        .busy_timeout_ns = SOURCE_BUSY_TIMEOUT_MS * (SECOND_NS / 1000),
        .view_timeout_ns = VIEW_TIMEOUT_NS,
        .passed = BUFFER(MOUNT_OPTIONS_LIMIT),
    };
}

void mount_settings_release(struct mount_settings *settings)
{
    free(settings->spool_directory);
    free(settings->fsname);
    free(settings->subtype);
    free(settings->config);
    free(settings->store);
    free(settings->passphrase_file);
    free(settings->passphrase_command);
    buffer_release(&settings->passed);
}

static int refuse_value(const struct option_rule *rule, const char *value, const char *wanted,
                        struct failure *failure)
{
    return failure_set(failure, EINVAL, "option %s: \"%s\" is %s", rule->name, value, wanted);
}

static int set_flag(const struct option_rule *rule, bool negated, const char *value, bool *ret_flag,
                    struct failure *failure)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    if (value == NULL) {
        *ret_flag = !negated;
        return 0;
    }
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (ascii_equal(value, yes[i]) || ascii_equal(value, no[i])) {
            *ret_flag = ascii_equal(value, yes[i]) != negated;
            return 0;
        }
    }
    return refuse_value(rule, value, "neither yes nor no", failure);
}

/* Digits of BASE, and nothing else. */
static int read_number(const char *text, int base, uint64_t *ret_number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;

    uint64_t number = strtoull(text, &end, base);

    if (*end != '\0' || errno != 0)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

static int find_owner(enum option_kind kind, const char *name, uint64_t *ret_number)
{
    const struct passwd *user = kind == OPTION_USER ? getpwnam(name) : NULL;
    const struct group *group = kind == OPTION_GROUP ? getgrnam(name) : NULL;

    if (user == NULL && group == NULL)
        return -EINVAL;
    *ret_number = user != NULL ? user->pw_uid : group->gr_gid;
    return 0;
}

/* A bound in the option's own unit. */
static void word_bound(const struct option_rule *rule, uint64_t bound, char text[BOUND_SIZE])
{
    static const char units[] = "KMG";
    size_t unit = 0;

    switch (rule->kind) {
    case OPTION_SIZE:
        for (; unit < sizeof units - 1 && bound >= 1024 && bound % 1024 == 0; unit++)
            bound /= 1024;
        snprintf(text, BOUND_SIZE, "%" PRIu64 "%.1s", bound, unit > 0 ? &units[unit - 1] : "");
        break;
    case OPTION_DURATION:
        snprintf(text, BOUND_SIZE, "%" PRIu64 " seconds", bound / SECOND_NS);
        break;
    case OPTION_OCTAL: snprintf(text, BOUND_SIZE, "0%" PRIo64, bound); break;
    default: snprintf(text, BOUND_SIZE, "%" PRIu64, bound); break;
    }
}

static int refuse_bound(const struct option_rule *rule, const char *value, uint64_t number,
                        struct failure *failure)
{
    bool little = number < rule->least;
    char bound[BOUND_SIZE];

    word_bound(rule, little ? rule->least : rule->most, bound);
    return failure_set(failure, EINVAL, "option %s: \"%s\" is too %s; the %s is %s", rule->name,
                       value, little ? "little" : "much", little ? "least" : "most", bound);
}

static int set_number(const struct option_rule *rule, const char *value, uint64_t *ret_number,
                      struct failure *failure)
{
    const char *wanted = "";
    uint64_t number = 0;
    int error = -EINVAL;

    switch (rule->kind) {
    case OPTION_SIZE:
        wanted = "no size; write a number and K, M or G, such as 64M";
        error = size_text_bytes(value, &number);
        break;
    case OPTION_DURATION:
        wanted = "no time; write seconds, such as 2 or 0.5";
        error = size_text_duration(value, &number);
        break;
    case OPTION_OCTAL:
        wanted = "no octal number from 0 to 0777";
        error = read_number(value, 8, &number);
        break;
    case OPTION_USER:
    case OPTION_GROUP:
        wanted = rule->kind == OPTION_USER ? "no user of this machine" : "no group of this machine";
        error = read_number(value, 10, &number);
        if (error != 0)
            error = find_owner(rule->kind, value, &number);
        break;
    default: break;
    }
    if (error != 0)
        return refuse_value(rule, value, wanted, failure);
    if (number < rule->least || number > rule->most)
        return refuse_bound(rule, value, number, failure);
    *ret_number = number;
    return 0;
}

static int set_text(const struct option_rule *rule, const char *value, char **ret_text,
                    struct failure *failure)
{
    if (value[0] == '\0')
        return refuse_value(rule, value, "empty", failure);

    char *text = strdup(value);

    if (text == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    free(*ret_text);
    *ret_text = text;
    return 0;
}

static int append_escaped(struct buffer *list, const char *text)
{
    int error = 0;

    for (; *text != '\0' && error == 0; text++) {
        if (*text == ',' || *text == '\\')
            error = buffer_append(list, "\\", 1);
        if (error == 0)
            error = buffer_append(list, text, 1);
    }
    return error;
}

/* ",NAME=VALUE"; VALUE may be NULL. */
static int append_option(struct buffer *list, const char *name, const char *value)
{
    int error = buffer_print(list, ",%s%s", name, value != NULL ? "=" : "");

    return error == 0 && value != NULL ? append_escaped(list, value) : error;
}

static int pass(const struct option_rule *rule, const char *value, struct buffer *passed,
                struct failure *failure)
{
    int error = append_option(passed, rule->name, value);

    return error == 0 ? 0 : failure_set(failure, -error, "option %s: too many options", rule->name);
}

static int apply(struct mount_settings *settings, const struct option_rule *rule, bool negated,
                 const char *value, struct failure *failure)
{
    void *place = (char *)settings + rule->offset;
    bool wanted = true;
    int error;

    switch (rule->kind) {
    case OPTION_IGNORED: return 0;
    case OPTION_FLAG: return set_flag(rule, negated, value, place, failure);
    case OPTION_FLAG_OFF: return set_flag(rule, true, value, place, failure);
    case OPTION_PASSED_FLAG:
        error = set_flag(rule, false, value, &wanted, failure);
        return error != 0 || !wanted ? error : pass(rule, NULL, &settings->passed, failure);
    default: break;
    }
    if (value == NULL)
        return failure_set(failure, EINVAL, "option %s needs a value: %s=…", rule->name,
                           rule->name);
    if (rule->kind == OPTION_TEXT)
        return set_text(rule, value, place, failure);
    if (rule->kind == OPTION_PASSED_TEXT)
        return pass(rule, value, &settings->passed, failure);
    return set_number(rule, value, place, failure);
}

int mount_settings_set(struct mount_settings *settings, const char *noun, const char *name,
                       const char *value, struct failure *failure)
{
    const struct option_rule *rule = option_rule_find(name);
    bool negated = false;

    if (rule == NULL) {
        rule = option_rule_find_negated(name);
        negated = rule != NULL;
    }
    if (rule != NULL)
        return apply(settings, rule, negated, value, failure);
    if (strcmp(name, "remount") == 0)
        return failure_set(
            failure, EINVAL,
            "the options of a mount that stands cannot be changed (remount); unmount "
            "it, and mount it again with other ones");
    /* Words that mount(8) leaves to whoever reads /etc/fstab. */
    if (strncmp(name, "x-", 2) == 0 || strncmp(name, "X-", 2) == 0)
        return 0;
    return option_refuse_unknown(noun, name, failure);
}

/* Takes the next word off *LIST into WORD, its escapes resolved. */
static void take_word(const char **list, char *word)
{
    const char *from = *list;

    for (; *from != '\0' && *from != ','; from++) {
        if (*from == '\\' && from[1] != '\0')
            from++;
        *word++ = *from;
    }
    *word = '\0';
    *list = *from == ',' ? from + 1 : from;
}

int mount_settings_parse(struct mount_settings *settings, const char *list, bool sloppy,
                         struct failure *failure)
{
    size_t size = strlen(list) + 1;

    if (size > MOUNT_OPTIONS_LIMIT)
        return failure_set(failure, EINVAL, "the list of options is too long");

    cleanup_free char *word = malloc(size);

    if (word == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    while (*list != '\0') {
        take_word(&list, word);
        if (*word == '\0')
            continue;

        char *value = strchr(word, '=');

        if (value != NULL)
            *value++ = '\0';
        if (sloppy && option_rule_find(word) == NULL && option_rule_find_negated(word) == NULL)
            continue;

        int error = mount_settings_set(settings, "option", word, value, failure);

        if (error != 0)
            return error;
    }
    return 0;
}

int mount_settings_check(const struct mount_settings *settings, struct failure *failure)
{
    if (settings->allow_other && settings->allow_root)
        return failure_set(failure, EINVAL,
                           "allow_other and allow_root exclude each other; allow_other includes "
                           "root");
    return 0;
}

int mount_settings_check_places(const struct mount_settings *settings, const char *mountpoint,
                                struct failure *failure)
{
    const char *spool = settings->spool_directory;
    const char *store = settings->store;

    if (spool != NULL && path_is_within(spool, mountpoint))
        return failure_set(failure, EINVAL,
                           "the spool %s lies in the mountpoint, which covers it; take another "
                           "directory: -o spool=DIR",
                           spool);
    if (store != NULL && path_is_within(store, mountpoint))
        return failure_set(failure, EINVAL,
                           "the store %s lies in the mountpoint, which covers it; mount on another "
                           "directory",
                           store);
    return 0;
}

int mount_settings_fuse_options(const struct mount_settings *settings, const char *fsname,
                                struct buffer *list)
{
    bool writable = (settings->store != NULL || settings->write_live) && !settings->read_only;
    int error = buffer_append_text(list, writable ? "rw" : "ro");

    if (error == 0)
        error = append_option(list, "fsname", settings->fsname != NULL ? settings->fsname : fsname);
    if (error == 0)
        error =
            append_option(list, "subtype", settings->subtype != NULL ? settings->subtype : "crmfs");
    if (error == 0 && settings->allow_other)
        error = append_option(list, "allow_other", NULL);
    if (error == 0 && settings->allow_root)
        error = append_option(list, "allow_root", NULL);
    if (error == 0)
        error = buffer_append(list, settings->passed.data, settings->passed.size);
    return error != 0 ? error : buffer_append(list, "", 1);
}
