/* SPDX-License-Identifier: MIT */
#include "fs/tree/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/tree/clock.h"
#include "fs/tree/live_folder.h"

#define IDLE_TRANSACTION_NS (NS_PER_SECOND / 5)
#define IDLE_KEEP_NS (2 * NS_PER_SECOND)
#define RETRY_AFTER_NS NS_PER_SECOND

struct live {
    struct generation_owner owner; /* first: generations call back */
    const struct generation_context *context;
    char *name;
    char *url;
    char *path;
    struct source *source;
    struct history *history;
    struct view_bounds *views;
    uint64_t refresh_ns;
    struct node *folder;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t refreshed;
    bool refreshing;           /* a thread asks the source, without the lock */
    struct generation *newest; /* referenced; NULL only while being created and freed */
    uint64_t valid_until_ns;   /* until when it need not be asked for changes */
    uint64_t serial;
    struct failure failure; /* of the last refresh; code 0: it worked */
    uint64_t failed_ns;
    struct generation_fault last_fault; /* of all refreshes */
    struct pins *pins;
};

static struct live *live_of(struct generation_owner *owner)
{
    return (struct live *)owner;
}

/* Images that nobody needs any more are given back without the lock. */
static void unlock(struct live *live)
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
    unlock(live);
}

static void note_closed(struct generation_owner *owner, pid_t process)
{
    struct live *live = live_of(owner);

    pthread_mutex_lock(&live->lock);
    pins_closed(live->pins, process, clock_now_ns());
    unlock(live);
}

static void note_used(struct generation_owner *owner, pid_t process)
{
    struct live *live = live_of(owner);

    pthread_mutex_lock(&live->lock);
    pins_used(live->pins, process, clock_now_ns());
    unlock(live);
}

/* A new newest generation. Without the lock; only the refreshing thread. */
static int begin_generation(struct live *live, struct failure *failure)
{
    struct generation_options options = {
        .context = live->context,
        .source = live->source,
        .owner = &live->owner,
        .source_name = live->name,
        .path = live->path,
        .history = live->history,
        .views = live->views,
        .serial = live->serial + 1,
        .at_once = live->newest != NULL && generation_has_ended(live->newest),
    };
    struct generation *generation;
    int error = generation_create(&options, &generation, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&live->lock);

    struct generation *old = live->newest;

    live->newest = generation;
    live->serial++;
    unlock(live);
    if (old != NULL) {
        generation_supersede(old);
        generation_release(old);
    }
    return 0;
}

int live_refuse(struct failure *failure)
{
    return failure_set(failure, EBUSY,
                       "the database changes faster than it can be read through: try again when "
                       "fewer programs write to it, or put it into WAL mode");
}

/* Asks the source. Without the lock; only the refreshing thread. */
static int ask_source(struct live *live, struct failure *failure)
{
    struct source_version version;
    int error = live->source->class->version(live->source, &version, failure);

    if (error != 0)
        return error;
    if (live->newest != NULL && !generation_has_ended(live->newest) &&
        memcmp(&version, generation_version(live->newest), sizeof version) == 0)
        return 0;
    error = -ESTALE;
    for (int i = 0; i < LIVE_ATTEMPTS && error == -ESTALE; i++)
        error = begin_generation(live, failure);
    return error == -ESTALE ? live_refuse(failure) : error;
}

static bool is_fresh(struct live *live, uint64_t now_ns)
{
    return live->newest != NULL && now_ns < live->valid_until_ns &&
           !generation_has_ended(live->newest);
}

/* Makes the newest generation one that holds now. The lock is held, and let go meanwhile. */
static int refresh(struct live *live, struct failure *failure)
{
    while (live->refreshing)
        pthread_cond_wait(&live->refreshed, &live->lock);

    uint64_t now_ns = clock_now_ns();

    if (is_fresh(live, now_ns))
        return 0;
    if (live->failure.code != 0 && now_ns - live->failed_ns < RETRY_AFTER_NS) {
        if (failure != NULL)
            *failure = live->failure;
        return -live->failure.code;
    }
    live->refreshing = true;
    unlock(live);

    struct failure own = {0};
    int error = ask_source(live, &own);

    if (error != 0 && own.code == 0)
        failure_set(&own, -error, "cannot read the database: %s", strerror(-error));
    if (error == -ENOENT) {
        /* The folder's names stand for something; that is not to be taken for their absence. */
        own.code = EIO;
        error = -EIO;
    }
    pthread_mutex_lock(&live->lock);
    live->refreshing = false;
    live->failure = own;
    if (error != 0) {
        live->failed_ns = clock_now_ns();
        live->last_fault = (struct generation_fault){own, live->failed_ns};
        if (failure != NULL)
            *failure = own;
    } else {
        /* Counted from before the source was asked: what changed since is not yet known. */
        live->valid_until_ns = now_ns + live->refresh_ns;
    }
    pthread_cond_broadcast(&live->refreshed);
    return error;
}

struct pin_visit live_enter(struct live *live, const struct caller *caller, const char *name)
{
    pthread_mutex_lock(&live->lock);
    struct pin_visit visit = pins_enter(live->pins, caller, name, clock_now_ns());

    unlock(live);
    return visit;
}

void live_leave(struct live *live, const struct pin_visit *visit)
{
    pthread_mutex_lock(&live->lock);
    pins_leave(live->pins, visit, clock_now_ns());
    unlock(live);
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
    if (is_fresh(live, now_ns) && !pins_hold_older(live->pins, live->newest)) {
        generation = live->newest;
        valid_ns = live->valid_until_ns - now_ns;
    } else {
        generation = pins_find(live->pins, caller, name, now_ns);

        struct generation *ended =
            generation != NULL && generation_has_ended(generation) ? generation : NULL;

        if (generation == NULL || ended != NULL) {
            error = refresh(live, failure);
            generation = live->newest;
            if (error == 0 && ended != NULL)
                pins_move(live->pins, ended, generation);
        }
    }
    if (error == 0) {
        generation_use(generation);
        *ret_generation = generation;
        *ret_valid_ns = valid_ns;
    }
    unlock(live);
    return error;
}

int live_create(const struct live_options *options, struct live **ret_live, struct failure *failure)
{
    struct live *live = calloc(1, sizeof *live);

    if (live == NULL) {
        options->source->class->close(options->source);
        return -ENOMEM;
    }
    live->owner = (struct generation_owner){note_opened, note_used, note_closed};
    live->context = options->context;
    live->source = options->source;
    live->refresh_ns = options->refresh_ns;
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->refreshed, NULL);
    live->name = strdup(options->name);
    live->url = strdup(options->url);
    if (asprintf(&live->path, "live/%s", options->name) < 0)
        live->path = NULL;
    live->history = history_create();
    live->views = view_bounds_create(options->view_timeout_ns);
    live->pins = pins_create();

    int error = live->name == NULL || live->url == NULL || live->path == NULL ||
                        live->history == NULL || live->views == NULL || live->pins == NULL
                    ? -ENOMEM
                    : live_folder_create(live, live->path, &live->folder);

    if (error == 0) {
        pthread_mutex_lock(&live->lock);
        error = refresh(live, failure);
        unlock(live);
    }
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

void live_note_opened(struct live *live, const struct caller *caller, struct generation *generation)
{
    note_opened(&live->owner, caller, generation, NULL);
}

void live_note_closed(struct live *live, pid_t process)
{
    note_closed(&live->owner, process);
}

struct timespec live_changed(struct live *live, uint64_t *ret_valid_ns)
{
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&live->lock);
    *ret_valid_ns = is_fresh(live, now_ns) ? live->valid_until_ns - now_ns : 0;
    struct timespec changed = generation_names_changed(live->newest);

    unlock(live);
    return changed;
}

void live_tend(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    pins_expire(live->pins, clock_now_ns());

    struct generation *newest = live->newest;

    generation_reference(newest);
    unlock(live);
    generation_rest(newest, IDLE_TRANSACTION_NS);
    generation_keep(newest, IDLE_KEEP_NS);
    generation_release(newest);
}

/* The members that the newest generation, referenced, has to do with; and the source's state. */
static int append_state(struct live *live, struct generation *newest, struct buffer *text)
{
    struct generation_fault table_fault = {.failed_ns = 0};
    char changed[CLOCK_TEXT_SIZE];
    int error = buffer_print(text, ",\"changed\":\"%s\"",
                             clock_text(generation_changed(newest).tv_sec, changed));

    if (error == 0)
        error = generation_status(newest, text, &table_fault);
    pthread_mutex_lock(&live->lock);
    struct failure failure = live->failure;
    struct generation_fault fault = live->last_fault;

    unlock(live);
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

    generation_reference(newest);
    unlock(live);

    int error = buffer_append_text(text, "{\"name\":");

    if (error == 0)
        error = json_text_append(text, live->name, strlen(live->name));
    if (error == 0)
        error = buffer_append_text(text, ",\"url\":");
    if (error == 0)
        error = json_text_append(text, live->url, strlen(live->url));
    if (error == 0)
        error = append_state(live, newest, text);
    if (error == 0)
        error = buffer_append_text(text, "}");
    generation_release(newest);
    return error;
}

void live_free(struct live *live)
{
    if (live == NULL)
        return;
    pins_free(live->pins);
    if (live->newest != NULL) {
        generation_keep(live->newest, 0);
        generation_supersede(live->newest);
        generation_release(live->newest);
    }
    node_release(live->folder);
    history_free(live->history);
    view_bounds_free(live->views);
    live->source->class->close(live->source);
    pthread_cond_destroy(&live->refreshed);
    pthread_mutex_destroy(&live->lock);
    free(live->name);
    free(live->url);
    free(live->path);
    free(live);
}
