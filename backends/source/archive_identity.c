/* SPDX-License-Identifier: MIT */
/*
 * What an archive holds, told by its file: file system, inode, length and times, to the
 * nanosecond, and, should all of these deceive, its first and its last bytes. How crmfs and
 * libarchive read it is part of it too, and so is what opens it: with another password
 * there is other content.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/archive_internal.h"
#include "backends/source/change_time.h"
#include "fs/base/memory.h"

#define END_BYTES ((size_t)64 << 10) /* looked at, at either end */

/* One more whenever the same bytes are read otherwise than before: what is kept is read anew. */
#define READING "8"

static const char context[] = "crmfs " CRMFS_VERSION " archive " READING;

static void add_number(crypto_generichash_state *state, uint64_t number)
{
    crypto_generichash_update(state, (const uint8_t *)&number, sizeof number);
}

static void add_text(crypto_generichash_state *state, const char *text)
{
    add_number(state, text != NULL);
    if (text != NULL)
        crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

static void add_times(crypto_generichash_state *state, const struct stat *about)
{
    add_number(state, (uint64_t)about->st_ino);
    add_number(state, (uint64_t)about->st_size);
    add_number(state, (uint64_t)about->st_mtim.tv_sec);
    add_number(state, (uint64_t)about->st_mtim.tv_nsec);
    add_number(state, (uint64_t)about->st_ctim.tv_sec);
    add_number(state, (uint64_t)about->st_ctim.tv_nsec);
}

/* END_BYTES from OFFSET on. */
static bool add_piece(crypto_generichash_state *state, int descriptor, off_t offset)
{
    cleanup_free uint8_t *bytes = malloc(END_BYTES);
    ssize_t size = bytes != NULL ? pread(descriptor, bytes, END_BYTES, offset) : -1;

    if (size > 0)
        crypto_generichash_update(state, bytes, (size_t)size);
    return size >= 0;
}

static bool is_fresh(const struct stat *about)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return change_time_is_fresh(&about->st_ctim, &now);
}

/* A single file. */
static bool add_file(crypto_generichash_state *state, const char *path)
{
    cleanup_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;

    if (descriptor < 0 || fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode) ||
        is_fresh(&about))
        return false;
    add_times(state, &about);
    return add_piece(state, descriptor, 0) &&
           add_piece(state, descriptor,
                     about.st_size > (off_t)END_BYTES ? about.st_size - (off_t)END_BYTES : 0);
}

/* Those of a folder: by their names and times. */
static bool add_folder(crypto_generichash_state *state, const struct archive_source *source)
{
    struct archive_parts parts;
    bool certain = archive_parts_list(source, &parts, NULL) == 0;

    if (!certain)
        return false;
    for (size_t i = 0; i < parts.count && certain; i++) {
        add_text(state, parts.items[i].path);
        add_times(state, &parts.items[i].about);
        certain = !is_fresh(&parts.items[i].about);
    }
    archive_parts_release(&parts);
    return certain;
}

static const char *version; /* set once */

static void ask_version(void)
{
    version = archive_version_details();
}

/* libarchive makes the text in memory of its own when first asked, without a lock. */
static const char *library_version(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ask_version);
    return version;
}

void archive_identify(struct source *base, struct source_identity *ret_identity)
{
    const struct archive_source *source = (struct archive_source *)base;
    cleanup_free char *path = realpath(source->path, NULL);
    crypto_generichash_state state;
    uint64_t file_system = 0;

    *ret_identity = (struct source_identity){.known = false};
    if (path == NULL || !change_time_is_kept(path, &file_system) || archive_library_load(NULL) != 0)
        return;
    crypto_generichash_init(&state, (const uint8_t *)context, sizeof context,
                            sizeof ret_identity->place);
    add_text(&state, path);
    add_text(&state, source->series);
    crypto_generichash_final(&state, ret_identity->place, sizeof ret_identity->place);
    crypto_generichash_init(&state, (const uint8_t *)context, sizeof context,
                            sizeof ret_identity->content);
    add_text(&state, library_version());
    crypto_generichash_update(&state, (const uint8_t *)&source->wish, sizeof source->wish);
    add_text(&state, source->names);
    add_text(&state, source->password);
    add_text(&state, source->password_command);
    add_number(&state, file_system);
    if (!(source->folder ? add_folder(&state, source) : add_file(&state, source->path)))
        return;
    crypto_generichash_final(&state, ret_identity->content, sizeof ret_identity->content);
    ret_identity->known = true;
}
