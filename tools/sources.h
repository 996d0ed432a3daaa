/* SPDX-License-Identifier: MIT */
/* The sources of a mount, gathered from the command line and the configuration. */
#ifndef CRMFS_TOOLS_SOURCES_H
#define CRMFS_TOOLS_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "fs/tree/tree.h"

#define SOURCES_LIMIT 10000

/* What of a folder of backups is not among the sources. */
struct passed_over {
    char *name;
    const char *why; /* "it is no backup that crmfs knows" */
    bool lacked;     /* … but was to be one */
};

struct source_list {
    struct tree_source *items; /* names and URLs are the list's own */
    size_t count;
    bool apart;          /* each is used by itself: several may have one name */
    char *configuration; /* the file that the first of them stand in; NULL: none */
    size_t configured;   /* how many do */
    struct passed_over *passed_over;
    size_t passed_over_count;
};

/* That all so far stand in the file NAME. 0 or -ENOMEM. */
int source_list_note_configuration(struct source_list *list, const char *name);

/* Whether one more may be called NAME; URL is what it was given as. 0 or -EINVAL. */
int source_list_check_room(const struct source_list *list, const char *name, const char *url,
                           struct failure *failure);

/* Adds one as it is. NAME and URL become the list's, also where it fails; NULL: -ENOMEM. */
int source_list_append(struct source_list *list, char *name, char *url, bool archive,
                       struct failure *failure);

/*
 * Adds what TEXT says, URL or NAME=URL. A relative path in it is taken from
 * DIRECTORY, an absolute path. A path that is a directory stands for every backup in it
 * (source_is_known), each under its file's name; one with *, ? or [ in it that is no file, for
 * the files that it matches. -EINVAL (malformed, a name that is taken, nothing found) or -ENOMEM.
 * A shell's "~/" is refused with a hint.
 */
int source_list_add(struct source_list *list, const char *text, const char *directory,
                    struct failure *failure);

/* The same with NAME apart from URL. */
int source_list_add_named(struct source_list *list, const char *name, const char *url,
                          const char *directory, struct failure *failure);

/*
 * Sets a key of the source added last, as crmfs.conf(5) has it: "password", "password-command", and
 * how an archive is to be read, "delimiter" and so on. -EINVAL or -ENOMEM.
 */
int source_list_set(struct source_list *list, const char *name, const char *value,
                    struct failure *failure);

/*
 * Sources that were not given a name are called by what of their file's name stands before a
 * date: "crm" of crm-2019-03-01.sql.gz. 0 or -ENOMEM.
 */
int source_list_strip_dates(struct source_list *list, struct failure *failure);

void source_list_release(struct source_list *list);

#endif
