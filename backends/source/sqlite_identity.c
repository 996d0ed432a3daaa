/* SPDX-License-Identifier: MIT */
/*
 * What a database holds, told by what cannot be the same for something else, in this process or
 * a later one:
 *
 *   the file  by its file system, inode, length and times, to the nanosecond. The time of change
 *             (ctime) is what counts: nobody can set it, and a database that was copied back,
 *             whatever its own counters say, has another one. It is relied on only where the
 *             file system is known to keep it, and only when it is older than a tick of its clock.
 *   the -wal  read without shared memory: in the same way. With it, the file's times do not tell
 *             what of it is committed: a writer may have written its frames and not yet said so,
 *             and says so without touching the file again. But the shared memory does: salts, the
 *             number of the last frame, and the checksum over all frames up to it
 *             (https://www.sqlite.org/walformat.html, "The WAL-Index File Format").
 *
 * How SQLite and crmfs read it is part of it too: another version of either begins anew.
 */
#include <sodium.h>
#include <string.h>

#include "backends/source/change_time.h"
#include "backends/source/sqlite_internal.h"

/* After counters that begin anew: page size, last frame, pages, checksum, salts. */
#define WAL_INDEX_LASTING_AT 14
#define WAL_INDEX_LASTING_BYTES 26

static void add_number(crypto_generichash_state *state, uint64_t number)
{
    crypto_generichash_update(state, (const uint8_t *)&number, sizeof number);
}

static void add_file(crypto_generichash_state *state, const struct file_mark *mark)
{
    add_number(state, mark->present);
    add_number(state, (uint64_t)mark->device);
    add_number(state, (uint64_t)mark->inode);
    add_number(state, (uint64_t)mark->size_bytes);
    add_number(state, (uint64_t)mark->modified.tv_sec);
    add_number(state, (uint64_t)mark->modified.tv_nsec);
    add_number(state, (uint64_t)mark->changed.tv_sec);
    add_number(state, (uint64_t)mark->changed.tv_nsec);
}

/* Whether the files that were looked at are, beyond doubt, those that are read. */
static bool is_certain(const struct sqlite_dataset *dataset, const struct place *after)
{
    const struct place *before = &dataset->place;

    switch (dataset->moment) {
    case MOMENT_SNAPSHOT:
        return dataset->log_mark.known && !before->fresh &&
               file_mark_equal(&before->database, &after->database);
    case MOMENT_LOCKED:
    case MOMENT_FILE:
    case MOMENT_FILE_LOG: return !before->fresh && place_equal(before, after);
    case MOMENT_HELD: break;
    }
    return false;
}

void sqlite_identify(struct sqlite_dataset *dataset, const struct place *after)
{
    static const char context[] = "crmfs " CRMFS_VERSION " sqlite";
    struct source_identity *identity = &dataset->dataset.identity;
    const struct place *place = &dataset->place;
    const char *library = sqlite3_sourceid();
    crypto_generichash_state state;
    uint64_t file_system = 0;

    *identity = (struct source_identity){.known = false};
    if (!is_certain(dataset, after) || !change_time_is_kept(place->path, &file_system))
        return;
    crypto_generichash(identity->place, sizeof identity->place, (const uint8_t *)place->path,
                       strlen(place->path), (const uint8_t *)context, sizeof context);
    crypto_generichash_init(&state, (const uint8_t *)context, sizeof context,
                            sizeof identity->content);
    crypto_generichash_update(&state, (const uint8_t *)library, strlen(library) + 1);
    add_number(&state, (uint64_t)dataset->moment);
    add_number(&state, file_system);
    add_file(&state, &place->database);
    if (dataset->moment == MOMENT_SNAPSHOT)
        crypto_generichash_update(&state, dataset->log_mark.bytes + WAL_INDEX_LASTING_AT,
                                  WAL_INDEX_LASTING_BYTES);
    else
        add_file(&state, &place->log);
    crypto_generichash_final(&state, identity->content, sizeof identity->content);
    identity->known = true;
}
