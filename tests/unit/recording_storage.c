/* SPDX-License-Identifier: MIT */
#include "tests/unit/recording_storage.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/memory.h"

#define FILE_LIMIT ((size_t)1 << 30)

struct recording {
    struct storage base;
    struct recording *whole; /* itself; or the one that this is only another way to */
    unsigned party;
    struct storage *inner;
    pthread_mutex_t lock; /* guards all below */
    unsigned parties;     /* besides the first */
    struct storage_fault fault;
    uint64_t counted;
    uint64_t failed;
    unsigned interposed; /* before which operations */
    void (*interpose)(void *context);
    void *interpose_context;
    struct recorded_operation *operations;
    size_t count;
};

struct recording_writer {
    struct storage_writer base;
    struct storage_writer *inner;
    char *name;
    struct buffer bytes;
};

static struct recording *recording_of(struct storage *storage)
{
    return ((struct recording *)storage)->whole;
}

/* Whether this operation is to fail, and how. */
struct verdict {
    int error; /* 0: it is not */
    bool carry_out;
    bool half;
};

static void interpose(struct recording *recording, enum storage_operation kind)
{
    void (*call)(void *context) = NULL;
    void *context = NULL;

    pthread_mutex_lock(&recording->lock);
    if ((recording->interposed & (unsigned)kind) != 0) {
        call = recording->interpose;
        context = recording->interpose_context;
        recording->interposed = 0;
    }
    pthread_mutex_unlock(&recording->lock);
    if (call != NULL)
        call(context);
}

static struct verdict judge(struct recording *recording, enum storage_operation kind,
                            const char *name, struct failure *failure)
{
    struct verdict verdict = {.carry_out = true};

    interpose(recording, kind);
    pthread_mutex_lock(&recording->lock);

    const struct storage_fault *fault = &recording->fault;

    if ((fault->operations & (unsigned)kind) != 0) {
        uint64_t number = ++recording->counted;

        if (fault->nth != 0 && (number == fault->nth || (fault->for_ever && number > fault->nth))) {
            verdict.error = -fault->code;
            verdict.carry_out = fault->effect == FAULT_ALL_DONE;
            verdict.half = fault->effect == FAULT_PARTLY_DONE;
            recording->failed++;
        }
    }
    pthread_mutex_unlock(&recording->lock);
    if (verdict.error != 0)
        failure_set(failure, -verdict.error, "%s: made to fail: %s", name,
                    strerror(-verdict.error));
    return verdict;
}

static int record(struct storage *storage, enum storage_operation kind, const char *name,
                  const void *bytes, size_t size, size_t covered)
{
    struct recording *recording = recording_of(storage);
    struct recorded_operation operation = {.kind = kind,
                                           .party = ((struct recording *)storage)->party,
                                           .size = size,
                                           .covered = covered};
    int error = 0;

    operation.name = name != NULL ? strdup(name) : NULL;
    operation.bytes = bytes != NULL || size == 0 ? malloc(size + 1) : NULL;
    if ((name != NULL && operation.name == NULL) || operation.bytes == NULL) {
        free(operation.name);
        free(operation.bytes);
        return -ENOMEM;
    }
    if (size != 0)
        memcpy(operation.bytes, bytes, size);
    pthread_mutex_lock(&recording->lock);

    struct recorded_operation *more =
        reallocarray(recording->operations, recording->count + 1, sizeof *more);

    if (more != NULL) {
        recording->operations = more;
        more[recording->count++] = operation;
    } else {
        free(operation.name);
        free(operation.bytes);
        error = -ENOMEM;
    }
    pthread_mutex_unlock(&recording->lock);
    return error;
}

static int recording_put(struct storage *storage, const char *name, const void *bytes, size_t size,
                         struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct storage *inner = recording->inner;
    struct verdict verdict = judge(recording, STORAGE_PUT, name, failure);

    if (!verdict.carry_out)
        return verdict.error;

    int error =
        inner->class->put_exclusive(inner, name, bytes, size, verdict.error == 0 ? failure : NULL);

    if (error == 0)
        error = record(storage, STORAGE_PUT, name, bytes, size, 0);
    return verdict.error != 0 ? verdict.error : error;
}

static void writer_free(struct recording_writer *writer)
{
    free(writer->name);
    buffer_release(&writer->bytes);
    free(writer);
}

static int recording_create(struct storage *storage, const char *name,
                            struct storage_writer **ret_writer, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct storage *inner = recording->inner;
    struct verdict verdict = judge(recording, STORAGE_CREATE, name, failure);

    if (verdict.error != 0)
        return verdict.error;

    struct recording_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL)
        return -ENOMEM;
    writer->base.storage = storage;
    writer->bytes = BUFFER(FILE_LIMIT);
    writer->name = strdup(name);

    int error =
        writer->name == NULL ? -ENOMEM : inner->class->create(inner, name, &writer->inner, failure);

    if (error != 0) {
        writer_free(writer);
        return error;
    }
    *ret_writer = &writer->base;
    return 0;
}

static int recording_append(struct storage_writer *base, const void *bytes, size_t size,
                            struct failure *failure)
{
    struct recording_writer *writer = (struct recording_writer *)base;
    struct recording *recording = recording_of(base->storage);
    struct verdict verdict = judge(recording, STORAGE_APPEND, writer->name, failure);

    if (!verdict.carry_out && !verdict.half)
        return verdict.error;
    if (verdict.half)
        size /= 2;

    int error = recording->inner->class->append(writer->inner, bytes, size,
                                                verdict.error == 0 ? failure : NULL);

    if (error == 0)
        error = buffer_append(&writer->bytes, bytes, size);
    return verdict.error != 0 ? verdict.error : error;
}

static void recording_abort(struct storage_writer *base)
{
    struct recording_writer *writer = (struct recording_writer *)base;

    if (writer == NULL)
        return;
    recording_of(base->storage)->inner->class->abort(writer->inner);
    writer_free(writer);
}

static int recording_commit(struct storage_writer *base, struct failure *failure)
{
    struct recording_writer *writer = (struct recording_writer *)base;
    struct recording *recording = recording_of(base->storage);
    struct verdict verdict = judge(recording, STORAGE_COMMIT, writer->name, failure);

    if (!verdict.carry_out) {
        recording_abort(base);
        return verdict.error;
    }

    int error = recording->inner->class->commit(writer->inner, verdict.error == 0 ? failure : NULL);

    if (error == 0)
        error = record(base->storage, STORAGE_COMMIT, writer->name, writer->bytes.data,
                       writer->bytes.size, 0);
    writer_free(writer);
    return verdict.error != 0 ? verdict.error : error;
}

static int recording_sync(struct storage *storage, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct verdict verdict = judge(recording, STORAGE_SYNC, "sync", failure);

    /* One that failed has made nothing durable for certain: it does not count as one. */
    if (verdict.error != 0)
        return verdict.error;

    size_t covered = recording_storage_count(storage);
    int error = recording->inner->class->sync(recording->inner, failure);

    return error != 0 ? error : record(storage, STORAGE_SYNC, NULL, NULL, 0, covered);
}

static int recording_flush(struct storage *storage, const char *name, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct storage *inner = recording->inner;
    struct verdict verdict = judge(recording, STORAGE_FLUSH, name, failure);
    uint64_t size;

    if (verdict.error != 0)
        return verdict.error;

    int error = inner->class->flush != NULL ? inner->class->flush(inner, name, failure)
                                            : inner->class->size(inner, name, &size, failure);

    return error != 0 ? error : record(storage, STORAGE_FLUSH, name, NULL, 0, 0);
}

static int recording_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                          size_t size, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct verdict verdict = judge(recording, STORAGE_READ, name, failure);

    if (verdict.error != 0)
        return verdict.error;
    return recording->inner->class->read(recording->inner, name, offset, bytes, size, failure);
}

static int recording_size(struct storage *storage, const char *name, uint64_t *ret_size,
                          struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct verdict verdict = judge(recording, STORAGE_SIZE, name, failure);

    if (verdict.error != 0)
        return verdict.error;
    return recording->inner->class->size(recording->inner, name, ret_size, failure);
}

/* Passes every second name on, for a listing that is to fail half-way. */
struct half_visit {
    storage_visit *visit;
    void *context;
    bool skip;
};

static int visit_half(void *context, const char *name, uint64_t size, time_t modified)
{
    struct half_visit *half = context;

    half->skip = !half->skip;
    return half->skip ? 0 : half->visit(half->context, name, size, modified);
}

static int recording_list(struct storage *storage, const char *folder, storage_visit *visit,
                          void *context, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct storage *inner = recording->inner;
    struct half_visit half = {visit, context, false};
    struct verdict verdict = judge(recording, STORAGE_LIST, folder, failure);

    if (verdict.half)
        inner->class->list(inner, folder, visit_half, &half, NULL);
    if (verdict.error != 0)
        return verdict.error;
    return inner->class->list(inner, folder, visit, context, failure);
}

static int recording_remove(struct storage *storage, const char *name, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct verdict verdict = judge(recording, STORAGE_REMOVE, name, failure);

    if (!verdict.carry_out)
        return verdict.error;

    int error = recording->inner->class->remove(recording->inner, name,
                                                verdict.error == 0 ? failure : NULL);

    if (error == 0)
        error = record(storage, STORAGE_REMOVE, name, NULL, 0, 0);
    return verdict.error != 0 ? verdict.error : error;
}

static int recording_sweep(struct storage *storage, time_t modified_before, struct failure *failure)
{
    struct recording *recording = recording_of(storage);
    struct verdict verdict = judge(recording, STORAGE_SWEEP, "sweep", failure);

    if (verdict.error != 0)
        return verdict.error;
    return recording->inner->class->sweep(recording->inner, modified_before, failure);
}

static void recording_close(struct storage *storage)
{
    struct recording *recording = (struct recording *)storage;

    if (recording == NULL)
        return;
    if (recording->whole != recording) {
        free(recording);
        return;
    }
    recording_storage_forget(storage);
    recording->inner->class->close(recording->inner);
    pthread_mutex_destroy(&recording->lock);
    free(recording);
}

static const struct storage_class recording_class = {
    .put_exclusive = recording_put,
    .create = recording_create,
    .append = recording_append,
    .commit = recording_commit,
    .abort = recording_abort,
    .sync = recording_sync,
    .flush = recording_flush,
    .read = recording_read,
    .size = recording_size,
    .list = recording_list,
    .remove = recording_remove,
    .sweep = recording_sweep,
    .close = recording_close,
};

struct storage *recording_storage_new(struct storage *inner)
{
    struct recording *recording = calloc(1, sizeof *recording);

    if (recording == NULL)
        return NULL;
    recording->base.class = &recording_class;
    recording->whole = recording;
    recording->inner = inner;
    recording->fault.operations = STORAGE_ALL;
    pthread_mutex_init(&recording->lock, NULL);
    return &recording->base;
}

struct storage *recording_storage_beside(struct storage *storage)
{
    struct recording *recording = recording_of(storage);
    struct recording *beside =
        recording->parties + 1 < RECORDING_PARTIES ? calloc(1, sizeof *beside) : NULL;

    if (beside == NULL)
        return NULL;
    beside->base.class = &recording_class;
    beside->whole = recording;
    beside->party = ++recording->parties;
    return &beside->base;
}

struct storage *recording_storage_inner(struct storage *storage)
{
    return recording_of(storage)->inner;
}

void recording_storage_set_fault(struct storage *storage, const struct storage_fault *fault)
{
    struct recording *recording = recording_of(storage);

    pthread_mutex_lock(&recording->lock);
    recording->fault = fault != NULL ? *fault : (struct storage_fault){.operations = STORAGE_ALL};
    recording->counted = 0;
    recording->failed = 0;
    pthread_mutex_unlock(&recording->lock);
}

void recording_storage_interpose(struct storage *storage, unsigned operations,
                                 void (*call)(void *context), void *context)
{
    struct recording *recording = recording_of(storage);

    pthread_mutex_lock(&recording->lock);
    recording->interposed = operations;
    recording->interpose = call;
    recording->interpose_context = context;
    pthread_mutex_unlock(&recording->lock);
}

static uint64_t look_at(struct recording *recording, const uint64_t *number)
{
    pthread_mutex_lock(&recording->lock);

    uint64_t result = *number;

    pthread_mutex_unlock(&recording->lock);
    return result;
}

uint64_t recording_storage_counted(struct storage *storage)
{
    return look_at(recording_of(storage), &recording_of(storage)->counted);
}

uint64_t recording_storage_failed(struct storage *storage)
{
    return look_at(recording_of(storage), &recording_of(storage)->failed);
}

size_t recording_storage_count(struct storage *storage)
{
    struct recording *recording = recording_of(storage);

    pthread_mutex_lock(&recording->lock);

    size_t count = recording->count;

    pthread_mutex_unlock(&recording->lock);
    return count;
}

const struct recorded_operation *recording_storage_operation(struct storage *storage, size_t index)
{
    return &recording_of(storage)->operations[index];
}

void recording_storage_forget(struct storage *storage)
{
    struct recording *recording = recording_of(storage);

    pthread_mutex_lock(&recording->lock);
    for (size_t i = 0; i < recording->count; i++) {
        free(recording->operations[i].name);
        free(recording->operations[i].bytes);
    }
    free(recording->operations);
    recording->operations = NULL;
    recording->count = 0;
    pthread_mutex_unlock(&recording->lock);
}
