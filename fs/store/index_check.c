/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "fs/store/index.h"

static int check_head(struct storage *storage, const char *path, const uint8_t *salt,
                      struct failure *failure)
{
    uint8_t head[INDEX_HEAD_BYTES];
    int error = storage->class->read(storage, path, 0, head, sizeof head, failure);

    if (error != 0)
        return error;
    if (memcmp(head, INDEX_MAGIC, 8) == 0 && memcmp(head + 8, salt, STORE_SALT_BYTES) == 0)
        return 0;
    return failure_set(failure, EBADMSG, "%s is damaged at its beginning", path);
}

static int check_blocks(struct storage *storage, struct sealer *sealer,
                        const struct index_file *file, const char *path, struct failure *failure)
{
    uint8_t block[INDEX_BLOCK_BYTES];
    uint8_t before[OBJECT_ID_BYTES];

    for (uint64_t number = 0; number < file->blocks; number++) {
        int error = index_block_read(storage, sealer, file, number, block, failure);
        bool last;

        if (error != 0)
            return error;

        int count = index_block_check(block, &last);
        struct index_entry entry = index_block_entry(block, 0);

        if (number > 0 && memcmp(before, entry.reference.id, sizeof before) >= 0)
            return failure_set(failure, EBADMSG, "%s is damaged: it is not in order", path);
        entry = index_block_entry(block, (size_t)count - 1);
        memcpy(before, entry.reference.id, sizeof before);
    }
    return 0;
}

int index_check(struct store *store, const char *name, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    struct index_file file;
    struct sealer *sealer;
    char path[INDEX_PATH_SIZE];
    uint64_t size;

    if (!pack_salt(name, file.salt))
        return failure_set(failure, EINVAL, "\"%s\" is no name of an index", name);
    index_path(file.salt, path);

    int error = storage->class->size(storage, path, &size, failure);

    if (error != 0)
        return error;
    file.blocks = index_blocks(size);
    if (file.blocks == 0)
        return failure_set(failure, EBADMSG, "%s is damaged: its length cannot be", path);
    error = store_file_sealer(store, STORE_INDEX, file.salt, path, &sealer, failure);
    if (error != 0)
        return error;
    error = check_head(storage, path, file.salt, failure);
    if (error == 0)
        error = check_blocks(storage, sealer, &file, path, failure);
    sealer_free(sealer);
    return error;
}
