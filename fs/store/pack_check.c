/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "fs/store/pack.h"
#include "fs/store/pack_layout.h"

/* One pack that is gone through. */
struct check {
    struct store *store;
    struct storage *storage;
    struct sealer *sealer;
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];
    struct buffer directory;
    uint64_t end; /* of the objects */
    struct buffer sealed;
    struct buffer body;
    pack_choose *choose; /* NULL: all */
    pack_report *report;
    void *context;
};

static int check_begin(struct check *check, struct store *store, const char *name,
                       struct failure *failure)
{
    *check = (struct check){
        .store = store,
        .storage = store_storage(store),
        .directory = BUFFER(PACK_DIRECTORY_LIMIT),
        .sealed = BUFFER(OBJECT_SEALED_LIMIT),
        .body = BUFFER(OBJECT_BODY_LIMIT),
    };
    if (!pack_salt(name, check->salt))
        return failure_set(failure, EINVAL, "\"%s\" is no name of a pack", name);
    pack_path(check->salt, check->path);

    int error =
        store_file_sealer(store, STORE_PACKS, check->salt, check->path, &check->sealer, failure);

    return error != 0 ? error
                      : pack_directory_read(check->storage, check->sealer, check->salt,
                                            &check->directory, &check->end, failure);
}

static void check_end(struct check *check)
{
    sealer_free(check->sealer);
    buffer_release(&check->directory);
    buffer_release(&check->sealed);
    buffer_release(&check->body);
}

static int visit_directory(struct check *check, pack_visit *visit, void *context)
{
    return pack_directory_decode(check->directory.data, check->directory.size,
                                 pack_hint(check->salt), check->end, visit, context);
}

int pack_visit_objects(struct store *store, const char *name, pack_visit *visit, void *context,
                       struct failure *failure)
{
    struct check check;
    int error = check_begin(&check, store, name, failure);

    if (error == 0)
        error = visit_directory(&check, visit, context);
    check_end(&check);
    return error;
}

static bool same_reference(const struct object_reference *left,
                           const struct object_reference *right)
{
    uint8_t bytes[2][OBJECT_REFERENCE_BYTES];

    object_reference_encode(left, bytes[0]);
    object_reference_encode(right, bytes[1]);
    return memcmp(bytes[0], bytes[1], sizeof bytes[0]) == 0;
}

static bool head_agrees(const struct buffer *body, const struct pack_entry *entry)
{
    struct object_head head;

    return object_head_decode(body->data, body->size, &head) > 0 && head.type == entry->type &&
           head.encoding == entry->encoding && head.place.depth == entry->depth &&
           (head.encoding != OBJECT_ZSTD_PARENT || same_reference(&head.parent, &entry->parent));
}

int pack_object_open_at(struct storage *storage, struct sealer *sealer, const char *path,
                        const struct pack_entry *entry, struct buffer *sealed, struct buffer *body)
{
    const struct object_reference *reference = &entry->reference;
    size_t size = reference->sealed_size;
    int error;

    buffer_clear(sealed);
    buffer_clear(body);
    if ((error = buffer_reserve(sealed, size)) != 0 ||
        (error = buffer_reserve(body, size - SEAL_OVERHEAD_BYTES)) != 0)
        return error;
    error = storage->class->read(storage, path, reference->offset, sealed->data, size, NULL);
    if (error == 0)
        error = unseal(sealer, reference->offset, reference->id, OBJECT_ID_BYTES, sealed->data,
                       size, body->data);
    if (error != 0)
        return error;
    body->size = size - SEAL_OVERHEAD_BYTES;
    return head_agrees(body, entry) ? 0 : -EBADMSG;
}

/* A pack_visit. A pack that was removed meanwhile is not a damaged one. */
static int report_object(void *context, const struct pack_entry *entry)
{
    struct check *check = context;
    int error;

    if (check->choose != NULL && !check->choose(check->context, entry))
        return 0;
    error = pack_object_open_at(check->storage, check->sealer, check->path, entry, &check->sealed,
                                &check->body);
    if (error == -ENOMEM || error == -ENOENT)
        return error;
    return check->report(check->context, entry, &check->body, error);
}

/* The only bytes of a pack that no seal covers. */
int pack_head_check_at(struct storage *storage, const char *path,
                       const uint8_t salt[STORE_SALT_BYTES], struct failure *failure)
{
    uint8_t head[PACK_HEAD_BYTES];
    int error = storage->class->read(storage, path, 0, head, sizeof head, failure);

    if (error != 0)
        return error;
    if (memcmp(head, PACK_MAGIC, 8) == 0 && memcmp(head + 8, salt, STORE_SALT_BYTES) == 0)
        return 0;
    return failure_set(failure, EBADMSG, "%s is damaged at its beginning", path);
}

int pack_head_check(struct store *store, const char *name, struct failure *failure)
{
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];

    if (!pack_salt(name, salt))
        return failure_set(failure, EINVAL, "\"%s\" is no name of a pack", name);
    pack_path(salt, path);
    return pack_head_check_at(store_storage(store), path, salt, failure);
}

int pack_check(struct store *store, const char *name, pack_report *report, void *context,
               struct failure *failure)
{
    return pack_check_some(store, name, NULL, report, context, failure);
}

int pack_check_some(struct store *store, const char *name, pack_choose *choose, pack_report *report,
                    void *context, struct failure *failure)
{
    struct check check;
    int error = check_begin(&check, store, name, failure);

    check.choose = choose;
    check.report = report;
    check.context = context;
    if (error == 0)
        error = visit_directory(&check, report_object, &check);
    if (error == 0)
        error = pack_head_check_at(check.storage, check.path, check.salt, failure);
    check_end(&check);
    return error;
}
