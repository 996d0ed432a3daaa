/* SPDX-License-Identifier: MIT */
/* The slots that a store has, as they are found below keys/. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/store_internal.h"

#define FOLDER "keys"

void key_slot_path(const uint8_t id[KEY_SLOT_ID_BYTES], char path[KEY_SLOT_PATH_SIZE])
{
    memcpy(path, FOLDER "/", sizeof FOLDER);
    sodium_bin2hex(path + sizeof FOLDER, KEY_SLOT_NAME_DIGITS + 1, id, KEY_SLOT_ID_BYTES);
}

struct found_slots {
    struct stored_slot *slots;
    size_t count;
};

static int make_room(struct found_slots *found)
{
    size_t room = found->count != 0 ? 2 * found->count : 1;
    struct stored_slot *slots;

    if ((found->count & (found->count - 1)) != 0)
        return 0;
    slots = reallocarray(found->slots, room, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    found->slots = slots;
    return 0;
}

static int note_slot(void *context, const char *name, uint64_t size, time_t modified)
{
    struct found_slots *found = context;
    uint8_t id[KEY_SLOT_ID_BYTES];
    size_t length;

    /* What has another name is no slot. */
    if (strlen(name) != KEY_SLOT_NAME_DIGITS ||
        sodium_hex2bin(id, sizeof id, name, KEY_SLOT_NAME_DIGITS, NULL, &length, NULL) != 0 ||
        length != sizeof id)
        return 0;
    if (found->count == KEY_SLOT_FILES_MOST)
        return -EOVERFLOW;
    if (make_room(found) != 0)
        return -ENOMEM;

    struct stored_slot *slot = &found->slots[found->count++];

    *slot = (struct stored_slot){.modified = modified};
    memcpy(slot->id, id, sizeof id);
    slot->error = size == KEY_SLOT_BYTES ? 0 : -EBADMSG;
    return 0;
}

static int compare_slots(const void *left, const void *right)
{
    return memcmp(((const struct stored_slot *)left)->id, ((const struct stored_slot *)right)->id,
                  KEY_SLOT_ID_BYTES);
}

/* Reads what was found; slots that are gone by now are left out. */
static void read_slots(struct storage *storage, struct found_slots *found)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        struct stored_slot *slot = &found->slots[i];
        char path[KEY_SLOT_PATH_SIZE];

        key_slot_path(slot->id, path);
        if (slot->error == 0)
            slot->error = storage->class->read(storage, path, 0, slot->bytes, KEY_SLOT_BYTES, NULL);
        if (slot->error == -ENODATA)
            slot->error = -EBADMSG;
        if (slot->error != -ENOENT)
            found->slots[kept++] = *slot;
    }
    found->count = kept;
    if (kept > 1)
        qsort(found->slots, kept, sizeof *found->slots, compare_slots);
}

int stored_slots_read(struct storage *storage, struct stored_slot **ret_slots, size_t *ret_count,
                      struct failure *failure)
{
    struct found_slots found = {.count = 0};
    int error = storage->class->list(storage, FOLDER, note_slot, &found, failure);

    if (error == -EOVERFLOW) {
        error = -EBADMSG;
        failure_set(
            failure, EBADMSG,
            "there are more than %d files below keys/: somebody put some there; remove those "
            "that are not the store's",
            KEY_SLOT_FILES_MOST);
    }
    if (error != 0) {
        free(found.slots);
        return error;
    }
    read_slots(storage, &found);
    *ret_count = found.count;
    *ret_slots = found.slots;
    return 0;
}
