/* SPDX-License-Identifier: MIT */
/* Archives that are whole, but not as they stand: what has to be done to them first is said. And
 * dumps that are written as XML, which are named as what they are. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "backends/source/seven_bits.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static bool ends_in(const char *name, size_t size, const char *ending)
{
    size_t length = strlen(ending);

    if (size <= length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (ascii_lower(name[size - length + i]) != ending[i])
            return false;
    }
    return true;
}

#define BEGIN_BYTES 4 /* enough to tell a beginning from what stands further on */
#define RAR_BYTES 64
#define XML_BYTES 256

/* Whether both files can be read, and begin with other bytes. */
static bool begin_otherwise(const char *one, const char *other)
{
    char begins[2][BEGIN_BYTES];

    return plain_file_check(one, NULL) == 0 && plain_file_check(other, NULL) == 0 &&
           plain_file_begin(one, begins[0], BEGIN_BYTES, NULL) == 0 &&
           plain_file_begin(other, begins[1], BEGIN_BYTES, NULL) == 0 &&
           memcmp(begins[0], begins[1], BEGIN_BYTES) != 0;
}

/*
 * Whether the file PATH, "crm.sql.gz.002", is the first of several, or one behind it, and these do
 * not begin as the first does: else each is a backup of its own, numbered.
 */
static bool goes_on(const char *path, size_t size)
{
    bool first = strcmp(path + size - 3, "001") == 0;
    cleanup_free char *other = NULL;

    if (asprintf(&other, "%.*s%s", (int)(size - 3), path, first ? "002" : "001") < 0) {
        other = NULL;
        return false;
    }
    return begin_otherwise(path, other);
}

/* "crm.7z.001", "crm.zip.001", "crm.sql.gz.001": the file itself, cut. */
static bool is_slice(const char *path, size_t size)
{
    return size > 4 && path[size - 4] == '.' && isdigit((unsigned char)path[size - 3]) &&
           isdigit((unsigned char)path[size - 2]) && isdigit((unsigned char)path[size - 1]) &&
           (ends_in(path, size - 4, ".7z") || ends_in(path, size - 4, ".zip") ||
            goes_on(path, size));
}

/* Behind the signature and a checksum: sizes, the type 1, and flags of the archive, of which the
 * lowest says that it is one of several. */
static bool is_rar5_part(const uint8_t *at, const uint8_t *end)
{
    uint64_t size;
    uint64_t type;
    uint64_t flags;
    uint64_t extra;
    uint64_t about;

    return seven_bits_take(&at, end, &size) && seven_bits_take(&at, end, &type) && type == 1 &&
           seven_bits_take(&at, end, &flags) &&
           ((flags & 1) == 0 || seven_bits_take(&at, end, &extra)) &&
           seven_bits_take(&at, end, &about) && (about & 1) != 0;
}

/* One of several that a RAR was written as. */
static bool is_rar_part(const char *path)
{
    uint8_t begin[RAR_BYTES];

    if (plain_file_check(path, NULL) != 0 || plain_file_begin(path, begin, sizeof begin, NULL) != 0)
        return false;
    if (memcmp(begin, "Rar!\x1a\x07\x01\0", 8) == 0)
        return is_rar5_part(begin + 12, begin + sizeof begin);
    return memcmp(begin, "Rar!\x1a\x07\0", 7) == 0 && begin[9] == 0x73 && (begin[10] & 1) != 0;
}

/* "crm.z01" */
static bool is_segment(const char *name, size_t size)
{
    return size > 4 && ends_in(name, size - 2, ".z") && isdigit((unsigned char)name[size - 2]) &&
           isdigit((unsigned char)name[size - 1]);
}

/* "crm.zip", beside a "crm.z01". */
static bool is_last_segment(const char *path, size_t size)
{
    cleanup_free char *first = NULL;

    if (!ends_in(path, size, ".zip"))
        return false;
    if (asprintf(&first, "%.*s01", (int)(size - 2), path) < 0) {
        first = NULL;
        return false;
    }
    return access(first, F_OK) == 0;
}

int archive_refuse_xml(const void *begin, size_t size, const char *name, struct failure *failure)
{
    static const struct {
        const char *mark;
        const char *words;
    } programs[] = {
        {"<mysqldump", "what mariadb-dump --xml (mysqldump --xml) writes, which crmfs does not "
                       "read: make a dump without --xml"},
        {"phpMyAdmin XML Dump",
         "what phpMyAdmin exports as XML, which crmfs does not read: export SQL"},
    };
    static const char declaration[] = "<?xml";

    if (size < sizeof declaration || memcmp(begin, declaration, sizeof declaration - 1) != 0)
        return 0;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (memmem(begin, size < XML_BYTES ? size : XML_BYTES, programs[i].mark,
                   strlen(programs[i].mark)) != NULL)
            return failure_set(failure, EILSEQ, SHOWN_PATH ": %s", name, programs[i].words);
    }
    return 0;
}

static int refuse_xml_file(const char *path, struct failure *failure)
{
    char begin[XML_BYTES];

    return plain_file_check(path, NULL) == 0 &&
                   plain_file_begin(path, begin, sizeof begin, NULL) == 0
               ? archive_refuse_xml(begin, sizeof begin, path, failure)
               : 0;
}

int archive_refuse_part(const char *path, struct failure *failure)
{
    size_t size = strlen(path);

    if (is_slice(path, size))
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": a part of an archive that was cut into several: join them "
                                      "(cat NAME.001 NAME.002 … > NAME), and mount that",
                           path);
    if (is_segment(path, size) || is_last_segment(path, size))
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": a part of a ZIP that was written as several: join them "
                                      "(zip -s 0 NAME.zip --out WHOLE.zip), and mount that",
                           path);
    if (is_rar_part(path))
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": a part of a RAR that was written as several: unpack them "
                                      "together (unrar x NAME.part1.rar), and mount what is in it",
                           path);
    return refuse_xml_file(path, failure);
}

int archive_refuse_fed(struct archive *archive, bool fed, const char *name, struct failure *failure)
{
    if ((archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_7ZIP || !fed)
        return 0;
    return failure_set(failure, EILSEQ,
                       SHOWN_PATH ": a 7z that is compressed once more, or in another archive: it "
                                  "is read from its end on, which takes a file of its own; unpack "
                                  "it beside, and mount that",
                       name);
}
