/* SPDX-License-Identifier: MIT */
#include "fs/files/claim_lock.h"

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

/* Of the whole file; belongs to what was opened, not to the process. */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
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
    struct flock whole = whole_file();

    if (lock.file < 0)
        return false;
    (void)give_to_owner(storage, lock.file);
    if (fcntl(lock.file, F_OFD_SETLK, &whole) != 0 || !find_place(lock.file, &lock.place)) {
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
