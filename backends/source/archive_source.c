/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

static int archive_version(struct source *base, struct source_version *ret_version,
                           struct failure *failure)
{
    struct archive_parts parts;
    int error = archive_parts_list((struct archive_source *)base, &parts, failure);

    if (error != 0)
        return error;
    *ret_version = parts.version;
    archive_parts_release(&parts);
    return 0;
}

/*
 * What libarchive takes names for is the locale's character set, and one that it cannot convert to
 * that is lost: this thread's is UTF-8 meanwhile.
 */
static locale_t enter_utf8(locale_t *ret_own)
{
    *ret_own = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return *ret_own != (locale_t)0 ? uselocale(*ret_own) : (locale_t)0;
}

static void leave_utf8(locale_t before, locale_t own)
{
    if (own == (locale_t)0)
        return;
    uselocale(before);
    freelocale(own);
}

static int archive_stream(struct source *base, struct row_taker *taker,
                          struct source_version *ret_version, struct timespec *ret_changed,
                          struct failure *failure)
{
    struct archive_source *source = (struct archive_source *)base;
    struct archive_parts parts;
    struct source_version version;
    int error = archive_parts_list(source, &parts, failure);

    if (error != 0)
        return error;
    *ret_changed = parts.changed;
    __atomic_store_n(&source->bytes_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&source->bytes, parts.bytes, __ATOMIC_RELAXED);

    locale_t own;
    locale_t before = enter_utf8(&own);

    error = archive_read_all(source, &parts, taker, failure);
    leave_utf8(before, own);
    if (error == 0)
        error = archive_version(base, &version, failure);
    if (error == 0 && memcmp(&parts.version, &version, sizeof version) != 0)
        error =
            failure_set(failure, ESTALE, SHOWN_PATH ": it changed while it was read", source->path);
    if (error == 0) {
        __atomic_store_n(&source->bytes_done, parts.bytes, __ATOMIC_RELAXED);
        *ret_version = parts.version;
    }
    archive_parts_release(&parts);
    return error;
}

static int archive_extract(struct source *base, const char *path,
                           int (*take)(void *context, const void *bytes, size_t size,
                                       struct failure *failure),
                           void *context, struct failure *failure)
{
    struct archive_source *source = (struct archive_source *)base;
    struct archive_parts parts;
    int error = archive_parts_list(source, &parts, failure);

    if (error != 0)
        return error;

    struct archive_walk walk = {
        .source = source,
        .pass = PASS_ALL,
        .wanted = path,
        .take = take,
        .take_context = context,
    };

    locale_t own;
    locale_t before = enter_utf8(&own);

    error = archive_read_member(source, &parts, &walk, failure);
    leave_utf8(before, own);
    archive_parts_release(&parts);
    if (error == 0 && !walk.found)
        return failure_set(failure, ESTALE, SHOWN_PATH ": %.200s is not in it any more",
                           source->path, path);
    return error;
}

static void archive_close(struct source *base)
{
    struct archive_source *source = (struct archive_source *)base;

    archive_endings_release(source->endings);
    pthread_mutex_destroy(&source->lock);
    free(source->path);
    free(source->series);
    free(source->names);
    free(source->password);
    free(source->password_command);
    free(source);
}

static int archive_status(struct source *base, struct buffer *text)
{
    const struct archive_source *source = (struct archive_source *)base;

    return buffer_print(text, ",\"bytes_indexed\":%llu,\"bytes\":%llu",
                        (unsigned long long)__atomic_load_n(&source->bytes_done, __ATOMIC_RELAXED),
                        (unsigned long long)__atomic_load_n(&source->bytes, __ATOMIC_RELAXED));
}

static const struct source_class archive_class = {
    .kind = "archive",
    .version = archive_version,
    .stream = archive_stream,
    .identify = archive_identify,
    .extract = archive_extract,
    .close = archive_close,
    .status = archive_status,
};

/* What is no archive from its first bytes on is refused; what breaks off later is shown. */
static int look_into(const struct archive_source *source, struct failure *failure)
{
    struct archive_file file;
    struct archive_entry *about;
    struct archive_parts parts;
    int error;

    /* Its files are looked into when they are read. */
    if (source->folder) {
        error = archive_parts_list(source, &parts, failure);
        if (error == 0)
            archive_parts_release(&parts);
        return error;
    }
    error = archive_refuse_part(source->path, failure);
    if (error == 0)
        error = archive_file_open(source, source->path, &file, failure);
    if ((error == -EIO || error == -EFBIG) && failure != NULL)
        failure->code = EILSEQ;
    if (error != 0)
        return error == -ENOMEM ? error : -EILSEQ;

    int code = archive_read_next_header(file.archive, &about);

    if (code == ARCHIVE_EOF || code < ARCHIVE_WARN)
        error = archive_feed_error(&file.feed, source->path, failure);
    if (error == 0 && code < ARCHIVE_WARN)
        error = archive_failure(file.archive, source->path, failure);
    else if (error == 0 && code != ARCHIVE_EOF &&
             archive_format(file.archive) != ARCHIVE_FORMAT_RAW &&
             (archive_entry_pathname(about) == NULL || archive_entry_pathname(about)[0] == '\0'))
        error = failure_set(failure, EIO,
                            SHOWN_PATH
                            ": not a database that crmfs knows, nor an archive, though it begins "
                            "as one",
                            source->path);
    if (error == 0 && code >= ARCHIVE_WARN && code != ARCHIVE_EOF)
        error = archive_refuse_fed(file.archive, file.is_packed, source->path, failure);
    archive_file_close(&file);
    if (error == -EIO && failure != NULL)
        failure->code = EILSEQ;
    return error == -EIO ? -EILSEQ : error;
}

int archive_source_open(const char *path, const struct source_options *options,
                        struct source **ret_source, struct failure *failure)
{
    struct archive_source *source = calloc(1, sizeof *source);
    struct stat about;

    if (source == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    source->source.class = &archive_class;
    pthread_mutex_init(&source->lock, NULL);
    source->cancelled = options->cancelled;
    source->path = strdup(path);
    source->folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    if (options->password != NULL)
        source->password = strdup(options->password);
    if (options->password_command != NULL)
        source->password_command = strdup(options->password_command);
    if (source->path == NULL || (options->password != NULL && source->password == NULL) ||
        (options->password_command != NULL && source->password_command == NULL)) {
        archive_close(&source->source);
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    }

    int error =
        options->wishes != NULL ? archive_options_take(source, options->wishes, failure) : 0;

    if (error == 0)
        error = look_into(source, failure);

    if (error != 0) {
        archive_close(&source->source);
        return error;
    }
    *ret_source = &source->source;
    return 0;
}
