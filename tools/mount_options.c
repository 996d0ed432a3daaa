/* SPDX-License-Identifier: MIT */
#include "tools/mount_options.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/size_text.h"

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS (24 * 3600 * SECOND_NS)

enum kind {
    FLAG,     /* bool */
    SIZE,     /* uint64_t, as the kinds below */
    DURATION, /* nanoseconds */
    OCTAL,
    USER, /* a name or a number */
    GROUP,
    TEXT,        /* char * */
    PASSED_FLAG, /* to the kernel */
    PASSED_TEXT,
    IGNORED, /* with a value or without */
};

struct rule {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct mount_settings */
    uint64_t least, most;
};

#define PLACE(member) offsetof(struct mount_settings, member)

static const struct rule rules[] = {
    {"allow_other", FLAG, PLACE(allow_other), 0, 0},
    {"allow_root", FLAG, PLACE(allow_root), 0, 0},
    {"auto_unmount", FLAG, PLACE(auto_unmount), 0, 0},
    {"busy-timeout", DURATION, PLACE(busy_timeout_ns), 0, DAY_NS},
    {"config", TEXT, PLACE(config), 0, 0},
    {"debug", FLAG, PLACE(debug), 0, 0},
    {"fsname", TEXT, PLACE(fsname), 0, 0},
    {"gid", GROUP, PLACE(gid), 0, UINT32_MAX - 1},
    {"max-memory", SIZE, PLACE(max_memory_bytes), UINT64_C(16) << 20, UINT64_MAX},
    {"max_read", SIZE, PLACE(max_read), 4096, UINT64_C(1) << 30},
    {"refresh", DURATION, PLACE(refresh_ns), 0, 365 * DAY_NS},
    {"spool", TEXT, PLACE(spool_directory), 0, 0},
    {"spool-size", SIZE, PLACE(spool_bytes), UINT64_C(1) << 20, UINT64_MAX},
    {"subtype", TEXT, PLACE(subtype), 0, 0},
    {"uid", USER, PLACE(uid), 0, UINT32_MAX - 1},
    {"umask", OCTAL, PLACE(umask), 0, 0777},

    {"context", PASSED_TEXT, 0, 0, 0},
    {"defcontext", PASSED_TEXT, 0, 0, 0},
    {"fscontext", PASSED_TEXT, 0, 0, 0},
    {"noexec", PASSED_FLAG, 0, 0, 0},
    {"rootcontext", PASSED_TEXT, 0, 0, 0},

    /* It is so anyway: read-only, nothing to run with other rights, cached for good. */
    {"clone_fd", IGNORED, 0, 0, 0},
    {"default_permissions", IGNORED, 0, 0, 0},
    {"kernel_cache", IGNORED, 0, 0, 0},
    {"nodev", IGNORED, 0, 0, 0},
    {"nosuid", IGNORED, 0, 0, 0},
    {"ro", IGNORED, 0, 0, 0},
    {"rw", IGNORED, 0, 0, 0},

    /* mount(8)'s own, and what has no meaning where nothing is written. */
    {"_netdev", IGNORED, 0, 0, 0},
    {"async", IGNORED, 0, 0, 0},
    {"atime", IGNORED, 0, 0, 0},
    {"auto", IGNORED, 0, 0, 0},
    {"comment", IGNORED, 0, 0, 0},
    {"defaults", IGNORED, 0, 0, 0},
    {"dev", IGNORED, 0, 0, 0},
    {"diratime", IGNORED, 0, 0, 0},
    {"dirsync", IGNORED, 0, 0, 0},
    {"exec", IGNORED, 0, 0, 0},
    {"group", IGNORED, 0, 0, 0},
    {"iversion", IGNORED, 0, 0, 0},
    {"lazytime", IGNORED, 0, 0, 0},
    {"loud", IGNORED, 0, 0, 0},
    {"mand", IGNORED, 0, 0, 0},
    {"noatime", IGNORED, 0, 0, 0},
    {"noauto", IGNORED, 0, 0, 0},
    {"nodiratime", IGNORED, 0, 0, 0},
    {"nofail", IGNORED, 0, 0, 0},
    {"nogroup", IGNORED, 0, 0, 0},
    {"noiversion", IGNORED, 0, 0, 0},
    {"nolazytime", IGNORED, 0, 0, 0},
    {"nomand", IGNORED, 0, 0, 0},
    {"noowner", IGNORED, 0, 0, 0},
    {"norelatime", IGNORED, 0, 0, 0},
    {"nostrictatime", IGNORED, 0, 0, 0},
    {"nouser", IGNORED, 0, 0, 0},
    {"nousers", IGNORED, 0, 0, 0},
    {"owner", IGNORED, 0, 0, 0},
    {"relatime", IGNORED, 0, 0, 0},
    {"silent", IGNORED, 0, 0, 0},
    {"strictatime", IGNORED, 0, 0, 0},
    {"suid", IGNORED, 0, 0, 0},
    {"sync", IGNORED, 0, 0, 0},
    {"user", IGNORED, 0, 0, 0},
    {"users", IGNORED, 0, 0, 0},
};
#define RULES (sizeof rules / sizeof *rules)

void mount_settings_init(struct mount_settings *settings)
{
    *settings = (struct mount_settings){
        .auto_unmount = true,
        .uid = getuid(),
        .gid = getgid(),
        .max_memory_bytes = UINT64_C(64) << 20,
        .refresh_ns = 2 * SECOND_NS,
        .busy_timeout_ns = 5 * SECOND_NS,
        .passed = BUFFER(MOUNT_OPTIONS_LIMIT),
    };
}

void mount_settings_release(struct mount_settings *settings)
{
    free(settings->spool_directory);
    free(settings->fsname);
    free(settings->subtype);
    free(settings->config);
    buffer_release(&settings->passed);
}

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

static const struct rule *find_rule(const char *name)
{
    for (size_t i = 0; i < RULES; i++) {
        if (same_name(rules[i].name, name))
            return &rules[i];
    }
    return NULL;
}

/* A flag's opposite: "noauto_unmount". */
static const struct rule *find_negated_rule(const char *name)
{
    if (strncmp(name, "no", 2) != 0)
        return NULL;

    const struct rule *rule = find_rule(name + 2);

    return rule != NULL && rule->kind == FLAG ? rule : NULL;
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

static int refuse_unknown(const char *noun, const char *name, struct failure *failure)
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

static int refuse_value(const struct rule *rule, const char *value, const char *wanted,
                        struct failure *failure)
{
    return failure_set(failure, EINVAL, "option %s: \"%s\" is %s", rule->name, value, wanted);
}

static int set_flag(const struct rule *rule, bool negated, const char *value, bool *ret_flag,
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

static int find_owner(enum kind kind, const char *name, uint64_t *ret_number)
{
    const struct passwd *user = kind == USER ? getpwnam(name) : NULL;
    const struct group *group = kind == GROUP ? getgrnam(name) : NULL;

    if (user == NULL && group == NULL)
        return -EINVAL;
    *ret_number = user != NULL ? user->pw_uid : group->gr_gid;
    return 0;
}

static int set_number(const struct rule *rule, const char *value, uint64_t *ret_number,
                      struct failure *failure)
{
    const char *wanted = "";
    uint64_t number = 0;
    int error = -EINVAL;

    switch (rule->kind) {
    case SIZE:
        wanted = "no size; write a number and K, M or G, such as 64M";
        error = size_text_bytes(value, &number);
        break;
    case DURATION:
        wanted = "no time; write seconds, such as 2 or 0.5";
        error = size_text_duration(value, &number);
        break;
    case OCTAL:
        wanted = "no octal number from 0 to 0777";
        error = read_number(value, 8, &number);
        break;
    case USER:
    case GROUP:
        wanted = rule->kind == USER ? "no user of this machine" : "no group of this machine";
        error = read_number(value, 10, &number);
        if (error != 0)
            error = find_owner(rule->kind, value, &number);
        break;
    default: break;
    }
    if (error != 0)
        return refuse_value(rule, value, wanted, failure);
    if (number < rule->least)
        return refuse_value(rule, value, "too little", failure);
    if (number > rule->most)
        return refuse_value(rule, value, "too much", failure);
    *ret_number = number;
    return 0;
}

static int set_text(const struct rule *rule, const char *value, char **ret_text,
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

static int pass(const struct rule *rule, const char *value, struct buffer *passed,
                struct failure *failure)
{
    int error = append_option(passed, rule->name, value);

    return error == 0 ? 0 : failure_set(failure, -error, "option %s: too many options", rule->name);
}

static int apply(struct mount_settings *settings, const struct rule *rule, bool negated,
                 const char *value, struct failure *failure)
{
    void *place = (char *)settings + rule->offset;
    bool wanted = true;
    int error;

    switch (rule->kind) {
    case IGNORED: return 0;
    case FLAG: return set_flag(rule, negated, value, place, failure);
    case PASSED_FLAG:
        error = set_flag(rule, false, value, &wanted, failure);
        return error != 0 || !wanted ? error : pass(rule, NULL, &settings->passed, failure);
    default: break;
    }
    if (value == NULL)
        return failure_set(failure, EINVAL, "option %s needs a value: %s=…", rule->name,
                           rule->name);
    if (rule->kind == TEXT)
        return set_text(rule, value, place, failure);
    if (rule->kind == PASSED_TEXT)
        return pass(rule, value, &settings->passed, failure);
    return set_number(rule, value, place, failure);
}

int mount_settings_set(struct mount_settings *settings, const char *noun, const char *name,
                       const char *value, struct failure *failure)
{
    const struct rule *rule = find_rule(name);
    bool negated = false;

    if (rule == NULL) {
        rule = find_negated_rule(name);
        negated = rule != NULL;
    }
    if (rule != NULL)
        return apply(settings, rule, negated, value, failure);
    /* Words that mount(8) leaves to whoever reads /etc/fstab. */
    if (strncmp(name, "x-", 2) == 0 || strncmp(name, "X-", 2) == 0)
        return 0;
    return refuse_unknown(noun, name, failure);
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
        if (sloppy && find_rule(word) == NULL && find_negated_rule(word) == NULL)
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

int mount_settings_fuse_options(const struct mount_settings *settings, const char *fsname,
                                struct buffer *list)
{
    int error = buffer_append_text(list, "ro");

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
