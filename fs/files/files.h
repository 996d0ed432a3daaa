/* SPDX-License-Identifier: MIT */
/*
 * files/: an ordinary read-write directory in a store, and what snapshots hold of it. Knows
 * inodes, names and content; nothing of FUSE, nor of the rest of the mount.
 *
 * A file is named by a number: one that no file had before or will have, together with the view
 * that it is seen in: files/ as it is now, or as a snapshot has it, where nothing can be changed
 * (-EROFS). What a program may do, the kernel decides (default_permissions); here is what comes
 * of it.
 *
 * Durability: every change is in memory first. files_sync() puts all of them into the store, in
 * one step, durably; a thread does so when the oldest is FILES_COMMIT_NS old. After a crash
 * everything up to one such moment is there, and nothing after it (FORMAT.md, "Files").
 *
 * One mount writes at a time: its claim is made with its first change, -EROFS with words that say
 * who has it otherwise. Safe from several threads at once.
 */
#ifndef CRMFS_FILES_FILES_H
#define CRMFS_FILES_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/store.h"

#define FILES_COMMIT_NS UINT64_C(3000000000)
#define FILES_VALID_NS UINT64_C(900000000) /* what another mount changes shows after that */

struct files;
struct hint_set;

struct files_options {
    struct store *store; /* outlives the files, as the reader does */
    struct object_reader *reader;
    size_t memory_bytes;    /* for caches and for what is not stored yet */
    uint64_t garbage_bytes; /* how much of it there may be before the store is pruned; 0: any */
    bool read_only;
    uid_t uid; /* owner of files/ as long as nobody has changed it */
    gid_t gid;
    /* Told of what failed when nobody waited for it; may be NULL. */
    void (*report)(void *context, const struct failure *failure);
    void *report_context;
    bool set_back; /* the tree that is stored is not looked at: fs/files/set_back.h */
    const struct object_reference *set_back_to; /* but this one; NULL: an empty one, */
    const struct hint_set *set_back_on;         /* packs that this one is in */
};

/*
 * Starts threads. Waits for a process of this host that is about to end and has the claim: what it
 * took shows then. 0, or as log_read. A tree that cannot be read is reported, and refused to
 * whoever looks at it: the rest of the store is none the worse for it.
 */
int files_create(const struct files_options *options, struct files **ret_files,
                 struct failure *failure);

struct log_state;

/* The store's log as it was read last; the caller releases it. 0 or -ENOMEM. */
int files_log(struct files *files, struct log_state *ret_state);

/* files_free() comes next: who opens the store now is to wait for it. */
void files_end_begins(struct files *files);

/*
 * Commits, gives the claim back: files_free() comes next. 0, or -errno in words: what was changed
 * last cannot be stored.
 */
int files_stop(struct files *files, struct failure *failure);

/* Stops them first, if that was not done; what fails then is reported. NULL is allowed. */
void files_free(struct files *files);

/* ---- Numbers ---- */

/* Whether it is one of a file's; no other node of a mount has such a number. */
static inline bool files_has_number(uint64_t number)
{
    return number >> 62 == 1;
}

/* The top directory of files/ as it is now. */
#define FILES_TOP ((UINT64_C(1) << 62) | 1)

/*
 * A view of what a snapshot has, TOP being its files' top node, and the number of its top
 * directory. 0 or -ENOMEM.
 */
int files_view_open(struct files *files, const struct object_reference *top, uint64_t *ret_number);
void files_view_close(struct files *files, uint64_t number);

/* Whether it is one of files/ as it is now, and not as a snapshot has it. */
bool files_is_now(uint64_t number);

/* What stat() shows as its inode number. */
uint64_t files_shown_inode(uint64_t number);

/* Of a directory: its path from the top on, "" for that. -ENOTDIR, -ESTALE … */
int files_path(struct files *files, uint64_t number, char *ret_path, size_t size);

/* How long what is said of a file holds if nobody changes it through this mount. */
uint64_t files_valid_ns(struct files *files, uint64_t number);

/* ---- Looking ---- */

/* -ESTALE: there is no such file any more. All others say so too. */
int files_stat(struct files *files, uint64_t number, struct stat *ret_stat,
               struct failure *failure);

/* What NAME means in a directory. -ENOENT. */
int files_lookup(struct files *files, uint64_t directory, const char *name, uint64_t *ret_number,
                 struct stat *ret_stat, struct failure *failure);

struct files_entry {
    const char *name;
    uint64_t number;
    uint64_t next; /* where reading goes on after it */
    struct stat stat;
};

/* False: no more is wanted; this one is not taken. It must not ask the files anything but
 * files_valid_ns(). */
typedef bool files_visit(void *context, const struct files_entry *entry);

/* The entries from PLACE on, 0 being the beginning, "." and ".." included. */
int files_list(struct files *files, uint64_t directory, uint64_t place, files_visit *visit,
               void *context, struct failure *failure);

/* What a symbolic link points to, at most SIZE bytes with a NUL. -EINVAL: it is none. */
int files_target(struct files *files, uint64_t number, char *target, size_t size,
                 struct failure *failure);

/* Up to SIZE bytes at OFFSET, fewer only at the end of the file. */
ssize_t files_read(struct files *files, uint64_t number, uint64_t offset, void *bytes, size_t size,
                   struct failure *failure);

/* As lseek() has SEEK_DATA and SEEK_HOLE. Less than LEAST bytes of a hole count as data. */
int files_seek(struct files *files, uint64_t number, uint64_t offset, int whence, uint64_t least,
               uint64_t *ret_offset, struct failure *failure);

/* A value's length; -ENODATA; -ERANGE: it is longer than SIZE (0: only its length is asked). */
ssize_t files_xattr_get(struct files *files, uint64_t number, const char *name, void *value,
                        size_t size, struct failure *failure);
ssize_t files_xattr_list(struct files *files, uint64_t number, char *names, size_t size,
                         struct failure *failure);

/* ---- Changing ---- */

/* 0: it could be changed here and now. -EROFS. */
int files_writable(struct files *files, uint64_t number, struct failure *failure);

/* A file stays as long as it is open, though it may have lost its names. */
int files_open(struct files *files, uint64_t number, bool truncate, struct failure *failure);
void files_close(struct files *files, uint64_t number);

/*
 * Of a file that is writable and about to be opened: its attributes may have been told before
 * another mount changed it, and are to be asked for before it is. True once.
 */
bool files_ask_again(struct files *files, uint64_t number);

/*
 * Of a file that is being opened: whether what somebody kept of its content when it was opened here
 * before is what it has, since nobody else can have changed it in between.
 */
bool files_content_stays(struct files *files, uint64_t number);

/*
 * A file that is open, and that another mount has changed since: before anything more is said of
 * files, what is kept of its content is to be dropped; files_content_dropped() says that it was.
 * False: there is none.
 */
struct files_changed {
    uint64_t number;
    unsigned change; /* it may have been changed again before that is said */
};
bool files_next_changed(struct files *files, struct files_changed *ret_changed);
void files_content_dropped(struct files *files, const struct files_changed *changed);

/* Looks whether other mounts have changed something, if files are open and that is not known. */
void files_follow_opened(struct files *files);

/* The kernel does not know it any more. */
void files_forget(struct files *files, uint64_t number);

struct files_caller {
    uid_t uid;
    gid_t gid;
    mode_t umask;
};

/*
 * A new file of any type that mode says, a symbolic link to TARGET; OPEN: as files_open() does.
 * -EEXIST, -ENOSPC …
 */
struct files_new {
    uint64_t directory;
    const char *name;
    mode_t mode;
    dev_t device;
    const char *target; /* of a symbolic link */
    struct files_caller caller;
    bool open;
};
int files_make(struct files *files, const struct files_new *wanted, uint64_t *ret_number,
               struct stat *ret_stat, struct failure *failure);

/* -EXDEV: one is in files/, the other in a snapshot; whoever moves or links then copies. */
int files_link(struct files *files, uint64_t number, uint64_t directory, const char *name,
               struct stat *ret_stat, struct failure *failure);
int files_unlink(struct files *files, uint64_t directory, const char *name,
                 struct failure *failure);
int files_rmdir(struct files *files, uint64_t directory, const char *name, struct failure *failure);

/* FLAGS: RENAME_NOREPLACE, RENAME_EXCHANGE. -EXDEV as before. */
int files_rename(struct files *files, uint64_t directory, const char *name, uint64_t new_directory,
                 const char *new_name, unsigned flags, struct failure *failure);

#define FILES_SET_MODE 1U
#define FILES_SET_UID 2U
#define FILES_SET_GID 4U
#define FILES_SET_SIZE 8U
#define FILES_SET_ACCESSED 16U
#define FILES_SET_MODIFIED 32U
#define FILES_SET_CHANGED 64U

/*
 * Takes the set-uid bit off a file, and the set-gid bit if its group may execute it: for who is
 * going to change it and may not set them. *RET_DROPPED: it had one.
 */
int files_drop_privileges(struct files *files, uint64_t number, bool *ret_dropped,
                          struct failure *failure);

/* A tv_nsec of UTIME_NOW means now. */
int files_set(struct files *files, uint64_t number, unsigned which, const struct stat *values,
              struct stat *ret_stat, struct failure *failure);

int files_write(struct files *files, uint64_t number, uint64_t offset, const void *bytes,
                size_t size, struct failure *failure);

/* As copy_file_range(): how much was copied, perhaps less; 0 at the end. The ranges are apart. */
struct files_copied {
    uint64_t number; /* here or in a snapshot */
    uint64_t offset;
    uint64_t to_number;
    uint64_t to_offset;
    uint64_t size;
};
ssize_t files_copy(struct files *files, const struct files_copied *wanted, struct failure *failure);

/* MODE as fallocate() has it: 0, FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE; or -EOPNOTSUPP. */
int files_allocate(struct files *files, uint64_t number, int mode, uint64_t offset, uint64_t length,
                   struct failure *failure);

/* FLAGS: XATTR_CREATE, XATTR_REPLACE. */
int files_xattr_set(struct files *files, uint64_t number, const char *name, const void *value,
                    size_t size, int flags, struct failure *failure);
int files_xattr_remove(struct files *files, uint64_t number, const char *name,
                       struct failure *failure);

/*
 * Everything that was changed before is durable. -EIO: all but what was written into a file where
 * the store is damaged, which the words name; that is said once.
 */
int files_sync(struct files *files, struct failure *failure);

/* The same, asked for a file: it is told of that one alone, as long as that is so. */
int files_sync_file(struct files *files, uint64_t number, struct failure *failure);

/* Whether anything was ever changed here. 0 or -errno. */
int files_any(struct files *files, bool *ret_any);

#endif
