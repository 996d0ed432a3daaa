/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/spool.h"
#include "fs/tree/directory.h"
#include "fs/tree/files_folder.h"
#include "fs/tree/image_shelf.h"
#include "fs/tree/tree_internal.h"

#define TEND_INTERVAL_NS (NS_PER_SECOND / 4)

/*
 * How max-memory is spent: a fifth on rendered parts; a thread that scans takes
 * a connection, a row group being built, encoded and sealed (SCAN_THREAD_BYTES
 * in all) and may be started for each that fits into a third; with a store, a
 * tenth keeps what objects are compressed against, a twentieth open images, and a quarter files/,
 * or nearly half where there is nothing else to be shown but snapshots. The rest is for the
 * program, its libraries and the requests under way.
 */
#define CACHE_SHARE 5
#define PARENTS_SHARE 10
#define SHELF_SHARE 20
#define FILES_SHARE 4
#define FILES_SHARE_ALONE(memory) ((memory) / 16 * 7)
#define SCAN_SHARE 3
#define SCAN_THREAD_BYTES ((uint64_t)8 << 20)
#define SCAN_THREADS_MOST 16

/* More of those that render ahead than cores: so many of them wait for the disk. */
#define RENDERERS_WAITING 1

static void *tend(void *argument)
{
    struct tree *tree = argument;

    pthread_mutex_lock(&tree->lock);
    while (!tree->ending) {
        pthread_mutex_unlock(&tree->lock);
        if (tree->folders != NULL)
            source_folders_tend(tree->folders);
        pthread_mutex_lock(&tree->lock);
        if (!tree->ending)
            clock_wait(&tree->changed, &tree->lock, clock_now_ns() + TEND_INTERVAL_NS);
    }
    pthread_mutex_unlock(&tree->lock);
    return NULL;
}

static unsigned scan_threads(uint64_t max_memory_bytes)
{
    uint64_t fit = max_memory_bytes / SCAN_SHARE / SCAN_THREAD_BYTES;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (fit > SCAN_THREADS_MOST)
        fit = SCAN_THREADS_MOST;
    if (processors > 0 && fit > (uint64_t)processors)
        fit = (uint64_t)processors;
    return fit > 0 ? (unsigned)fit : 1;
}

static void report(void *context, const char *path, const struct failure *failure)
{
    tree_report(context, path, failure);
}

static int build_sources(struct tree *tree, const struct tree_source *sources, size_t count,
                         struct failure *failure)
{
    struct source_folders_options options = {
        .context = &tree->context,
        .refresh_ns = tree->options.refresh_ns,
        .view_timeout_ns = tree->options.view_timeout_ns,
        .busy_timeout_ms = tree->options.busy_timeout_ms,
        .write_live = tree->options.write_live && !tree->options.read_only,
        .always_live = tree->options.store == NULL,
        .report = report,
        .report_context = tree,
    };
    int error = source_folders_create(&options, sources, count, &tree->folders, failure);

    return error != 0 ? error : source_folders_add(tree->folders, tree->root);
}

static int open_store(struct tree *tree, struct failure *failure)
{
    uint64_t memory = tree->options.max_memory_bytes;
    int error = object_reader_create(tree->options.store, (size_t)(memory / PARENTS_SHARE),
                                     &tree->frozen.reader, failure);

    if (error == 0)
        error = image_shelf_create(tree->frozen.reader, (size_t)(memory / SHELF_SHARE),
                                   &tree->frozen.shelf);
    tree->frozen.cache = tree->cache;
    tree->frozen.records = tree->records;
    tree->frozen.list_records = tree->options.list_records;
    return error;
}

/* Of what nobody waits for. */
static void report_files(void *context, const struct failure *failure)
{
    tree_report(context, "files", failure);
}

/*
 * The kernel itself refuses what the modes forbid, and asks us nothing: so it is said when the
 * mount begins. An access list, too, shows in the mode of the group.
 */
static void report_foreign_files(struct tree *tree)
{
    struct failure failure;
    struct stat top;

    if (tree->options.read_only || geteuid() == 0 ||
        files_stat(tree->files, FILES_TOP, &top, NULL) != 0 || top.st_uid == geteuid() ||
        (top.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return;
    failure_set(
        &failure, EACCES,
        "files/ belongs to user %u, who alone may make or remove anything there: mounted by "
        "root, `chown %u MOUNTPOINT/files` gives it to you",
        top.st_uid, geteuid());
    tree_report(tree, "files", &failure);
}

static int build_files(struct tree *tree, struct failure *failure)
{
    uint64_t memory = tree->options.max_memory_bytes;
    struct files_options options = {
        .store = tree->options.store,
        .reader = tree->frozen.reader,
        .memory_bytes =
            (size_t)(tree->folders != NULL ? memory / FILES_SHARE : FILES_SHARE_ALONE(memory)),
        .garbage_bytes = tree->options.max_garbage_bytes,
        .read_only = tree->options.read_only,
        .uid = tree->options.uid,
        .gid = tree->options.gid,
        .report = report_files,
        .report_context = tree,
    };
    struct node *folder;
    int error = files_create(&options, &tree->files, failure);

    tree->frozen.files = tree->files;
    if (error == 0)
        report_foreign_files(tree);
    if (error == 0)
        error = files_folder_create(tree->files, "files", NULL, &folder);
    return error == 0 ? directory_add(tree->root, "files", folder) : error;
}

/* Of databases: an archive is imported, and does not change from one snapshot to the next. */
static int build_snapshots(struct tree *tree, struct failure *failure)
{
    const struct source_folders *folders = tree->folders;
    size_t count = folders != NULL ? source_folders_count(folders, FOLDER_LIVE) : 0;
    cleanup_free struct take_source *taken = allocate_array(count, sizeof *taken);
    struct snapshots_options options = {
        .store = tree->options.store,
        .context = &tree->frozen,
        .sources = taken,
        .source_count = count,
        .read_only = tree->options.read_only,
        .threads = tree->context.scan_threads,
        .view_timeout_ns = tree->options.view_timeout_ns,
        .report = report,
        .report_context = tree,
    };
    int error = taken != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && error == 0 && !tree->options.read_only; i++)
        error = snapshot_source_check(source_folders_name(folders, FOLDER_LIVE, i), failure);
    if (error == 0)
        error = open_store(tree, failure);
    if (error == 0)
        error = build_files(tree, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++)
        taken[i] = (struct take_source){
            .name = source_folders_name(folders, FOLDER_LIVE, i),
            .source = live_source(source_folders_live(folders, FOLDER_LIVE, i))};
    error = files_log(tree->files, &options.log);
    if (error == 0)
        error = snapshots_create(&options, &tree->snapshots, failure);
    if (error != 0)
        return error;
    return directory_add(tree->root, "snapshots", snapshots_folder(tree->snapshots));
}

static int set_up_keeper(struct tree *tree)
{
    const struct image_cache_options cache_options = {
        .store = tree->options.store,
        .limit_bytes = tree->options.spool_bytes,
        .read_only = tree->options.read_only,
    };
    struct keeper_options options = {.report = report, .context = tree};
    int error = image_cache_create(&cache_options, &tree->kept);

    options.cache = tree->kept;
    return error == 0 ? keeper_create(&options, &tree->keeper) : error;
}

/* Before all sources are known nothing is read. */
static void relieve_spool(void *owner)
{
    const struct tree *tree = owner;

    if (tree->folders != NULL)
        source_folders_relieve_spool(tree->folders);
}

static int set_up(struct tree *tree, struct failure *failure)
{
    struct spool_options spool_options = {
        .directory = tree->options.spool_directory,
        .limit_bytes = tree->options.spool_bytes,
    };
    unsigned threads = scan_threads(tree->options.max_memory_bytes);
    int error = spool_create(&spool_options, &tree->spool, failure);

    if (error == 0)
        error = error_log_create(TREE_ERRORS_KEPT, &tree->errors);
    if (error != 0)
        return error;
    tree->cache = render_cache_create((size_t)(tree->options.max_memory_bytes / CACHE_SHARE),
                                      threads + RENDERERS_WAITING);
    tree->records = records_create(tree->spool);
    if (tree->cache == NULL || tree->records == NULL)
        return -ENOMEM;
    error = tree->options.store != NULL ? set_up_keeper(tree) : 0;
    if (error != 0)
        return error;
    randombytes_buf(tree->cut_key, sizeof tree->cut_key);
    tree->context = (struct generation_context){
        .spool = tree->spool,
        .cache = tree->cache,
        /* What is cut as the store cuts is the same groups. */
        .cut_key = tree->options.store != NULL ? store_key(tree->options.store, STORE_BOUNDARIES)
                                               : tree->cut_key,
        .scan_threads = threads,
        .cancelled = &tree->cancelled,
        .keeper = tree->keeper,
        .relieve_spool = tree->keeper != NULL ? relieve_spool : NULL,
        .owner = tree,
        .records = tree->records,
        .list_records = tree->options.list_records,
    };
    return directory_create("", &tree->root);
}

int tree_create(const struct tree_options *options, const struct tree_source *sources,
                size_t source_count, struct tree **ret_tree, struct failure *failure)
{
    struct tree *tree = calloc(1, sizeof *tree);

    if (tree == NULL)
        return -ENOMEM;
    tree->options = *options;
    pthread_mutex_init(&tree->lock, NULL);
    pthread_cond_init(&tree->changed, NULL);

    int error = set_up(tree, failure);

    if (error == 0 && (source_count != 0 || options->store == NULL))
        error = build_sources(tree, sources, source_count, failure);
    if (error == 0 && options->store != NULL)
        error = build_snapshots(tree, failure);
    if (error == 0)
        error = tree_add_own(tree);
    if (error == 0) {
        error = -pthread_create(&tree->tender, NULL, tend, tree);
        tree->tended = error == 0;
    }
    if (error != 0) {
        (void)tree_free(tree, NULL);
        return error;
    }
    *ret_tree = tree;
    return 0;
}

struct node *tree_root(struct tree *tree)
{
    return tree->root;
}

struct files *tree_files(struct tree *tree)
{
    return tree->files;
}

void tree_report(struct tree *tree, const char *path, const struct failure *failure)
{
    error_log_add(tree->errors, path, failure);
}

static void spool_space(const struct tree *tree, struct tree_space *ret_space)
{
    struct spool_usage usage;

    spool_usage(tree->spool, &usage);

    uint64_t left = usage.limit_bytes > usage.used_bytes ? usage.limit_bytes - usage.used_bytes : 0;

    *ret_space = (struct tree_space){
        .total_bytes = usage.limit_bytes, .free_bytes = left, .available_bytes = left};
}

void tree_space(struct tree *tree, struct tree_space *ret_space)
{
    const char *path = tree->files != NULL ? tree->options.store_path : NULL;
    struct statvfs disk;

    if (path == NULL || statvfs(path, &disk) != 0)
        spool_space(tree, ret_space);
    else
        *ret_space =
            (struct tree_space){.total_bytes = (uint64_t)disk.f_blocks * disk.f_frsize,
                                .free_bytes = (uint64_t)disk.f_bfree * disk.f_frsize,
                                .available_bytes = (uint64_t)disk.f_bavail * disk.f_frsize};
}

void tree_end(struct tree *tree)
{
    __atomic_store_n(&tree->cancelled, true, __ATOMIC_RELAXED);
    if (tree->files != NULL)
        files_end_begins(tree->files);
    if (tree->snapshots != NULL)
        snapshots_end(tree->snapshots);
}

int tree_free(struct tree *tree, struct failure *failure)
{
    int error = 0;

    if (tree == NULL)
        return 0;
    if (tree->files != NULL)
        files_end_begins(tree->files);
    if (tree->tended) {
        pthread_mutex_lock(&tree->lock);
        tree->ending = true;
        pthread_cond_signal(&tree->changed);
        pthread_mutex_unlock(&tree->lock);
        pthread_join(tree->tender, NULL);
    }
    if (tree->cache != NULL)
        render_cache_end(tree->cache);
    node_release(tree->root);
    snapshots_free(tree->snapshots);
    if (tree->files != NULL)
        error = files_stop(tree->files, failure);
    if (error != 0)
        failure_prefix(failure, -error, "what was written into files/ last is lost");
    files_free(tree->files);
    image_shelf_free(tree->frozen.shelf);
    object_reader_free(tree->frozen.reader);
    source_folders_free(tree->folders);
    render_cache_free(tree->cache);
    keeper_free(tree->keeper);
    image_cache_free(tree->kept);
    error_log_free(tree->errors);
    records_free(tree->records);
    spool_free(tree->spool);
    pthread_cond_destroy(&tree->changed);
    pthread_mutex_destroy(&tree->lock);
    free(tree);
    return error;
}
