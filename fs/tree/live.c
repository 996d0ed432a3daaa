/* SPDX-License-Identifier: MIT */
#include "fs/tree/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/tree/import_folder.h"
#include "fs/tree/live_folder.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_records.h"

static struct live *live_of(struct generation_owner *owner)
{
    return (struct live *)owner;
}

void live_unlock(struct live *live)
{
    struct pin_dropped *dropped = pins_take_dropped(live->pins);

    pthread_mutex_unlock(&live->lock);
    pins_unpin(dropped);
}

static void note_opened(struct generation_owner *owner, const struct caller *caller,
                        struct generation *generation, const char *name)
{
    struct live *live = live_of(owner);

    pthread_mutex_lock(&live->lock);
    pins_opened(live->pins, caller, generation, name, clock_now_ns());
    live_unlock(live);
}

/*
 * A server that cannot be reached may have changed meanwhile: what was read before is no
 * longer handed out as its state. Nor does anybody begin to read what nobody could go on
 * reading. A walk that is under way goes on in its moment.
 */
static int may_open(struct generation_owner *owner, const struct caller *caller,
                    struct generation *generation, bool told, struct failure *failure)
{
    struct live *live = live_of(owner);
    int error = 0;

    pthread_mutex_lock(&live->lock);
    bool walks = pins_peek(live->pins, caller) == generation;

    if (live->has_asker && live->failure.code != 0 && !walks) {
        error = -live->failure.code;
        if (failure != NULL)
            *failure = live->failure;
    } else if (told && generation_is_cut_off(generation) &&
               !(walks && pins_has_read(live->pins, caller))) {
        error = failure_set(failure, ESTALE,
                            "the database has changed since the file was looked up: open it by its "
                            "name again");
    }
    live_unlock(live);
    return error;
}

static void note_closed(struct generation_owner *owner, pid_t process)
{
    struct live *live = live_of(owner);

    pthread_mutex_lock(&live->lock);
    pins_closed(live->pins, process, clock_now_ns());
    live_unlock(live);
}

static void note_used(struct generation_owner *owner, pid_t process)
{
    struct live *live = live_of(owner);

    pthread_mutex_lock(&live->lock);
    pins_used(live->pins, process, clock_now_ns());
    live_unlock(live);
}

struct pin_visit live_enter(struct live *live, const struct caller *caller, const char *name)
{
    pthread_mutex_lock(&live->lock);
    struct pin_visit visit = pins_enter(live->pins, caller, name, clock_now_ns());

    live_unlock(live);
    return visit;
}

void live_leave(struct live *live, const struct pin_visit *visit)
{
    pthread_mutex_lock(&live->lock);
    pins_leave(live->pins, visit, clock_now_ns());
    live_unlock(live);
}

/*
 * A server that is away or slow keeps nobody from seeing what is there: names are shown as
 * they were, and tables that are known. Only what it alone can tell has to wait for it.
 */
static int refresh_for(struct live *live, const char *name, struct failure *failure)
{
    bool showable = live->has_asker && (name == NULL || !generation_has_ended(live->newest));
    int error = live_refresh(live, !showable, failure);

    return showable ? 0 : error;
}

int live_resolve(struct live *live, const struct caller *caller, const char *name,
                 struct generation **ret_generation, uint64_t *ret_valid_ns,
                 struct failure *failure)
{
    struct generation *generation;
    uint64_t now_ns = clock_now_ns();
    uint64_t valid_ns = 0;
    int error = 0;

    pthread_mutex_lock(&live->lock);
    if (live_is_fresh(live, now_ns) && !pins_hold_older(live->pins, live->newest)) {
        generation = live->newest;
        valid_ns = live->valid_until_ns - now_ns;
    } else {
        generation = pins_find(live->pins, caller, name, now_ns);

        struct generation *ended =
            generation != NULL && generation_has_ended(generation) ? generation : NULL;

        /* What it has read is not to be mixed with what is new: live_break_off. */
        if (ended != NULL && pins_has_read(live->pins, caller))
            ended = NULL;
        if (generation == NULL || ended != NULL) {
            error = refresh_for(live, name, failure);
            generation = live->newest;
            if (error == 0 && ended != NULL)
                pins_move(live->pins, ended, generation);
        }
    }
    /*
     * What is written shows at once. And a server's moment may end with any reading: a name that
     * the kernel knew on would be of the one before to who begins anew.
     */
    if (live->writing.enabled || live->has_asker)
        valid_ns = 0;
    if (error == 0) {
        generation_use(generation);
        *ret_generation = generation;
        *ret_valid_ns = valid_ns;
    }
    live_unlock(live);
    return error;
}

int live_break_off(struct live *live, const struct caller *caller, struct generation *generation,
                   struct failure *failure)
{
    pthread_mutex_lock(&live->lock);
    bool mixes = pins_peek(live->pins, caller) == generation && pins_has_read(live->pins, caller);

    live_unlock(live);
    return mixes ? generation_tell_end(generation, failure) : -ESTALE;
}

int live_create(const struct live_options *options, struct live **ret_live, struct failure *failure)
{
    struct live *live = calloc(1, sizeof *live);

    if (live == NULL) {
        options->source->class->close(options->source);
        return -ENOMEM;
    }
    live->owner = (struct generation_owner){may_open, note_opened, note_used, note_closed};
    live->context = options->context;
    live->source = options->source;
    live->refresh_ns = options->refresh_ns;
    live->writing = (struct live_writing){
        .enabled = options->writable,
        .busy_timeout_ms = options->busy_timeout_ms,
        .password = options->password,
        .password_command = options->password_command,
    };
    live->report = options->report;
    live->report_context = options->report_context;
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->refreshed, NULL);
    pthread_cond_init(&live->wanted, NULL);
    live->name = strdup(options->name);
    live->url = strdup(options->url);
    if (asprintf(&live->path, "%s/%s", options->folder, options->name) < 0)
        live->path = NULL;
    live->history = history_create();
    live->views = view_bounds_create(options->view_timeout_ns);
    live->pins = pins_create();

    int error = live->name == NULL || live->url == NULL || live->path == NULL ||
                        live->history == NULL || live->views == NULL || live->pins == NULL
                    ? -ENOMEM
                    : live_folder_create(live, live->path, &live->folder);

    if (error == 0 && options->writable)
        error = import_folder_create(live, &live->imports);
    clock_gettime(CLOCK_REALTIME, &live->made);
    if (error == 0 && !options->lazy) {
        pthread_mutex_lock(&live->lock);
        error = live_refresh(live, true, failure);
        live_unlock(live);
    }
    if (error == 0)
        error = live_refresh_start(live);
    if (error != 0) {
        live_free(live);
        return error;
    }
    *ret_live = live;
    return 0;
}

struct source *live_source(const struct live *live)
{
    return live->source;
}

struct node *live_folder(struct live *live)
{
    return node_reference(live->folder);
}

void live_note_written(struct live *live, const struct caller *caller)
{
    pthread_mutex_lock(&live->lock);
    live->valid_until_ns = 0;
    live->written++;
    pins_end(live->pins, caller);
    live_unlock(live);
}

void live_note_opened(struct live *live, const struct caller *caller, struct generation *generation)
{
    note_opened(&live->owner, caller, generation, NULL);
}

void live_note_named(struct live *live, const struct caller *caller, struct generation *generation,
                     const char *name)
{
    note_opened(&live->owner, caller, generation, name);
}

void live_note_closed(struct live *live, pid_t process)
{
    note_closed(&live->owner, process);
}

struct timespec live_changed(struct live *live, uint64_t *ret_valid_ns)
{
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&live->lock);
    *ret_valid_ns = live_is_fresh(live, now_ns) ? live->valid_until_ns - now_ns : 0;
    struct timespec changed =
        live->newest != NULL ? generation_names_changed(live->newest) : live->made;

    live_unlock(live);
    return changed;
}

void live_free(struct live *live)
{
    if (live == NULL)
        return;
    live_refresh_stop(live);
    pins_free(live->pins);
    if (live->newest != NULL) {
        generation_keep(live->newest, 0);
        generation_supersede(live->newest);
        generation_release(live->newest);
    }
    live_release_older(live);
    live_records_free(live->records);
    node_release(live->imports);
    node_release(live->folder);
    history_free(live->history);
    view_bounds_free(live->views);
    live->source->class->close(live->source);
    pthread_cond_destroy(&live->refreshed);
    pthread_cond_destroy(&live->wanted);
    pthread_mutex_destroy(&live->lock);
    free(live->name);
    free(live->url);
    free(live->path);
    free(live);
}
