/* SPDX-License-Identifier: MIT */
#include "fs/store/pack_rivals.h"

#include <errno.h>

#include "fs/store/pack.h"

struct rivals {
    struct storage *storage;
    struct sealer *sealer; /* of the pack's own name */
    const char *path;
    char own[PACK_PATH_SIZE];
    struct buffer sealed;
    struct buffer body;
    bool better; /* something is whole at PATH alone */
};

/* A pack_visit, as the directory at PATH has it. 1: the other may be needed. */
static int compare_object(void *context, const struct pack_entry *entry)
{
    struct rivals *rivals = context;
    int error = pack_object_open_at(rivals->storage, rivals->sealer, rivals->path, entry,
                                    &rivals->sealed, &rivals->body);
    int own_error = error != -ENOMEM
                        ? pack_object_open_at(rivals->storage, rivals->sealer, rivals->own, entry,
                                              &rivals->sealed, &rivals->body)
                        : error;

    if (own_error == -ENOMEM)
        return own_error;
    if (error != 0) /* what could not be read for a moment may be whole, too */
        return own_error != -EBADMSG && own_error != -ENODATA;
    rivals->better = rivals->better || own_error != 0;
    return 0;
}

/* 1: all but the objects is whole under the pack's own name; 0, -ENOMEM. */
static int own_frame_is_whole(struct rivals *rivals, const uint8_t salt[STORE_SALT_BYTES])
{
    cleanup_buffer struct buffer directory = BUFFER(PACK_DIRECTORY_LIMIT);
    uint64_t end;
    int error = pack_head_check_at(rivals->storage, rivals->own, salt, NULL);

    if (error == 0)
        error = pack_directory_read_at(rivals->storage, rivals->sealer, salt, rivals->own,
                                       &directory, &end, NULL);
    return error == -ENOMEM ? error : error == 0;
}

static int compare(struct rivals *rivals, const uint8_t salt[STORE_SALT_BYTES])
{
    cleanup_buffer struct buffer directory = BUFFER(PACK_DIRECTORY_LIMIT);
    uint64_t end = 0;
    int error = pack_directory_read_at(rivals->storage, rivals->sealer, salt, rivals->path,
                                       &directory, &end, NULL);
    int whole;

    if (error != 0)
        return error == -ENOMEM ? error : 0;
    whole = own_frame_is_whole(rivals, salt);
    if (whole < 0)
        return whole;
    rivals->better = whole == 0;
    error = pack_directory_decode(directory.data, directory.size, pack_hint(salt), end,
                                  compare_object, rivals);
    return error == 0 ? rivals->better : error == -ENOMEM ? error : 0;
}

int pack_is_better(struct store *store, const uint8_t salt[STORE_SALT_BYTES], const char *path)
{
    struct rivals rivals = {
        .storage = store_storage(store),
        .path = path,
        .sealed = BUFFER(OBJECT_SEALED_LIMIT),
        .body = BUFFER(OBJECT_BODY_LIMIT),
    };

    pack_path(salt, rivals.own);

    int better = store_file_sealer(store, STORE_PACKS, salt, rivals.own, &rivals.sealer, NULL);

    if (better == 0)
        better = compare(&rivals, salt);
    sealer_free(rivals.sealer);
    buffer_release(&rivals.sealed);
    buffer_release(&rivals.body);
    return better;
}
