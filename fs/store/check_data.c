/* SPDX-License-Identifier: MIT */
/*
 * Reading every byte. Each pack is gone through from end to end, and every piece in it opened. The
 * data of what snapshots need is decompressed as well, and its hash compared with the id: every
 * object once, parents before what is compressed against them, so that a chain costs no more than
 * its objects. For that, the children of every object are known beforehand; where there are too
 * many for that, each object is read by itself, with all its ancestors.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/store/check_children.h"
#include "fs/store/object_reader.h"

#define THREADS_MOST 64

struct reading {
    struct checking *checking;
    struct check_children children; /* not for a subset */

    pthread_mutex_t lock; /* guards what follows, the findings, and the reach's damage */
    size_t next_pack;
    uint64_t bytes_done;
    int error;
};

/* One thread's. */
struct worker {
    struct reading *reading;
    struct reach_spot spot; /* in the pack that is gone through */
    struct buffer sealed;
    struct buffer body;
    struct buffer data[OBJECT_DEPTH_MOST + 2];
    ZSTD_DCtx *context;
    uint64_t objects_read;
    uint64_t bytes_read;
    struct failure failure;
};

/* ---- Objects ---- */

static int is_lost(struct reading *reading, const struct check_damaged *damaged, int depth)
{
    return check_is_lost(reading->checking, &damaged->reference, depth, damaged->type,
                         damaged->spot);
}

/*
 * Whether a snapshot loses something by it. What is compressed against this copy can only be read
 * by one of the same depth, or in a copy of its own that rests on something else. 1, 0, -ENOMEM.
 * With the lock. No deeper than chains are.
 */
static int is_harmful(struct reading *reading, const struct check_damaged *damaged)
{
    struct reach *reach = reading->checking->reach;
    const struct check_child *children;
    size_t count = 0;
    int harmful = 1;

    if (!reach_lives(reach, damaged->spot))
        return 0;
    children = check_children_of(&reading->children, damaged->spot, &count);
    if (count > 0 || reading->children.unknown)
        harmful = is_lost(reading, damaged, damaged->depth);
    if (harmful <= 0 || reading->children.unknown)
        return harmful;
    harmful = 0;
    for (size_t i = 0; i < count && harmful == 0; i++) {
        const struct check_child *child = &children[i];

        harmful = is_harmful(reading, &(struct check_damaged){child->spot, child->reference,
                                                              child->type, damaged->depth + 1});
    }
    return harmful == 0 && reach_is_named(reach, damaged->spot)
               ? is_lost(reading, damaged, REACH_ANY_DEPTH)
               : harmful;
}

/* 1: it is harmless, and was not known; 0; -ENOMEM. With the lock. */
static int note_damage(struct reading *reading, const struct check_damaged *damaged,
                       const char *text)
{
    struct checking *checking = reading->checking;
    struct reach_spot spot = damaged->spot;
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];
    int harmful;

    if (reach_is_damaged(checking->reach, spot) ||
        !pack_salt(reach_pack(checking->reach, spot.pack)->name, salt))
        return 0;
    harmful = is_harmful(reading, damaged);
    if (harmful < 0)
        return harmful;
    pack_path(salt, path);
    check_find(checking, &(struct check_finding){.kind = CHECK_PACK,
                                                 .file = path,
                                                 .harmless = harmful == 0,
                                                 .unread = medium_failed(checking->medium, path),
                                                 .text = text});
    checking->damaged = checking->damaged || harmful == 1;

    int error = reach_set_damaged(checking->reach, spot);

    return error != 0 ? error : harmful == 0;
}

static int read_without(struct worker *worker, struct reach_spot spot, int depth);

/* What is compressed against a piece that nobody misses is read against another copy of it. */
static int find_damage(struct worker *worker, const struct check_damaged *damaged, const char *text)
{
    struct reading *reading = worker->reading;

    pthread_mutex_lock(&reading->lock);
    int found = note_damage(reading, damaged, text);
    pthread_mutex_unlock(&reading->lock);
    return found == 1 ? read_without(worker, damaged->spot, damaged->depth) : found;
}

/* The children of SPOT, which stands at DEPTH, and theirs, each by itself. */
static int read_without(struct worker *worker, struct reach_spot spot, int depth)
{
    struct buffer *data = &worker->data[OBJECT_DEPTH_MOST + 1]; /* that of no chain */
    const struct check_child *children;
    size_t count;
    int error = 0;

    children = check_children_of(&worker->reading->children, spot, &count);
    for (size_t i = 0; i < count && error == 0; i++) {
        const struct check_child *child = &children[i];
        const struct check_damaged damaged = {child->spot, child->reference, child->type,
                                              depth + 1};

        error = object_read(worker->reading->checking->reader, &child->reference, child->type, true,
                            data, &worker->failure);
        worker->objects_read += error == 0;
        worker->bytes_read += data->size;
        if (error == 0)
            error = read_without(worker, child->spot, depth + 1);
        else if (error != -ENOMEM)
            error = find_damage(worker, &damaged, worker->failure.text);
    }
    return error;
}

/* The data of an opened BODY, decoded against its parent's, into the buffer of its DEPTH. */
static int decode(struct worker *worker, const struct buffer *body, size_t depth)
{
    const struct buffer *parent = depth > 0 ? &worker->data[depth - 1] : NULL;
    struct object_head head;

    if (object_head_decode(body->data, body->size, &head) < 0 ||
        (head.encoding == OBJECT_ZSTD_PARENT) != (parent != NULL))
        return -EBADMSG;
    return object_body_unpack(&head, body->data, body->size, parent, worker->context,
                              &worker->data[depth]);
}

/* The same of one whose body is still to be read. */
static int fetch(struct worker *worker, const struct object_reference *reference, size_t depth)
{
    struct object_reference found;
    int error = object_fetch(worker->reading->checking->reader, reference, &worker->sealed,
                             &worker->body, &found, &worker->failure);

    return error != 0 ? error : decode(worker, &worker->body, depth);
}

static int verify(struct worker *worker, const struct object_reference *reference,
                  enum object_type type, size_t depth)
{
    const struct buffer *data = &worker->data[depth];
    uint8_t id[OBJECT_ID_BYTES];
    int error = object_identify(worker->reading->checking->store, type, data->data, data->size, id);

    worker->objects_read++;
    worker->bytes_read += data->size;
    if (error == 0 && memcmp(id, reference->id, sizeof id) != 0)
        error = -EBADMSG;
    return error;
}

/*
 * An object, and then all that is compressed against it. No deeper than chains are. BODY: its own,
 * opened; NULL: it is still to be read.
 */
static int read_chain(struct worker *worker, struct reach_spot spot,
                      const struct object_reference *reference, enum object_type type,
                      const struct buffer *body, size_t depth)
{
    const struct check_child *children;
    size_t count;
    const char *damage = "an object is damaged: it does not open";
    int error = -EBADMSG;

    if (depth <= OBJECT_DEPTH_MOST)
        error = body != NULL ? decode(worker, body, depth) : fetch(worker, reference, depth);
    if (error == 0) {
        damage = "an object holds other data than was put into it";
        error = verify(worker, reference, type, depth);
    }
    if (error == -ENOMEM)
        return error;
    if (error != 0)
        return find_damage(worker, &(struct check_damaged){spot, *reference, type, (int)depth},
                           damage);
    children = check_children_of(&worker->reading->children, spot, &count);
    for (size_t i = 0; i < count && error == 0; i++)
        error = read_chain(worker, children[i].spot, &children[i].reference, children[i].type, NULL,
                           depth + 1);
    return error;
}

/* Blames the pack that is at fault, which need not be the one that is read. */
static int find_chain_damage(struct worker *worker, struct check_damaged *damaged)
{
    struct reach_spot spot = damaged->spot;
    char text[64];
    int error = check_find_culprit(worker->reading->checking, damaged);

    if (error != 0)
        return error;
    if (damaged->spot.pack == spot.pack && damaged->spot.entry == spot.entry)
        return find_damage(worker, damaged, worker->failure.text);
    snprintf(text, sizeof text, "damaged at byte %llu",
             (unsigned long long)damaged->reference.offset);
    return find_damage(worker, damaged, text);
}

/* One by itself, with all its ancestors. */
static int read_object(struct worker *worker, struct reach_spot spot,
                       const struct pack_entry *entry)
{
    int error = object_read(worker->reading->checking->reader, &entry->reference, entry->type, true,
                            &worker->data[0], &worker->failure);

    if (error == -ENOMEM)
        return error;
    worker->objects_read++;
    worker->bytes_read += worker->data[0].size;
    return error == 0
               ? 0
               : find_chain_damage(worker, &(struct check_damaged){spot, entry->reference,
                                                                   entry->type, entry->depth});
}

/* Not where a damaged directory hides the parent. */
static bool comes_with_parent(struct reading *reading, const struct pack_entry *entry)
{
    struct reach_spot parent;

    pthread_mutex_lock(&reading->lock);
    bool found = reach_find(reading->checking->reach, &entry->parent, entry->depth - 1, &parent);
    pthread_mutex_unlock(&reading->lock);
    return found;
}

/* A pack_report: the piece has been opened, or not. */
static int take_object(void *context, const struct pack_entry *entry, const struct buffer *body,
                       int error)
{
    struct worker *worker = context;
    struct reading *reading = worker->reading;
    struct reach_spot spot = worker->spot;
    char text[64];

    worker->spot.entry++;
    if (error != 0) {
        snprintf(text, sizeof text,
                 error == -EBADMSG ? "damaged at byte %llu" : "unreadable at byte %llu",
                 (unsigned long long)entry->reference.offset);
        return find_damage(
            worker, &(struct check_damaged){spot, entry->reference, entry->type, entry->depth},
            text);
    }
    if (!reach_lives(reading->checking->reach, spot))
        return 0;
    if (reading->children.unknown)
        return read_object(worker, spot, entry);
    if (entry->encoding == OBJECT_ZSTD_PARENT)
        return comes_with_parent(reading, entry) ? 0 : read_object(worker, spot, entry);
    return read_chain(worker, spot, &entry->reference, entry->type, body, 0);
}

/* ---- Packs ---- */

/*
 * A pack_choose. Each part has as many bytes of every pack as the others. Which of them its name
 * says alone, so that an object is always in the same part, and small packs do not all begin with
 * the first one.
 */
static bool is_asked_for(void *context, const struct pack_entry *entry)
{
    struct worker *worker = context;
    const struct checking *checking = worker->reading->checking;
    const struct check_options *options = checking->options;
    const struct reach_pack *pack = reach_pack(checking->reach, worker->spot.pack);
    uint64_t part;

    if (options->subsets == 0)
        return true;
    part = entry->reference.offset * options->subsets / pack->object_bytes + pack->hint;
    if (part % options->subsets == options->subset - 1)
        return true;
    worker->spot.entry++;
    return false;
}

/* Nothing in it is needed, and it is to be removed. */
static bool is_on_its_way(const struct reach_pack *pack)
{
    return pack->marked && pack->living_count == 0;
}

/* The next pack that is to be read; false: there is none. */
static bool next_pack(struct reading *reading, size_t *ret_pack)
{
    const struct checking *checking = reading->checking;
    bool found = false;

    pthread_mutex_lock(&reading->lock);
    while (!found && reading->error == 0 &&
           reading->next_pack < reach_pack_count(checking->reach)) {
        const struct reach_pack *pack = reach_pack(checking->reach, reading->next_pack);

        found = pack->error == 0 && !is_on_its_way(pack);
        *ret_pack = reading->next_pack++;
        reading->bytes_done += pack->file_bytes;
    }
    store_progress_tell(checking->options->progress, "reading data", reading->bytes_done,
                        checking->result.pack_bytes);
    pthread_mutex_unlock(&reading->lock);
    return found;
}

/* OPENED: the objects in it do, and repair makes another of it. */
static void find_pack_damage(struct checking *checking, const char *name, bool opened,
                             const struct failure *failure)
{
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];

    if (!pack_salt(name, salt))
        return;
    pack_path(salt, path);
    check_find_file(checking, CHECK_PACK, path, opened, failure);
}

static void read_pack(struct worker *worker, size_t pack)
{
    struct reading *reading = worker->reading;
    struct checking *checking = reading->checking;
    struct failure failure = {.code = 0};
    int error;

    worker->spot = (struct reach_spot){.pack = (uint32_t)pack};
    error = pack_check_some(checking->store, reach_pack(checking->reach, pack)->name, is_asked_for,
                            take_object, worker, &failure);
    if (error == 0 || error == -ENOENT) /* removed meanwhile */
        return;
    pthread_mutex_lock(&reading->lock);
    if (error == -ENOMEM)
        reading->error = error;
    else
        find_pack_damage(checking, reach_pack(checking->reach, pack)->name, error == -EBADMSG,
                         &failure);
    pthread_mutex_unlock(&reading->lock);
}

static void worker_init(struct worker *worker, struct reading *reading)
{
    *worker = (struct worker){.reading = reading,
                              .sealed = BUFFER(OBJECT_SEALED_LIMIT),
                              .body = BUFFER(OBJECT_BODY_LIMIT),
                              .context = ZSTD_createDCtx()};
    for (size_t i = 0; i < sizeof worker->data / sizeof *worker->data; i++)
        worker->data[i] = BUFFER(OBJECT_DATA_LIMIT);
}

static void worker_release(struct worker *worker)
{
    buffer_release(&worker->sealed);
    buffer_release(&worker->body);
    for (size_t i = 0; i < sizeof worker->data / sizeof *worker->data; i++)
        buffer_release(&worker->data[i]);
    ZSTD_freeDCtx(worker->context);
}

static void *work(void *context)
{
    struct reading *reading = context;
    struct worker worker;
    size_t pack;

    worker_init(&worker, reading);
    while (worker.context != NULL && next_pack(reading, &pack))
        read_pack(&worker, pack);
    pthread_mutex_lock(&reading->lock);
    if (worker.context == NULL)
        reading->error = -ENOMEM;
    reading->checking->result.objects_read += worker.objects_read;
    reading->checking->result.bytes_read += worker.bytes_read;
    pthread_mutex_unlock(&reading->lock);
    worker_release(&worker);
    return NULL;
}

static unsigned thread_count(const struct check_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = options->threads != 0 ? options->threads : (unsigned)processors;

    return wanted == 0 || wanted > THREADS_MOST ? THREADS_MOST : wanted;
}

/* This thread works too; one that cannot be made is done without. */
static void run(struct reading *reading)
{
    pthread_t threads[THREADS_MOST];
    unsigned wanted = thread_count(reading->checking->options) - 1;
    unsigned count = 0;

    while (count < wanted && pthread_create(&threads[count], NULL, work, reading) == 0)
        count++;
    work(reading);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int check_data(struct checking *checking)
{
    struct reading reading = {.checking = checking, .lock = PTHREAD_MUTEX_INITIALIZER};

    reading.children.unknown = checking->options->subsets != 0;
    if (!reading.children.unknown)
        reading.error = check_children_gather(&reading.children, checking);
    if (reading.error == 0)
        run(&reading);
    check_children_release(&reading.children);
    pthread_mutex_destroy(&reading.lock);
    return reading.error == -ENOMEM ? failure_set(checking->failure, ENOMEM, "%s", strerror(ENOMEM))
                                    : reading.error;
}
