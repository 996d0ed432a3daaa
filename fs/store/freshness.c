/* SPDX-License-Identifier: MIT */
#include "fs/store/freshness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/base/owner.h"
#include "fs/base/user_folder.h"

#define SEQUENCE_DIGITS 20
#define HASH_DIGITS ((size_t)2 * LOG_HASH_BYTES)
#define LINE_BYTES (SEQUENCE_DIGITS + 1 + HASH_DIGITS + 1)

static char *state_folder(void)
{
    return user_folder("XDG_STATE_HOME", ".local/state");
}

static char *state_file(const char *folder, const uint8_t store_id[STORE_ID_BYTES])
{
    char digits[2 * STORE_ID_BYTES + 1];
    char *path;

    sodium_bin2hex(digits, sizeof digits, store_id, STORE_ID_BYTES);
    return asprintf(&path, "%s/%s", folder, digits) >= 0 ? path : NULL;
}

static bool parse(const char line[LINE_BYTES + 1], struct freshness *ret_seen)
{
    struct freshness seen = {.sequence = 0};
    size_t size;

    for (size_t i = 0; i < SEQUENCE_DIGITS; i++) {
        if (line[i] < '0' || line[i] > '9' ||
            __builtin_mul_overflow(seen.sequence, 10, &seen.sequence) ||
            __builtin_add_overflow(seen.sequence, (uint64_t)(line[i] - '0'), &seen.sequence))
            return false;
    }
    if (line[SEQUENCE_DIGITS] != ' ' || line[LINE_BYTES - 1] != '\n' ||
        sodium_hex2bin(seen.hash, sizeof seen.hash, line + SEQUENCE_DIGITS + 1, HASH_DIGITS, NULL,
                       &size, NULL) != 0 ||
        size != sizeof seen.hash)
        return false;
    *ret_seen = seen;
    return true;
}

bool freshness_load(const uint8_t store_id[STORE_ID_BYTES], struct freshness *ret_seen)
{
    cleanup_free char *folder = state_folder();
    cleanup_free char *path = folder != NULL ? state_file(folder, store_id) : NULL;
    cleanup_fd int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char line[LINE_BYTES + 1];

    return file >= 0 && read(file, line, sizeof line) == (ssize_t)LINE_BYTES &&
           parse(line, ret_seen);
}

bool freshness_is_damaged(const uint8_t store_id[STORE_ID_BYTES])
{
    cleanup_free char *folder = state_folder();
    cleanup_free char *path = folder != NULL ? state_file(folder, store_id) : NULL;
    struct freshness seen;

    return path != NULL && access(path, F_OK) == 0 && !freshness_load(store_id, &seen);
}

static bool write_file(const char *folder, const char *path, const struct freshness *seen)
{
    char digits[HASH_DIGITS + 1];
    cleanup_fd int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (file < 0)
        return false;

    cleanup_fd int above = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (above < 0 || owner_follow(above, file) != 0)
        return false;
    sodium_bin2hex(digits, sizeof digits, seen->hash, sizeof seen->hash);
    return dprintf(file, "%0*" PRIu64 " %s\n", SEQUENCE_DIGITS, seen->sequence, digits) ==
           (int)LINE_BYTES;
}

/*
 * Without a flush: after a power cut an older memory, or none, is all the harm, and a reader that
 * polls a store must not wait for the disk.
 */
bool freshness_save(const uint8_t store_id[STORE_ID_BYTES], const struct freshness *seen)
{
    cleanup_free char *folder = state_folder();
    cleanup_free char *path = folder != NULL ? state_file(folder, store_id) : NULL;
    cleanup_free char *fresh = NULL;
    struct freshness before;

    if (path == NULL)
        return false;
    if (freshness_load(store_id, &before) && before.sequence >= seen->sequence)
        return true;
    user_folder_make(folder);
    if (asprintf(&fresh, "%s.%08" PRIx32, path, randombytes_random()) < 0) {
        fresh = NULL;
        return false;
    }
    if (write_file(folder, fresh, seen) && rename(fresh, path) == 0)
        return true;
    unlink(fresh);
    return false;
}

int freshness_forget(const uint8_t store_id[STORE_ID_BYTES])
{
    cleanup_free char *folder = state_folder();
    cleanup_free char *path = folder != NULL ? state_file(folder, store_id) : NULL;

    return path == NULL || unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}
