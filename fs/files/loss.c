/* SPDX-License-Identifier: MIT */
#include "fs/files/loss.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/base/owner.h"

#define FOLDER "tmp"
#define NAME "files-lost"
#define TEXT_SIZE 768

static int open_folder(struct storage *storage, bool make)
{
    if (storage->class->local_folder == NULL)
        return -1;
    return storage->class->local_folder(storage, FOLDER, make);
}

void loss_note(struct storage *storage, const struct failure *why)
{
    cleanup_fd int folder = open_folder(storage, true);
    cleanup_fd int file =
        folder >= 0
            ? openat(folder, NAME,
                     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)
            : -1;
    time_t now = time(NULL);
    struct tm parts;
    char when[32] = "?";

    if (file < 0)
        return;
    (void)owner_follow(folder, file);
    if (gmtime_r(&now, &parts) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts);
    if (dprintf(file, "%d %s: %s\n", why->code, when, why->text) < 0 || fsync(file) != 0) {
        /* What stands of it says enough. */
    }
}

bool loss_take(struct storage *storage, bool forget, struct failure *ret_words)
{
    cleanup_fd int folder = open_folder(storage, false);
    cleanup_fd int file =
        folder >= 0 ? openat(folder, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    char text[TEXT_SIZE] = "";
    int code = 0;
    int begin = 0;

    if (file < 0)
        return false;
    if (read(file, text, sizeof text - 1) < 0)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (sscanf(text, "%d %n", &code, &begin) < 1 || code <= 0) {
        code = EIO;
        begin = 0;
    }
    failure_set(
        ret_words, code,
        "what was written into files/ last, before a mount ended, could not be stored and is "
        "lost: %s",
        text + begin);
    if (forget)
        unlinkat(folder, NAME, 0);
    return true;
}
