/* SPDX-License-Identifier: MIT */
#include "fs/store/repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/files_back.h"
#include "fs/store/index_rebuild.h"
#include "fs/store/log_internal.h"
#include "fs/store/medium.h"
#include "fs/store/misnamed.h"
#include "fs/store/recover.h"
#include "fs/store/repair_packs.h"

#define TEXT_SIZE 256
#define ATTEMPTS 16 /* when others write to the log at the same time */

struct damaged_snapshot {
    char *name;
    bool tables; /* lost something, not files/ alone */
};

struct repairing {
    struct store *store;
    const struct repair_options *options;
    struct log_state state;
    struct repair_result result;
    struct damaged_snapshot *damaged;
    size_t damaged_count;
    int error;
    struct failure *failure;
};

/* ---- Checkpoints ---- */

/* Whether a checkpoint opens and, if its record is still there, stands for it. */
static int is_good(struct repairing *repairing, uint64_t number)
{
    struct log_state state;
    struct log_entry entry;
    uint8_t hash[LOG_HASH_BYTES];
    int error = checkpoint_read(repairing->store, number, &state, repairing->failure);
    bool agrees;

    if (error != 0)
        return error == -EBADMSG ? 0 : error;
    error = log_record_read(repairing->store, number, &entry, hash, NULL);
    agrees = error != 0 || memcmp(hash, state.hash, sizeof hash) == 0;
    if (error == 0)
        log_entry_release(&entry);
    log_state_release(&state);
    return error == -ENOMEM ? error : agrees;
}

static int repair_checkpoints(struct repairing *repairing)
{
    struct storage *storage = store_storage(repairing->store);
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    bool newest_is_good = true;
    int error = log_list(repairing->store, "checkpoints", &numbers, &count, repairing->failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        char name[LOG_NAME_SIZE];
        int good = is_good(repairing, numbers[i]);

        newest_is_good = good != 0;
        if (good == 1 || good == -ENOENT)
            continue;
        checkpoint_name(numbers[i], name);
        error = good < 0 ? good : storage->class->remove(storage, name, repairing->failure);
        if (error == 0)
            repairing->result.checkpoints_removed++;
    }
    if (error == 0 && !newest_is_good) {
        error = checkpoint_write(repairing->store, &repairing->state, repairing->failure);
        repairing->result.checkpoint_written = error == 0;
    }
    return error;
}

/* ---- Snapshots ---- */

/* The one that findings are of now; they come snapshot by snapshot. NULL: no memory. */
static struct damaged_snapshot *note_damaged(struct repairing *repairing, const char *name)
{
    size_t count = repairing->damaged_count;

    if (count > 0 && strcmp(repairing->damaged[count - 1].name, name) == 0)
        return &repairing->damaged[count - 1];

    struct damaged_snapshot *damaged =
        reallocarray(repairing->damaged, count + 1, sizeof *repairing->damaged);

    if (damaged == NULL)
        return NULL;
    repairing->damaged = damaged;
    damaged[count] = (struct damaged_snapshot){.name = strdup(name)};
    return damaged[count].name != NULL ? &damaged[repairing->damaged_count++] : NULL;
}

/* A check_report: notes the snapshot, and passes the finding on. */
static void note_finding(void *context, const struct check_finding *finding)
{
    struct repairing *repairing = context;
    const struct check_options *options = &repairing->options->check;
    const struct walk_place *place = finding->place;

    if (options->report != NULL)
        options->report(options->context, finding);
    if (place == NULL || place->snapshot == NULL)
        return;

    struct damaged_snapshot *damaged = note_damaged(repairing, place->snapshot->name);

    if (damaged == NULL)
        repairing->error = -ENOMEM;
    else
        damaged->tables = damaged->tables || !place->files;
}

static bool is_to_go(const struct repairing *repairing, const struct damaged_snapshot *damaged)
{
    return damaged->tables || repairing->options->forget_files_damaged;
}

/* Those that are still there by these names, in one record. */
static int forget(struct repairing *repairing)
{
    const struct snapshot **gone =
        allocate_array(repairing->damaged_count, sizeof(const struct snapshot *));
    int error = -EAGAIN;
    size_t count = 0;

    if (gone == NULL)
        return -ENOMEM;
    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        count = 0;
        repairing->result.spared = 0;
        for (size_t i = 0; i < repairing->damaged_count; i++) {
            gone[count] = log_find(&repairing->state, repairing->damaged[i].name);
            if (gone[count] == NULL)
                continue;
            if (is_to_go(repairing, &repairing->damaged[i]))
                count++;
            else
                repairing->result.spared++;
        }
        error = count == 0 ? 0
                           : log_forget(repairing->store, &repairing->state, gone, count,
                                        repairing->failure);
    }
    free((void *)gone);
    if (error == 0)
        repairing->result.forgotten = count;
    return error;
}

/* A medium_report. */
static void note_bad_place(void *context, const char *name, const char *text)
{
    const struct check_options *options = &((struct repairing *)context)->options->check;
    const struct check_finding finding = {.kind = CHECK_PACK, .file = name, .text = text};

    if (options->report != NULL)
        options->report(options->context, &finding);
}

/* Those that lost something, not those that could not be read for a moment. */
static int look_for_damaged(struct repairing *repairing)
{
    struct check_options options = repairing->options->check;
    struct medium *medium;
    int error = medium_watch(repairing->store, &medium, repairing->failure);

    if (error != 0)
        return error;
    options.report = note_finding;
    options.context = repairing;
    error = check(repairing->store, &options, &repairing->result.check, repairing->failure);
    if (error == 0)
        error = repairing->error;
    if (error == 0 && repairing->damaged_count > 0)
        error = medium_judge(medium, note_bad_place, repairing, repairing->failure);
    medium_free(medium);
    return error;
}

static int forget_damaged(struct repairing *repairing)
{
    int error = look_for_damaged(repairing);

    if (error == 0)
        error = log_read(repairing->store, &repairing->state, repairing->failure);
    if (error == 0 && repairing->damaged_count > 0)
        error = forget(repairing);
    if (error == 0 && repairing->options->forget_files != NULL)
        error = repairing->options->forget_files(repairing->options->forget_context,
                                                 repairing->store, repairing->failure);
    return error == 0 ? log_read(repairing->store, &repairing->state, repairing->failure) : error;
}

/* A check_report: of what cannot be mended, which nobody was told of yet. */
static void note_lost(void *context, const struct check_finding *finding)
{
    struct repairing *repairing = context;
    const struct check_options *options = &repairing->options->check;

    repairing->result.lost += finding->kind == CHECK_SNAPSHOT;
    if (!finding->harmless && options->report != NULL && !repairing->options->forget_damaged)
        options->report(options->context, finding);
}

/* What there is no way of making again: of which snapshots, and of files/. */
static int name_lost(struct repairing *repairing)
{
    struct check_options options = repairing->options->check;
    struct check_result result;

    options.report = note_lost;
    options.context = repairing;
    return check(repairing->store, &options, &result, repairing->failure);
}

/* The next mount would find that out too; but not tell who looks for damage now. */
static int remove_damaged_kept(struct repairing *repairing)
{
    const uint64_t never = (uint64_t)time(NULL);
    struct image_cache_sum removed = {.count = 0};

    if (image_cache_prune(repairing->store, never, false, &removed, NULL) == -ENOMEM)
        return -ENOMEM;
    repairing->result.kept_removed = removed.count;
    return 0;
}

/* ---- The log ---- */

/* A log_mend_report. */
static void say_record(void *context, const char *record, bool lost, const char *text)
{
    const struct check_options *options = &((struct repairing *)context)->options->check;
    const struct check_finding finding = {
        .kind = CHECK_LOG, .file = record, .harmless = !lost, .text = text};

    if (options->report != NULL)
        options->report(options->context, &finding);
}

/* A recovery_report. */
static void say_recovered(void *context, const char *name, bool certain, uint64_t time_ns)
{
    const struct check_options *options = &((struct repairing *)context)->options->check;
    char text[TEXT_SIZE], when[CLOCK_TEXT_SIZE];
    const struct check_finding finding = {
        .kind = CHECK_SNAPSHOT, .file = name, .harmless = name != NULL || !certain, .text = text};

    clock_text((time_t)(time_ns / NS_PER_SECOND), when);
    if (name != NULL)
        snprintf(text, sizeof text,
                 certain ? "a snapshot of %s whose record was lost, listed again: its tables are "
                           "whole; its name, its tags and files/ are not known"
                         : "a snapshot of %s, listed again: its tables are whole. Its record was "
                           "lost, or it had been forgotten before: then let `crmfs forget` and "
                           "`crmfs prune` forget it again",
                 when);
    else
        snprintf(text, sizeof text,
                 "a snapshot of %s %s cannot be listed again: something of it is lost, too", when,
                 certain ? "whose record was lost" : "that may have been forgotten before");
    if (options->report != NULL)
        options->report(options->context, &finding);
}

static int recover_snapshots(struct repairing *repairing, const struct recovery *recovery)
{
    int error = -EAGAIN;

    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        error = log_read(repairing->store, &repairing->state, repairing->failure);
        if (error == 0)
            error = recovery_list(repairing->store, recovery, &repairing->state, say_recovered,
                                  repairing, &repairing->result.recovered, repairing->failure);
    }
    return error;
}

/* A record that was given up, and was none of those that took what is listed again. */
static int say_files_back(struct repairing *repairing, struct files_back *back)
{
    const struct check_options *options = &repairing->options->check;
    const struct repair_result *result = &repairing->result;
    char text[TEXT_SIZE] = "", when[CLOCK_TEXT_SIZE] = "an earlier time";
    const struct check_finding finding = {.kind = CHECK_LOG, .file = "files/", .text = text};
    int found = 0;

    if (!back->used || result->log.lost <= result->recovered)
        return 0;
    found = files_back_find(repairing->store, back, result->log.last_lost, repairing->failure);
    if (found < 0)
        return found;
    repairing->result.files_unsure = true;
    if (back->time_ns != 0)
        clock_text((time_t)(back->time_ns / NS_PER_SECOND), when);
    if (found == 1)
        snprintf(text, sizeof text,
                 "set back to what it was at %s: what was stored in it since, if a record that is "
                 "lost said so, is lost. A snapshot of files/ alone that such a record took "
                 "is gone",
                 when);
    else
        snprintf(text, sizeof text,
                 "it is as the newest record says; but a snapshot of files/ alone that a lost "
                 "record took is gone");
    if (options->report != NULL)
        options->report(options->context, &finding);
    return 0;
}

static int repair_log(struct repairing *repairing)
{
    struct recovery recovery = {.lost_count = 0};
    struct files_back back = {.used = false};
    int error = 0;

    if (!repairing->options->drop_records)
        return 0;
    error = recovery_begin(repairing->store, &recovery, repairing->failure);
    if (error == 0)
        error =
            files_back_begin(repairing->store, recovery.log.sequence, &back, repairing->failure);
    if (error == 0)
        error = log_mend(repairing->store, say_record, repairing, &repairing->result.log,
                         repairing->failure);
    if (error == 0 && repairing->result.log.lost + repairing->result.log.copies != 0)
        error = recover_snapshots(repairing, &recovery);
    if (error == 0)
        error = say_files_back(repairing, &back);
    recovery_release(&recovery);
    return error;
}

/* ---- All of it ---- */

static int repair_all(struct repairing *repairing)
{
    const struct repair_options *options = repairing->options;
    struct repair_result *result = &repairing->result;
    struct index_rebuilt rebuilt = {.packs = 0};
    struct repaired_packs packs = {.marked = 0};
    /* First of all, as whatever follows asks what can be read. */
    int error = misnamed_put_back(repairing->store, &result->misnamed, repairing->failure);

    log_leave(repairing->store, NULL); /* what was read before may be what is dropped now */
    if (error == 0)
        error = repair_log(repairing);
    if (error == 0)
        error = log_read(repairing->store, &repairing->state, repairing->failure);
    if (error == 0)
        error = repair_checkpoints(repairing);
    if (error == 0 && options->forget_damaged)
        error = forget_damaged(repairing);
    if (error == 0)
        error = repair_packs(repairing->store, &repairing->state, options->check.read_data,
                             options->check.progress, &packs, repairing->failure);
    /* Now that nothing is needed of packs whose directory does not open: where prune has moved what
     * is in them, only the old indexes say. */
    if (error == 0)
        error = index_rebuild(repairing->store, &rebuilt, repairing->failure);
    if (error == 0)
        error = remove_damaged_kept(repairing);
    if (error == 0 && packs.lost)
        error = name_lost(repairing);
    result->packs = rebuilt.packs;
    result->objects = rebuilt.objects;
    result->packs_damaged = packs.closed;
    result->packs_replaced = packs.marked;
    result->objects_rewritten = packs.objects;
    return error;
}

int repair(struct store *store, const struct repair_options *options,
           struct repair_result *ret_result, struct failure *failure)
{
    struct repairing repairing = {.store = store, .options = options, .failure = failure};
    int error = repair_all(&repairing);

    for (size_t i = 0; i < repairing.damaged_count; i++)
        free(repairing.damaged[i].name);
    free(repairing.damaged);
    log_state_release(&repairing.state);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error == 0)
        *ret_result = repairing.result;
    return error;
}
