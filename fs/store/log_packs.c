/* SPDX-License-Identifier: MIT */
/* Which packs the records of the log name as written for what they say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"
#include "fs/store/pack.h"

typedef uint8_t salt_bytes[STORE_SALT_BYTES];

struct salts {
    salt_bytes *salts;
    size_t count;
    size_t room;
};

static int add_packs(struct salts *salts, const struct log_entry *entry)
{
    size_t wanted = salts->count + entry->pack_count;

    if (wanted > salts->room) {
        size_t room = wanted * 2;
        salt_bytes *more = reallocarray(salts->salts, room, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        salts->salts = more;
        salts->room = room;
    }
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (pack_salt(entry->packs[i], salts->salts[salts->count]))
            salts->count++;
    }
    return 0;
}

static int compare_salts(const void *left, const void *right)
{
    return memcmp(left, right, STORE_SALT_BYTES);
}

int log_named_packs(struct store *store, uint64_t last, uint8_t (**ret_salts)[STORE_SALT_BYTES],
                    size_t *ret_count, struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    struct salts salts = {.count = 0};
    size_t count = 0;
    int error = log_list(store, "log", &numbers, &count, failure);

    for (size_t i = 0; i < count && numbers[i] <= last && error == 0; i++) {
        struct log_entry entry;
        uint8_t hash[LOG_HASH_BYTES];

        error = log_record_read(store, numbers[i], &entry, hash, failure);
        if (error != 0) {
            /* Another prune removed it; or it is damaged, and a checkpoint stands for it. */
            error = error == -ENOENT || error == -EBADMSG ? 0 : error;
            continue;
        }
        if (entry.kind == LOG_TAKE || entry.kind == LOG_FILES)
            error = add_packs(&salts, &entry);
        log_entry_release(&entry);
    }
    if (error != 0) {
        free(salts.salts);
        return error;
    }
    if (salts.count > 1)
        qsort(salts.salts, salts.count, sizeof *salts.salts, compare_salts);
    *ret_salts = salts.salts;
    *ret_count = salts.count;
    return 0;
}
