/* SPDX-License-Identifier: MIT */
/*
 * libarchive, with the filters and formats that are safe: none that runs another
 * program (lrzip, grzip), and none that reads files of its own choosing (mtree).
 */
#include <errno.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "backends/source/xz_window.h"
#include "fs/base/command.h"
#include "fs/base/memory.h"

#define PASSWORD_ROOM 1024

typedef int support(struct archive *archive);

static int support_each(struct archive *archive, support *const *supports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (supports[i](archive) < ARCHIVE_WARN)
            return -EIO;
    }
    return 0;
}

static int support_all(struct archive *archive)
{
    support *const formats[] = {
        archive_read_support_format_zip,    archive_read_support_format_tar,
        archive_read_support_format_gnutar, archive_read_support_format_7zip,
        archive_read_support_format_cpio,   archive_read_support_format_rar,
        archive_read_support_format_rar5,   archive_read_support_format_cab,
        archive_read_support_format_raw,    archive_read_support_format_empty,
    };

    return support_each(archive, formats, sizeof formats / sizeof *formats);
}

static __thread const struct archive *asked; /* the last that was given a password */

/* The last for which the command that should print one failed, and why. */
static __thread const struct archive *unanswered;
static __thread struct failure unanswered_why;

/* Why what is encrypted cannot be read. */
static const char *lack_of_password(const struct archive *archive, const char *words)
{
    if (strstr(words, "ncorrect") != NULL || asked == archive)
        return "the password is wrong";
    return unanswered == archive ? unanswered_why.text : "there is no password for it";
}

int archive_filter_failure(struct archive *archive, struct failure *failure)
{
    const char *words = archive_error_string(archive);

    if (archive_errno(archive) == ENOMEM)
        return -ENOMEM;
    if (words != NULL && strstr(words, "too much memory") != NULL)
        return failure_set(failure, EFBIG,
                           "%s: it takes more than 128 MiB; unpack it (zstd -d --long=31), and "
                           "mount what is in it",
                           words);
    return failure_set(failure, EIO, "%s", words != NULL ? words : "damaged");
}

int archive_failure(struct archive *archive, const char *what, struct failure *failure)
{
    const char *words = archive_error_string(archive);

    if (archive_errno(archive) == ENOMEM)
        return -ENOMEM;
    if (words != NULL && strstr(words, "assphrase") != NULL)
        return failure_set(failure, EACCES,
                           SHOWN_PATH
                           ": it is encrypted, and %s; it is what a command prints: mount "
                           "archive:///PATH?password-command=COMMAND, or name the command in "
                           "crmfs.conf(5): [source NAME], url = PATH, password-command = COMMAND",
                           what, lack_of_password(archive, words));
    if (archive_read_has_encrypted_entries(archive) > 0 &&
        archive_format(archive) == ARCHIVE_FORMAT_7ZIP)
        return failure_set(failure, EACCES,
                           SHOWN_PATH ": it is encrypted in 7z's own way, which libarchive does "
                                      "not open: unpack it with 7z, and mount what is in it",
                           what);
    if (words != NULL && strstr(words, "Unsupported ZIP compression method") != NULL)
        return failure_set(failure, EIO,
                           SHOWN_PATH ": %s: unpack it with unzip or 7z, and mount what is in it",
                           what, words);
    return failure_prefix(failure, -archive_filter_failure(archive, failure), SHOWN_PATH, what);
}

/* What the source's command prints, to SECRET. 0 or -errno in words. */
static int ask_command(const struct archive_source *source, char secret[PASSWORD_ROOM],
                       struct failure *failure)
{
    size_t size = 0;
    int error = command_output(source->password_command, "the password command", secret,
                               PASSWORD_ROOM - 1, &size, failure);

    secret[error == 0 ? size : 0] = '\0';
    return error == 0 && size == 0
               ? failure_set(failure, EACCES, "the password command printed nothing")
               : error;
}

/*
 * Asked for when something turns out to be encrypted; libarchive copies it, and asks again, ten
 * thousand times, when it was wrong.
 */
static const char *give_password(struct archive *archive, void *context)
{
    static __thread char secret[PASSWORD_ROOM];
    const struct archive_source *source = context;

    if (asked == archive || unanswered == archive)
        return NULL;
    if (source->password == NULL && source->password_command == NULL)
        return NULL;
    if (source->password == NULL && ask_command(source, secret, &unanswered_why) != 0) {
        unanswered = archive;
        return NULL;
    }
    asked = archive;
    return source->password != NULL ? source->password : secret;
}

int archive_create(const struct archive_source *source, struct archive **ret_archive,
                   struct failure *failure)
{
    int error = archive_library_load(failure);

    if (error != 0)
        return error;

    struct archive *archive = archive_read_new();

    if (archive == NULL)
        return -ENOMEM;
    if (support_all(archive) != 0 ||
        archive_read_set_passphrase_callback(archive, without_const(source), give_password) !=
            ARCHIVE_OK) {
        archive_read_free(archive);
        return -ENOMEM;
    }
    if (asked == archive)
        asked = NULL; /* it was another, where this one is now */
    if (unanswered == archive)
        unanswered = NULL;
    *ret_archive = archive;
    return 0;
}

static int next_of(struct archive_feed *feed, const void **ret_data, size_t *ret_size)
{
    *ret_data = feed->begin;
    *ret_size = feed->begin_size;
    feed->begin_size = 0;
    return *ret_size != 0
               ? 0
               : feed->stream->class->next(feed->stream, ret_data, ret_size, &feed->failure);
}

/* What it gives is compressed, and begins so. */
static int unpack(struct archive_feed *feed, const void **ret_data, size_t *ret_size)
{
    struct archive_unpack *unpack;
    int error = xz_window_check(*ret_data, *ret_size, &feed->failure);

    if (error != 0)
        return error;
    unpack = archive_unpack_create(feed->stream, feed->unpack, *ret_data, *ret_size);
    if (unpack == NULL)
        return -ENOMEM;
    feed->unpack = unpack;
    feed->stream = archive_unpack_bytes(unpack);
    return next_of(feed, ret_data, ret_size);
}

static int begin_feed(struct archive_feed *feed, const void **ret_data, size_t *ret_size)
{
    int error = next_of(feed, ret_data, ret_size);

    feed->begun = true;
    for (int i = 0;
         i < ARCHIVE_UNPACK_MOST && error == 0 && archive_unpack_recognise(*ret_data, *ret_size);
         i++)
        error = unpack(feed, ret_data, ret_size);
    return error;
}

static size_t zeros_at_end(const uint8_t *bytes, size_t size)
{
    size_t zeros = 0;

    while (zeros < size && bytes[size - zeros - 1] == 0)
        zeros++;
    return zeros;
}

/* The stream gave SIZE bytes, or ERROR. */
static void note_given(struct archive_feed *feed, const void *data, size_t size, int error)
{
    size_t zeros = error == 0 ? zeros_at_end(data, size) : 0;

    feed->error = error;
    feed->damaged = error != 0 && archive_unpack_is_damaged(feed->unpack);
    if (error != 0)
        return;
    feed->given += size;
    feed->zeros = zeros == size ? feed->zeros + size : zeros;
}

static la_ssize_t feed(struct archive *archive, void *context, const void **ret_data)
{
    struct archive_feed *from = context;
    size_t size;
    int error = from->begun ? next_of(from, ret_data, &size) : begin_feed(from, ret_data, &size);

    (void)archive;
    note_given(from, *ret_data, size, error);
    return error == 0 ? (la_ssize_t)size : 0;
}

/* Whether it has an end of its own, behind which something may stand: a tar, or what is merely
 * compressed. */
static bool has_end(struct archive *archive)
{
    bool is_packed = archive_filter_count(archive) > 1;
    int format = archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK;

    return format == (is_packed ? ARCHIVE_FORMAT_RAW : ARCHIVE_FORMAT_TAR);
}

void archive_feed_drain(struct archive *archive, struct archive_feed *feed)
{
    const void *data;
    size_t size = 1;
    la_int64_t taken;
    bool ends;

    if (feed == NULL || feed->error != 0)
        return;
    taken = archive_filter_bytes(archive, -1);
    ends = has_end(archive) && taken > 0;
    while ((feed->unpack != NULL || ends) && feed->error == 0 && size != 0) {
        int error = next_of(feed, &data, &size);

        note_given(feed, data, size, error);
    }
    feed->has_rest = ends && feed->given - feed->zeros > (uint64_t)taken;
}

static int end_feed(struct archive *archive, void *context)
{
    struct archive_feed *from = context;

    (void)archive;
    archive_unpack_free(from->unpack);
    from->unpack = NULL;
    return ARCHIVE_OK;
}

int archive_feed_begin(struct archive *archive, struct archive_feed *from)
{
    return archive_read_open(archive, from, NULL, feed, end_feed) == ARCHIVE_OK ? 0 : -EIO;
}

int archive_feed_error(const struct archive_feed *feed, const char *what, struct failure *failure)
{
    if (feed == NULL || feed->error == 0)
        return 0;
    if (feed->error == -ECANCELED || feed->error == -ENOMEM)
        return feed->error;
    return failure_set(failure, -feed->error, SHOWN_PATH ": %s", what,
                       failure_text(&feed->failure, feed->error));
}

int archive_open_stream(const struct archive_source *source, struct archive_feed *from,
                        struct archive **ret_archive, struct failure *failure)
{
    struct archive *archive;
    int error = archive_create(source, &archive, failure);

    if (error != 0)
        return error;
    if (archive_feed_begin(archive, from) != 0) {
        error = archive_failure(archive, "archive", failure);
        archive_read_free(archive);
        return error;
    }
    *ret_archive = archive;
    return 0;
}
