/* SPDX-License-Identifier: MIT */
/* A mount from its settings to its end: mount_command.c says what the command line has of them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/mount/session.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/daemon.h"
#include "tools/guard.h"
#include "tools/mount_options.h"
#include "tools/mount_run.h"
#include "tools/mount_store.h"
#include "tools/path.h"
#include "tools/sources.h"

#define BYTES_PER_INODE 2048 /* of max-memory; each takes a quarter of it or so */

void mount_release(struct mount *mount)
{
    mount_settings_release(&mount->settings);
    source_list_release(&mount->sources);
    free(mount->mountpoint);
    free(mount->shown_source);
}

static void release_settings(struct mount_settings *settings)
{
    mount_settings_release(settings);
}

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

/* Of the configuration, before what the command line names is added to its sources. */
static void warn_of_readable_password(const struct source_list *sources)
{
    struct stat status;
    bool any = false;

    for (size_t i = 0; i < sources->count; i++)
        any = any || sources->items[i].password != NULL;
    if (any && sources->configuration != NULL && stat(sources->configuration, &status) == 0 &&
        (status.st_mode & (S_IRGRP | S_IROTH)) != 0)
        fprintf(stderr,
                "crmfs: warning: %s holds a password, and other users may read it; chmod 600 keeps "
                "it from them\n",
                sources->configuration);
}

/*
 * The options of the command line count more than the configuration's, and one
 * of them may name the configuration: so they are read twice.
 */
static int read_settings(struct mount *mount, const struct command_line *line,
                         struct failure *failure)
{
    cleanup(release_settings) struct mount_settings first;
    const char *list = line->options.size != 0 ? (const char *)line->options.data : "";

    mount_settings_init(&first);

    int error = mount_settings_parse(&first, list, line->sloppy, failure);
    const char *config = line->config != NULL ? line->config : first.config;

    if (error == 0 && line->config != NULL && first.config != NULL)
        error = failure_set(failure, EINVAL,
                            "--config and -o config= each name a file; one file says it all");
    if (error == 0 && config != NULL)
        error = config_read(config, &mount->settings, &mount->sources, failure);
    if (error == 0)
        warn_of_readable_password(&mount->sources);
    if (error == 0)
        error = mount_settings_parse(&mount->settings, list, line->sloppy, failure);
    if (error == 0 && line->store != NULL)
        error = mount_settings_set(&mount->settings, "option", "store", line->store, failure);
    return error != 0 ? error : mount_settings_check(&mount->settings, failure);
}

static int read_sources(struct mount *mount, char **words, int count, struct failure *failure)
{
    cleanup_free char *directory = getcwd(NULL, 0);
    int error = 0;

    if (directory == NULL)
        return failure_set(failure, errno, "cannot tell the working directory: %s",
                           strerror(errno));
    for (int i = 0; i < count && error == 0; i++)
        error = mount_store_is(words[i])
                    ? mount_store_take(&mount->settings, words[i],
                                       count == 1 && mount->sources.count == 0, failure)
                    : source_list_add(&mount->sources, words[i], directory, failure);
    if (error == 0 && mount->sources.count == 0 && mount->settings.store == NULL)
        return failure_set(
            failure, EINVAL,
            "there is no source before the mountpoint, nor in a configuration; crmfs "
            "mount --help says more");
    return error;
}

/* What the daemon uses after it has left the working directory. */
static int make_absolute(struct mount *mount, const char *mountpoint, struct failure *failure)
{
    const char *temporary = getenv("TMPDIR");
    char **spool = &mount->settings.spool_directory;

    if (*spool == NULL && temporary != NULL && temporary[0] != '\0')
        *spool = strdup(temporary);
    mount->mountpoint = path_of_mountpoint(mountpoint);
    if (mount->mountpoint == NULL)
        return failure_set(failure, errno, "%s: %s", mountpoint, strerror(errno));

    if (path_make_absolute(spool) != 0 || path_make_absolute(&mount->settings.store) != 0)
        return no_memory(failure);
    return mount_settings_check_places(&mount->settings, mount->mountpoint, failure);
}

static int prepare(struct mount *mount, const struct command_line *line, struct failure *failure)
{
    int last = line->word_count - 1;

    if (last < 0)
        return failure_set(failure, EINVAL, "there is no mountpoint; crmfs mount --help");
    if (line->words[last][0] == '\0')
        return failure_set(failure, EINVAL, "the mountpoint is missing: \"\" names no directory");
    mount_settings_init(&mount->settings);

    int error = read_settings(mount, line, failure);

    if (error == 0)
        error = read_sources(mount, line->words, last, failure);
    if (error == 0)
        error = make_absolute(mount, line->words[last], failure);
    mount->passphrase = line->passphrase;
    mount->foreground = line->foreground || mount->settings.debug;
    return error;
}

/* For /proc/mounts, where everybody may read it: no URL that a password may stand in. */
static const char *shown_source(const struct mount *mount)
{
    const struct tree_source *first = mount->sources.items;

    if (mount->shown_source != NULL)
        return mount->shown_source;
    if (mount->sources.count > 1)
        return "crmfs";
    if (mount->sources.count == 0)
        return mount->settings.store;
    return strstr(first->url, "://") != NULL ? first->name : first->url;
}

/* Something in a folder of backups has no folder in the mount. */
static void report_passed_over(struct tree *tree, const struct passed_over *passed_over)
{
    cleanup_free char *path = NULL;
    struct failure why;

    if (asprintf(&path, "archives/%s", passed_over->name) < 0)
        path = NULL;
    failure_set(&why, EILSEQ, "it is left out: %s", passed_over->why);
    tree_report(tree, path != NULL ? path : passed_over->name, &why);
}

static int create_tree(const struct mount *mount, struct store *store, struct tree **ret_tree,
                       struct failure *failure)
{
    const struct mount_settings *settings = &mount->settings;
    struct tree_options options = {
        .max_garbage_bytes = settings->max_garbage_bytes,
        .max_memory_bytes = settings->max_memory_bytes,
        .refresh_ns = settings->refresh_ns,
        .spool_directory = settings->spool_directory,
        .spool_bytes = settings->spool_bytes,
        .busy_timeout_ms = (unsigned)(settings->busy_timeout_ns / 1000000),
        .view_timeout_ns = settings->view_timeout_ns,
        .store = store,
        .store_path = settings->store,
        .list_records = settings->list_records,
        .write_live = settings->write_live,
        .read_only = settings->read_only,
    };

    mount_store_owner(settings, &options.uid, &options.gid);

    int error =
        tree_create(&options, mount->sources.items, mount->sources.count, ret_tree, failure);

    for (size_t i = 0; error == 0 && i < mount->sources.passed_over_count; i++)
        report_passed_over(*ret_tree, &mount->sources.passed_over[i]);
    return error;
}

static int mount_session(const struct mount *mount, struct session **ret_session,
                         struct failure *failure)
{
    const struct mount_settings *settings = &mount->settings;
    cleanup_buffer struct buffer list = BUFFER(MOUNT_OPTIONS_LIMIT);
    int error = mount_settings_fuse_options(settings, shown_source(mount), &list);

    if (error != 0)
        return failure_set(failure, -error, "the mount options are too long");

    struct mount_options options = {
        .mountpoint = mount->mountpoint,
        .fuse_options = (const char *)list.data,
        .uid = (uid_t)settings->uid,
        .gid = (gid_t)settings->gid,
        .umask = (mode_t)settings->umask,
        .max_read = (unsigned)settings->max_read,
        .max_inodes = (size_t)(settings->max_memory_bytes / BYTES_PER_INODE),
        .debug = settings->debug,
    };

    return session_mount(&options, ret_session, failure);
}

static void on_ready(void *daemon)
{
    daemon_ready(daemon);
}

static int run_tree(const struct mount *mount, struct tree *tree, struct daemon *daemon,
                    struct failure *failure)
{
    struct session *session = NULL;
    int error = mount_session(mount, &session, failure);

    if (error != 0)
        return error;
    error = session_run(session, tree, on_ready, daemon, failure);
    session_free(session);
    return error;
}

/* Of a mount that was there. */
static int complain_of_end(const struct mount *mount, int error, const struct failure *failure)
{
    log_message(LOG_LEVEL_ERROR, "%s: %s", mount->mountpoint, failure_text(failure, error));
    return STATUS_FAILED;
}

static int serve_store(const struct mount *mount, struct store *store, struct daemon *daemon,
                       struct failure *failure)
{
    struct tree *tree = NULL;
    int error = create_tree(mount, store, &tree, failure);

    if (error == 0) {
        struct failure loss = {0};

        error = run_tree(mount, tree, daemon, failure);

        int lost = tree_free(tree, &loss);

        if (daemon->ready && !mount->foreground) /* the terminal is gone, and the threads are */
            log_to_syslog();
        if (error == 0)
            *failure = loss;
        else if (lost != 0)
            complain_of_end(mount, lost, &loss);
        if (error == 0)
            error = lost;
    }
    return error;
}

/*
 * Opens, mounts and serves, until unmounted. The sources come first: what is no database is not
 * mounted. The store's keys are in no other process: after the last fork, before any thread.
 */
static int serve(const struct mount *mount, struct daemon *daemon, struct failure *failure)
{
    struct guard guard = {0};
    struct store *store = NULL;
    int error = 0;

    /* Before the threads that the tree starts. */
    if (mount->settings.auto_unmount)
        error = guard_start(mount->mountpoint, &guard, failure);
    if (error != 0)
        return error;
    error = mount_store_open(&mount->settings, &mount->passphrase, &store, failure);
    if (error == 0)
        error = serve_store(mount, store, daemon, failure);
    store_close(store);
    guard_end(&guard);
    return error;
}

static int complain(const struct command_line *line, int error, const struct failure *failure)
{
    const char *mountpoint = line->word_count > 0 ? line->words[line->word_count - 1] : "";

    log_message(LOG_LEVEL_ERROR, "cannot mount%s%s: %s", mountpoint[0] != '\0' ? " " : "",
                mountpoint, failure_text(failure, error));
    return error == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
}

int mount_run(struct mount *mount, const struct command_line *line)
{
    struct failure failure = {0};
    struct daemon daemon = {.pipe = -1};
    bool parent = false;
    int status = 0;
    int error = prepare(mount, line, &failure);

    if (error != 0)
        return complain(line, error, &failure);
    if (line->pretend)
        return 0;
    if (mount->settings.debug)
        log_set_level(LOG_LEVEL_DEBUG);
    if (!mount->foreground)
        error = daemon_start(&daemon, &parent, &status, &failure);
    if (error != 0)
        return complain(line, error, &failure);
    if (parent)
        return status;
    if (!mount->foreground)
        error = passphrase_lock_again(&failure);
    if (error == 0)
        error = serve(mount, &daemon, &failure);
    if (error == 0)
        return 0;
    status =
        daemon.ready ? complain_of_end(mount, error, &failure) : complain(line, error, &failure);
    daemon_fail(&daemon, status);
    return status;
}
