/* SPDX-License-Identifier: MIT */
#include "fs/store/claim_lock.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/base/owner.h"

#define FOLDER "tmp"
#define ENDING ".writer" /* so that it is none of those that prune sweeps away after a day */
#define NAME_SIZE ((size_t)2 * FILES_WRITER_BYTES + sizeof ENDING)

/*
 * Locks belong to what was opened, not to the process. The writer's is of the first byte; packs'
 * are of those behind it. Whoever asks for the whole file sees any of them.
 */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static struct flock writer_place(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
}

static struct flock all_packs(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 1};
}

/* Two packs may have one place: then both are used. */
static struct flock pack_place(uint64_t hint)
{
    return (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(hint >> 2) + 1, .l_len = 1};
}

static void name_file(const uint8_t writer[FILES_WRITER_BYTES], char name[NAME_SIZE])
{
    sodium_bin2hex(name, NAME_SIZE, writer, FILES_WRITER_BYTES);
    memcpy(name + (size_t)2 * FILES_WRITER_BYTES, ENDING, sizeof ENDING);
}

static int open_folder(struct storage *storage, bool make)
{
    if (storage->class->local_folder == NULL)
        return -1;
    return storage->class->local_folder(storage, FOLDER, make);
}

static int open_file(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES], int flags)
{
    cleanup_fd int folder = open_folder(storage, (flags & O_CREAT) != 0);
    char name[NAME_SIZE];

    if (folder < 0)
        return -1;
    name_file(writer, name);
    return openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0444);
}

static bool find_place(int file, struct claim_file *ret_place)
{
    struct stat status;

    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    *ret_place = (struct claim_file){.device = status.st_dev, .inode = status.st_ino};
    return true;
}

/* Who cannot open it takes the writer for one that cannot be seen. */
static int give_to_owner(struct storage *storage, int file)
{
    cleanup_fd int folder = open_folder(storage, false);

    return folder < 0 ? folder : owner_follow(folder, file);
}

bool claim_lock_take(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES],
                     struct claim_lock *ret_lock)
{
    struct claim_lock lock = {.file = open_file(storage, writer, O_RDWR | O_CREAT | O_EXCL)};
    struct flock own = writer_place();

    if (lock.file < 0)
        return false;
    (void)give_to_owner(storage, lock.file);
    if (fcntl(lock.file, F_OFD_SETLK, &own) != 0 || !find_place(lock.file, &lock.place)) {
        claim_lock_release(storage, writer, &lock);
        return false;
    }
    *ret_lock = lock;
    return true;
}

void claim_lock_release(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES],
                        struct claim_lock *lock)
{
    if (lock->file < 0)
        return;
    claim_lock_remove(storage, writer);
    close(steal_fd(&lock->file));
}

void claim_lock_remove(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES])
{
    cleanup_fd int folder = open_folder(storage, false);
    char name[NAME_SIZE];

    name_file(writer, name);
    if (folder >= 0)
        unlinkat(folder, name, 0);
}

enum claim_lock_state claim_lock_look(struct storage *storage,
                                      const uint8_t writer[FILES_WRITER_BYTES],
                                      const struct claim_file *place)
{
    cleanup_fd int file = open_file(storage, writer, O_RDONLY);
    struct flock whole = whole_file();
    struct claim_file found;

    if (file < 0 || !find_place(file, &found) || fcntl(file, F_OFD_GETLK, &whole) != 0)
        return CLAIM_LOCK_UNKNOWN;
    if (whole.l_type != F_UNLCK)
        return CLAIM_LOCK_HELD;
    return place != NULL && found.device == place->device && found.inode == place->inode
               ? CLAIM_LOCK_FREE
               : CLAIM_LOCK_UNKNOWN;
}

bool claim_lock_use_pack(struct claim_lock *lock, uint64_t hint)
{
    struct flock place = lock->packs < CLAIM_PACKS_MOST ? pack_place(hint) : all_packs(F_WRLCK);

    if (lock->file < 0 || lock->packs > CLAIM_PACKS_MOST)
        return true;
    if (fcntl(lock->file, F_OFD_SETLK, &place) != 0)
        return false;
    lock->packs++;
    return true;
}

void claim_lock_drop_packs(struct claim_lock *lock)
{
    struct flock all = all_packs(F_UNLCK);

    if (lock->file < 0 || lock->packs == 0)
        return;
    /* Those that stay only keep prune from removing packs. */
    (void)fcntl(lock->file, F_OFD_SETLK, &all);
    lock->packs = 0;
}

int claim_lock_open(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES])
{
    return open_file(storage, writer, O_RDONLY);
}

enum claim_lock_state claim_lock_look_at_pack(int file, uint64_t hint)
{
    struct flock place = pack_place(hint);

    if (file < 0 || fcntl(file, F_OFD_GETLK, &place) != 0)
        return CLAIM_LOCK_UNKNOWN;
    return place.l_type == F_UNLCK ? CLAIM_LOCK_FREE : CLAIM_LOCK_HELD;
}
