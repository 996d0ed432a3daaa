/* SPDX-License-Identifier: MIT */
#include "fs/tree/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/table/indexed.h"
#include "fs/tree/import_folder.h"
#include "fs/tree/live_folder.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_records.h"

#define IDLE_TRANSACTION_NS (NS_PER_SECOND / 5)
#define IDLE_KEEP_NS (2 * NS_PER_SECOND)

/* A generation that is not the newest any more. */
struct older_generation {
    struct older_generation *next;
    struct generation *generation; /* referenced */
};

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

void live_keep_older(struct live *live, struct generation *generation)
{
    struct older_generation *older =
        generation_is_retired(generation) ? NULL : malloc(sizeof *older);

    /* Without memory nobody tends it, and its walks hold it as long as they like. */
    if (older == NULL) {
        generation_release(generation);
        return;
    }
    older->generation = generation;
    pthread_mutex_lock(&live->lock);
    older->next = live->older;
    live->older = older;
    live_unlock(live);
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

/* Only the tending thread. */
static void tend_older(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    struct older_generation *left = live->older;
    struct older_generation *kept = NULL;

    live->older = NULL;
    live_unlock(live);
    while (left != NULL) {
        struct older_generation *older = left;

        left = older->next;
        generation_rest(older->generation, IDLE_TRANSACTION_NS, PIN_IDLE_OPEN_NS);
        if (generation_is_retired(older->generation)) {
            generation_release(older->generation);
            free(older);
        } else {
            older->next = kept;
            kept = older;
        }
    }
    pthread_mutex_lock(&live->lock);
    while (kept != NULL) {
        struct older_generation *older = kept;

        kept = older->next;
        older->next = live->older;
        live->older = older;
    }
    live_unlock(live);
}

void live_tend(struct live *live)
{
    tend_older(live);
    pthread_mutex_lock(&live->lock);
    pins_expire(live->pins, clock_now_ns());

    /* Only tables were asked for that could be shown before all was read. */
    if (live->newest == NULL && indexed_source_is(live->source) &&
        indexed_source_is_read(live->source))
        live_refresh(live, false, NULL);

    struct generation *newest = live->newest;

    if (newest != NULL)
        generation_reference(newest);
    live_unlock(live);
    if (newest == NULL)
        return;
    generation_rest(newest, IDLE_TRANSACTION_NS, PIN_IDLE_OPEN_NS);
    generation_keep(newest, IDLE_KEEP_NS);
    generation_release(newest);
}

/* The members that the newest generation (referenced, or NULL) has to do with; and the source's
 * state. */
static int append_state(struct live *live, struct generation *newest, struct buffer *text)
{
    struct generation_fault table_fault = {.failed_ns = 0};
    char changed[CLOCK_TEXT_SIZE];
    int error = 0;

    /* NULL: nothing has been read yet. */
    if (newest != NULL)
        error = buffer_print(text, ",\"changed\":\"%s\"",
                             clock_text(generation_changed(newest).tv_sec, changed));
    if (error == 0 && newest != NULL)
        error = generation_status(newest, text, &table_fault);
    pthread_mutex_lock(&live->lock);
    struct failure failure = live->failure;
    struct generation_fault fault = live->last_fault;

    live_unlock(live);
    if (error == 0)
        error = buffer_append_text(text, ",\"error\":");
    if (error == 0)
        error = failure.code != 0 ? json_text_append(text, failure.text, strlen(failure.text))
                                  : buffer_append_text(text, "null");
    if (error == 0)
        error = generation_fault_append(text, table_fault.failed_ns > fault.failed_ns ? &table_fault
                                                                                      : &fault);
    return error;
}

int live_status(struct live *live, struct buffer *text)
{
    pthread_mutex_lock(&live->lock);
    struct generation *newest = live->newest;

    if (newest != NULL)
        generation_reference(newest);
    live_unlock(live);

    int error = buffer_append_text(text, "{\"name\":");

    if (error == 0)
        error = json_text_append(text, live->name, strlen(live->name));
    if (error == 0)
        error = buffer_append_text(text, ",\"url\":");
    if (error == 0)
        error = json_text_append(text, live->url, strlen(live->url));
    if (error == 0)
        error = append_state(live, newest, text);
    if (error == 0 && live->source->class->status != NULL)
        error = live->source->class->status(live->source, text);
    if (error == 0)
        error = buffer_append_text(text, "}");
    if (newest != NULL)
        generation_release(newest);
    return error;
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
    while (live->older != NULL) {
        struct older_generation *older = live->older;

        live->older = older->next;
        generation_release(older->generation);
        free(older);
    }
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
