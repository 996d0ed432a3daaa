/* SPDX-License-Identifier: MIT */
#include "fs/tree/pins.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/hash.h"
#include "fs/base/memory.h"
#include "fs/base/process.h"
#include "fs/tree/generation.h"
#include "fs/tree/met_names.h"

#define ANCESTORS 2
#define OPENINGS_OF_WALKER 2 /* times that a walk may open one file */
#define OPENINGS_OF_OTHERS 1

struct pin {
    UT_hash_handle hh;
    pid_t process;
    struct generation *generation; /* pinned (generation_pin); NULL: the walk is over */
    bool walker;                   /* it listed the folder */
    bool has_read;                 /* it has opened a file in this walk */
    unsigned open_count;
    unsigned visits; /* lookups under way */
    uint64_t last_used_ns;
    struct met_name *met;
    bool refused;
};

/* A generation that is to be unpinned. */
struct pin_dropped {
    struct pin_dropped *next;
    struct generation *generation;
};

struct pins {
    struct pin *table;
    struct pin_dropped *dropped;
};

struct pins *pins_create(void)
{
    return calloc(1, sizeof(struct pins));
}

static void forget_names(struct pin *pin)
{
    met_names_forget(&pin->met);
    pin->has_read = false;
}

static void count_opening(struct pin *pin, const char *name)
{
    met_names_count_opening(&pin->met, name);
    pin->has_read = true;
}

/*
 * Unpinning the last one gives images back, which may take as long as the disk likes: it is left
 * to whoever lets the owner's lock go. Without memory it is done at once.
 */
static void unpin_later(struct pins *pins, struct generation *generation)
{
    struct pin_dropped *dropped = generation != NULL ? malloc(sizeof *dropped) : NULL;

    if (dropped != NULL) {
        *dropped = (struct pin_dropped){pins->dropped, generation};
        pins->dropped = dropped;
    } else if (generation != NULL) {
        generation_unpin(generation);
    }
}

struct pin_dropped *pins_take_dropped(struct pins *pins)
{
    struct pin_dropped *dropped = pins->dropped;

    pins->dropped = NULL;
    return dropped;
}

void pins_unpin(struct pin_dropped *dropped)
{
    while (dropped != NULL) {
        struct pin_dropped *next = dropped->next;

        generation_unpin(dropped->generation);
        free(dropped);
        dropped = next;
    }
}

/* The pin goes; its open files hold the generation themselves. */
static void pin_drop(struct pins *pins, struct pin *pin)
{
    HASH_DEL(pins->table, pin);
    forget_names(pin);
    unpin_later(pins, pin->generation);
    free(pin);
}

/* The walk is over. What is open or being looked up will still be closed. */
static void pin_end_walk(struct pins *pins, struct pin *pin)
{
    if (pin->open_count == 0 && pin->visits == 0) {
        pin_drop(pins, pin);
        return;
    }
    forget_names(pin);
    unpin_later(pins, pin->generation);
    pin->generation = NULL;
    pin->walker = false;
}

void pins_free(struct pins *pins)
{
    struct pin *pin, *next;

    if (pins == NULL)
        return;
    HASH_ITER (hh, pins->table, pin, next) {
        /* cppcheck-suppress uninitvar ; HASH_ITER sets it */
        pin_drop(pins, pin);
    }
    pins_unpin(pins_take_dropped(pins));
    free(pins);
}

static struct pin *pin_of(struct pins *pins, pid_t process)
{
    struct pin *pin;

    HASH_FIND(hh, pins->table, &process, sizeof process, pin);
    return pin;
}

static bool is_idle(const struct pin *pin, uint64_t now_ns)
{
    uint64_t idle_ns = pin->open_count != 0 ? PIN_IDLE_OPEN_NS : PIN_IDLE_NS;

    return pin->visits == 0 && now_ns - pin->last_used_ns > idle_ns;
}

static bool is_gone(const struct pin *pin, uint64_t now_ns)
{
    bool rests = pin->walker && pin->has_read && pin->open_count != 0;

    if (!rests && is_idle(pin, now_ns))
        return true;
    return kill(pin->process, 0) != 0 && errno == ESRCH;
}

/* The pin that speaks for PROCESS at a lookup: its own, or a walker's among its ancestors. */
static struct pin *pin_for(struct pins *pins, pid_t process)
{
    struct pin *pin = pin_of(pins, process);

    for (int i = 0; pin == NULL && i < ANCESTORS && process > 1; i++) {
        process = process_parent(process);
        pin = pin_of(pins, process);
        if (pin != NULL && !pin->walker)
            pin = NULL;
    }
    return pin;
}

/* … of a caller; NULL: no pin does, or nobody knows who calls. */
static struct pin *pin_of_caller(struct pins *pins, const struct caller *caller)
{
    return pins->table != NULL && caller->process != 0 ? pin_for(pins, caller->process) : NULL;
}

struct generation *pins_find(struct pins *pins, const struct caller *caller, const char *name,
                             uint64_t now_ns)
{
    if (pins->table == NULL || caller->process == 0)
        return NULL;

    struct pin *pin = name == NULL ? pin_of(pins, caller->process) : pin_for(pins, caller->process);

    if (pin == NULL)
        return NULL;

    unsigned allowed =
        pin->walker && pin->process == caller->process ? OPENINGS_OF_WALKER : OPENINGS_OF_OTHERS;

    if (name == NULL || met_names_times_opened(pin->met, name) >= allowed || is_gone(pin, now_ns)) {
        pin_end_walk(pins, pin);
        return NULL;
    }
    return pin->generation;
}

void pins_end(struct pins *pins, const struct caller *caller)
{
    struct pin *pin = pin_of_caller(pins, caller);

    if (pin != NULL)
        pin_end_walk(pins, pin);
}

const struct generation *pins_peek(struct pins *pins, const struct caller *caller)
{
    const struct pin *pin = pin_of_caller(pins, caller);

    return pin != NULL ? pin->generation : NULL;
}

struct pin_visit pins_enter(struct pins *pins, const struct caller *caller, const char *name,
                            uint64_t now_ns)
{
    struct pin_visit visit = {0};
    struct pin *pin = pin_of_caller(pins, caller);

    if (pin == NULL || is_gone(pin, now_ns))
        return visit;

    bool idle = is_idle(pin, now_ns);

    visit.fresh = met_names_note(&pin->met, name);
    if (idle && !visit.fresh) {
        pin_end_walk(pins, pin);
        return visit;
    }
    visit.process = pin->process;
    if (visit.fresh)
        pin->last_used_ns = now_ns;
    pin->visits++;
    return visit;
}

void pins_leave(struct pins *pins, const struct pin_visit *visit, uint64_t now_ns)
{
    struct pin *pin = visit->process != 0 ? pin_of(pins, visit->process) : NULL;

    if (pin == NULL)
        return;
    if (pin->visits > 0)
        pin->visits--;
    if (visit->fresh)
        pin->last_used_ns = now_ns;
}

static void pin_move(struct pins *pins, struct pin *pin, struct generation *generation)
{
    generation_pin(generation);
    unpin_later(pins, pin->generation);
    pin->generation = generation;
}

bool pins_has_read(struct pins *pins, const struct caller *caller)
{
    const struct pin *pin = pin_of_caller(pins, caller);

    return pin != NULL && pin->has_read;
}

void pins_move(struct pins *pins, const struct generation *from, struct generation *to)
{
    for (struct pin *pin = pins->table; pin != NULL; pin = pin->hh.next) {
        if (pin->generation == from && !pin->has_read)
            pin_move(pins, pin, to);
    }
}

/* The pin of the process for GENERATION; one for another generation goes. NULL: no memory. */
static struct pin *pin_make(struct pins *pins, pid_t process, struct generation *generation)
{
    struct pin *pin = pin_of(pins, process);

    if (pin != NULL && pin->generation != generation) {
        forget_names(pin);
        pin_move(pins, pin, generation);
    }
    if (pin == NULL) {
        pin = calloc(1, sizeof *pin);
        if (pin == NULL)
            return NULL;
        pin->process = process;
        pin->generation = generation;
        HASH_ADD(hh, pins->table, process, sizeof pin->process, pin);
        if (pin->refused) {
            free(pin);
            return NULL;
        }
        generation_pin(generation);
    }
    return pin;
}

void pins_opened(struct pins *pins, const struct caller *caller, struct generation *generation,
                 const char *name, uint64_t now_ns)
{
    if (caller->process == 0)
        return;

    /* A child's opening counts for the walk it belongs to. */
    struct pin *walk = name != NULL ? pin_for(pins, caller->process) : NULL;

    if (walk != NULL && walk->process != caller->process && walk->generation == generation) {
        count_opening(walk, name);
        walk->last_used_ns = now_ns;
    }

    struct pin *pin = pin_make(pins, caller->process, generation);

    if (pin == NULL)
        return;
    pin->open_count++;
    pin->last_used_ns = now_ns;
    if (name != NULL) {
        count_opening(pin, name);
    } else {
        pin->walker = true;
        forget_names(pin);
    }
}

void pins_used(struct pins *pins, pid_t process, uint64_t now_ns)
{
    struct pin *pin = process != 0 ? pin_of(pins, process) : NULL;

    if (pin != NULL)
        pin->last_used_ns = now_ns;
}

void pins_closed(struct pins *pins, pid_t process, uint64_t now_ns)
{
    struct pin *pin = process != 0 ? pin_of(pins, process) : NULL;

    if (pin == NULL)
        return;
    if (pin->open_count > 0)
        pin->open_count--;
    pin->last_used_ns = now_ns;
}

void pins_expire(struct pins *pins, uint64_t now_ns)
{
    struct pin *pin, *next;

    HASH_ITER (hh, pins->table, pin, next) {
        /* cppcheck-suppress uninitvar ; HASH_ITER sets it */
        if (is_gone(pin, now_ns))
            pin_drop(pins, pin);
    }
}

bool pins_hold_older(const struct pins *pins, const struct generation *newest)
{
    for (const struct pin *pin = pins->table; pin != NULL; pin = pin->hh.next) {
        if (pin->generation != NULL && pin->generation != newest)
            return true;
    }
    return false;
}
