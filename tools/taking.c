/* SPDX-License-Identifier: MIT */
#include "tools/taking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/source.h"
#include "backends/source/stream.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/tree/take.h"
#include "tools/amount.h"
#include "tools/commands.h"
#include "tools/indexing.h"
#include "tools/left_out.h"
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/processors.h"
#include "tools/stop.h"
#include "tools/take_display.h"
#include "tools/taken.h"

#define THREADS_MOST 16
#define NAMES_TRIED 100
#define NAME_SIZE 48

/* One snapshot being taken; zeroed at first. */
struct taking {
    const struct taking_order *order;
    struct opened_store opened;
    struct source_list list; /* borrowed: sources of this snapshot */
    struct take_source *sources;
    size_t source_count; /* open ones */
    struct indexing indexing;
    const bool *cancelled;
    struct take_progress progress;
    struct take_display display;
    struct left_out left_out; /* of this snapshot */
    bool incomplete;          /* something was left out of one of them */
    bool lacks_tables;        /* views or tables are among that, not only parts of an archive */
    bool failed;              /* one of several backups was not imported */
    bool untold;              /* one is taken, and it could not be said what is in it */
    time_t time;
    char name[NAME_SIZE]; /* made of the time */
};

/* Whether the words begin with which backup it is. */
static bool names_backup(const struct taking *taking, const char *words)
{
    const char *url = taking->list.items[0].url;

    return strncmp(words, url, strlen(url)) == 0;
}

/* What of an archive is left out, or is to be known of it: the words say which. */
static void warn_part(void *context, const struct failure *why)
{
    struct taking *taking = context;

    take_display_clear(&taking->display);
    if (taking->order->import && !names_backup(taking, why->text))
        log_message(LOG_LEVEL_WARNING, "%s: %s", taking->list.items[0].url, why->text);
    else
        log_message(LOG_LEVEL_WARNING, "%s", why->text);
    /* What holds nothing is not missed, nor are programs where tables are kept; a notice is no more
     * than that. */
    if (stream_trouble_is_loss(why))
        left_out_add(&taking->left_out, NULL, NULL, why->text);
}

static int open_sources(struct taking *taking, struct failure *failure)
{
    const struct source_list *list = &taking->list;

    taking->sources = allocate_array(list->count, sizeof *taking->sources);
    if (taking->sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        struct take_source *source = &taking->sources[i];
        const struct source_options options = {
            .busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
            .parallel = processors(THREADS_MOST),
            .cancelled = taking->cancelled,
            .password = list->items[i].password,
            .password_command = list->items[i].password_command,
        };
        int error = source_open(list->items[i].url, &options, &source->source, failure);

        if (error == 0)
            error = indexing_wrap(&taking->indexing, taking->cancelled, warn_part, taking,
                                  &source->source, failure);

        if (error != 0)
            return source_name_failure(failure, -error, list->items[i].url);
        source->name = list->items[i].name;
        taking->source_count++;
    }
    return 0;
}

static void close_sources(struct taking *taking)
{
    for (size_t i = 0; i < taking->source_count; i++)
        taking->sources[i].source->class->close(taking->sources[i].source);
    free(taking->sources);
    taking->sources = NULL;
    taking->source_count = 0;
    indexing_end(&taking->indexing);
}

/* What is left out for CODE, before its name; ENODATA has one in its own words, if any. */
static const char *kind_of(int code)
{
    if (code == EREMOTEIO)
        return "foreign table ";
    return code == ENODATA ? "" : "view ";
}

static void warn(void *context, const char *source, const char *table, const struct failure *why)
{
    struct taking *taking = context;

    take_display_clear(&taking->display);
    if (table == NULL && why->code == EPERM)
        log_message(
            LOG_LEVEL_WARNING,
            "%s may lack tables: %s, and --table with the names of all that are wanted says "
            "that there are no others",
            source, why->text);
    else if (table == NULL)
        log_message(LOG_LEVEL_WARNING, "%s/ is left out: %s", source, why->text);
    else
        log_message(LOG_LEVEL_WARNING, "%s, %s%s is left out: %s", source, kind_of(why->code),
                    table, why->text);
    /* What holds nothing is not missed. */
    if (why->code != ENODATA)
        left_out_add(&taking->left_out, source, table, why->text);
    taking->lacks_tables |= table != NULL && why->code != ENODATA;
}

/* The time in UTC, without what cannot be in a file's name elsewhere; then with a number. */
static void make_name(struct taking *taking)
{
    time_t seconds = taking->time;
    char stem[NAME_SIZE - 8];
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(stem, sizeof stem, "%Y-%m-%dT%H%M%SZ", &parts);
    snprintf(taking->name, sizeof taking->name, "%s", stem);
    for (int i = 2; i < NAMES_TRIED && log_find(&taking->opened.state, taking->name) != NULL; i++)
        snprintf(taking->name, sizeof taking->name, "%s-%d", stem, i);
}

static int take(struct taking *taking, const bool *cancelled, struct failure *failure)
{
    const struct taking_order *order = taking->order;
    struct take_options options = {
        .store = taking->opened.store,
        .reader = taking->opened.reader,
        .sources = taking->sources,
        .source_count = taking->source_count,
        .tables = order->tables.items,
        .table_count = order->tables.count,
        .excluded = order->excluded.items,
        .excluded_count = order->excluded.count,
        .name = order->name,
        .tags = order->tags.items,
        .tag_count = order->tags.count,
        .threads = processors(THREADS_MOST),
        .view_timeout_ns = order->view_timeout_ns,
        .cancelled = cancelled,
        .progress = &taking->progress,
        .as_of_sources = order->import,
        .warn = warn,
        .warn_context = taking,
    };
    int error = -EEXIST;

    if (order->name == NULL)
        options.name = taking->name;
    /* Whose name is the time does not mind that somebody else came first. */
    for (int i = 0; i < NAMES_TRIED && error == -EEXIST; i++) {
        if (order->name == NULL)
            make_name(taking);
        error = snapshot_take(&options, &taking->opened.state, NULL, failure);
        if (order->name != NULL)
            break;
    }
    return error;
}

/* ---- What is said of it ---- */

static int describe(const struct taking *taking, struct failure *failure)
{
    const struct taking_order *order = taking->order;
    const struct snapshot *snapshot =
        log_find(&taking->opened.state, order->name != NULL ? order->name : taking->name);
    const char *backup = order->import ? taking->list.items[0].url : NULL;
    struct stored_tree tree = {.source_count = 0};
    int error = 0;

    if (snapshot == NULL || (order->quiet && !order->json))
        return 0;
    error = opened_store_tree(&taking->opened, snapshot, &tree, failure);
    if (error == 0 && order->json)
        error = taken_as_json(snapshot, &tree, backup, &taking->left_out, failure);
    else if (error == 0)
        taken_to_people(snapshot, &tree, backup);
    stored_tree_release(&tree);
    return error;
}

/* The snapshot is durable, whatever comes of this. */
static void say_taken(struct taking *taking)
{
    struct failure failure = {.code = 0};
    struct failure later;
    int error = describe(taking, &failure);

    /* An import is dated as its backup is, and is not meant to be the latest. */
    if (!taking->order->import && snapshot_latest_is_to_come(&taking->opened.state, &later))
        log_message(LOG_LEVEL_WARNING, "snapshot %s", later.text);
    if (error == 0)
        return;
    taking->untold = true;
    log_message(LOG_LEVEL_ERROR, "snapshot %s is taken, but cannot be read back: %s",
                taking->order->name != NULL ? taking->order->name : taking->name,
                failure_text(&failure, error));
}

/*
 * The time that a backup says it was made at; never one that is still to come, after which rules of
 * what to keep would go, nor one that a store cannot note.
 */
static time_t sane_time(const struct taking *taking, time_t said)
{
    time_t now = time(NULL);
    char text[AMOUNT_SIZE] = "?";
    struct tm parts;

    if (said >= 0 && said <= now)
        return said;
    if (gmtime_r(&said, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d", &parts);
    log_message(LOG_LEVEL_WARNING, "%s says that it was made on %s, which %s: it is dated %s",
                taking->list.items[0].url, text, said < 0 ? "is before 1970" : "is still to come",
                said < 0 ? "1970-01-01" : "now");
    return said < 0 ? 0 : now;
}

/* Now; for a backup, when that was made, which it says when it has been read. */
static int choose_time(struct taking *taking, struct failure *failure)
{
    struct source_version version;
    struct dataset *dataset;

    taking->time = time(NULL);
    if (!taking->order->import)
        return 0;

    struct source *source = taking->sources[0].source;
    int error = source->class->begin(source, &dataset, &version, failure);

    if (error != 0)
        return source_name_failure(failure, -error, taking->list.items[0].url);
    taking->time = sane_time(taking, dataset->changed.tv_sec);
    if (dataset->class->table_count(dataset) == 0)
        error = failure_set(failure, ENODATA,
                            "%.300s: there is no table in it that can be read: nothing is taken",
                            taking->list.items[0].url);
    dataset->class->finish(dataset);
    dataset->class->release(dataset);
    return error;
}

/* One snapshot, of the sources in the list. */
static int take_list(struct taking *taking, const struct source_list *list, struct failure *failure)
{
    taking->list = *list;
    taking->progress = (struct take_progress){.rows = 0};

    int error = open_sources(taking, failure);

    if (error == 0)
        error = choose_time(taking, failure);
    if (error == 0 && !taking->order->quiet)
        take_display_begin(&taking->display, &taking->opened, &taking->list, &taking->progress);
    if (error == 0)
        error = take(taking, taking->cancelled, failure);
    take_display_end(&taking->display);
    if (error == 0)
        say_taken(taking);
    taking->incomplete |= left_out_any(&taking->left_out);
    left_out_clear(&taking->left_out);
    close_sources(taking);
    return error;
}

/* What else can be done about a table that may not be read. */
static const char *advice(const struct taking *taking, int error)
{
    const struct take_progress *progress = &taking->progress;

    return error == -EACCES && progress->tables_done < progress->tables
               ? "; or leave it out with --exclude-table"
               : "";
}

static void say_failed(const struct taking *taking, const struct failure *failure, int error)
{
    log_message(LOG_LEVEL_ERROR, "cannot %s: %s%s",
                taking->order->import ? "import" : "take a snapshot", failure_text(failure, error),
                advice(taking, error));
}

/* Whether it is the backup's fault, and says nothing of others. */
static bool is_of_backup(int error)
{
    return error == -EILSEQ || error == -EIO || error == -EACCES || error == -EFBIG ||
           error == -ENODATA || error == -ENOENT;
}

/* One that cannot be had does not keep the others out. */
static int import_all(struct taking *taking, const struct source_list *all, struct failure *failure)
{
    for (size_t i = 0; i < all->count; i++) {
        struct source_list one = {.items = &all->items[i], .count = 1};
        struct failure own = {.code = 0};
        int error = take_list(taking, &one, &own);

        if (error == 0)
            continue;
        if (!is_of_backup(error)) {
            *failure = own;
            return error;
        }
        say_failed(taking, &own, error);
        taking->failed = true;
    }
    return 0;
}

static void say_passed_over(struct taking *taking, const struct passed_over *one)
{
    log_message(one->lacked ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "%s is left out: %s", one->name,
                one->why);
    taking->failed |= one->lacked;
}

static int run_opened(struct taking *taking, struct failure *failure)
{
    const struct source_list *all = &taking->order->sources;

    taking->cancelled = stop_begin();
    for (size_t i = 0; i < all->passed_over_count; i++)
        say_passed_over(taking, &all->passed_over[i]);
    if (all->count == 0 && !taking->opened.state.has_files)
        return failure_set(failure, EINVAL,
                           "there is no source, and the store has nothing in files/ either");
    if (!taking->order->import)
        return take_list(taking, all, failure);
    return import_all(taking, all, failure);
}

/* The snapshot is as good as it can be, and yet somebody has to know. */
static int say_incomplete(const struct taking *taking)
{
    log_message(LOG_LEVEL_WARNING,
                "taken without what is left out or is wrong, therefore status %d%s",
                STATUS_INCOMPLETE,
                taking->lacks_tables ? "; --exclude-table leaves it out on purpose" : "");
    return STATUS_INCOMPLETE;
}

int taking_run(const struct taking_order *order)
{
    struct taking taking = {.order = order};
    struct failure failure = {.code = 0};
    int error = opened_store_open(order->store, &order->passphrase, &taking.opened, &failure);

    if (error == 0)
        error = run_opened(&taking, &failure);
    opened_store_release(&taking.opened);
    if (error == 0) {
        int status = output_end("what was to be taken is in the store");

        if (status == 0 && (taking.failed || taking.untold))
            return STATUS_FAILED;
        return status == 0 && taking.incomplete ? say_incomplete(&taking) : status;
    }
    say_failed(&taking, &failure, error);
    return stop_status(error);
}
