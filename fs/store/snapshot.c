/* SPDX-License-Identifier: MIT */
/* A snapshot and a record as structures: copies, their end, and what they may hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/utf8.h"
#include "fs/store/json_read.h"
#include "fs/store/log_internal.h"

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free((void *)texts);
}

void snapshot_release(struct snapshot *snapshot)
{
    free(snapshot->name);
    free(snapshot->host);
    free_texts(snapshot->tags, snapshot->tag_count);
    *snapshot = (struct snapshot){.tag_count = 0};
}

int snapshot_copy(const struct snapshot *from, struct snapshot *ret_copy)
{
    struct snapshot copy = *from;

    copy.tag_count = 0;
    copy.name = strdup(from->name);
    copy.host = strdup(from->host != NULL ? from->host : "");
    copy.tags = allocate_array(from->tag_count, sizeof *copy.tags);
    while (copy.tags != NULL && copy.tag_count < from->tag_count) {
        char *tag = strdup(from->tags[copy.tag_count]);

        if (tag == NULL)
            break;
        copy.tags[copy.tag_count++] = tag;
    }
    if (copy.name == NULL || copy.host == NULL || copy.tags == NULL ||
        copy.tag_count < from->tag_count) {
        snapshot_release(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}

void files_claim_release(struct files_claim *claim)
{
    free(claim->host);
    free(claim->process);
    *claim = (struct files_claim){.stands = false};
}

void log_entry_release(struct log_entry *entry)
{
    free(entry->text);
    free(entry->process);
    snapshot_release(&entry->snapshot);
    free_texts(entry->packs, entry->pack_count);
    free(entry->gone);
    *entry = (struct log_entry){.kind = LOG_KINDS};
}

/* UTF-8 of 1 to MOST bytes without control bytes. */
static bool is_plain_text(const char *text, size_t most)
{
    size_t size = strlen(text);

    if (size == 0 || size > most)
        return false;
    while (size > 0) {
        size_t length = utf8_character(text, size);

        if (length == 0 || (unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
        text += length;
        size -= length;
    }
    return true;
}

bool files_claim_text(const char *text)
{
    return is_plain_text(text, FILES_CLAIM_TEXT_LIMIT);
}

int snapshot_name_check(const char *name, struct failure *failure)
{
    if (!is_plain_text(name, SNAPSHOT_NAME_LIMIT))
        return failure_set(failure, EINVAL,
                           "\"%.250s\" cannot be a snapshot's name: it is UTF-8 of 1 to %d bytes "
                           "without control characters",
                           name, SNAPSHOT_NAME_LIMIT);
    if (strchr(name, '/') != NULL)
        return failure_set(failure, EINVAL,
                           "\"%s\" cannot be a snapshot's name: there is a \"/\" in it", name);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "latest") == 0)
        return failure_set(failure, EINVAL, "no snapshot can be named \"%s\"", name);
    return 0;
}

int snapshot_check(const struct snapshot *snapshot, struct failure *failure)
{
    int error = snapshot_name_check(snapshot->name, failure);

    if (error != 0)
        return error;
    if (snapshot->host != NULL && snapshot->host[0] != '\0' &&
        !is_plain_text(snapshot->host, SNAPSHOT_HOST_LIMIT))
        return failure_set(failure, EINVAL, "\"%.250s\" cannot be a host's name", snapshot->host);
    if (snapshot->tag_count > SNAPSHOT_TAGS_LIMIT)
        return failure_set(failure, EINVAL, "a snapshot cannot have more than %d tags",
                           SNAPSHOT_TAGS_LIMIT);
    for (size_t i = 0; i < snapshot->tag_count; i++) {
        if (!is_plain_text(snapshot->tags[i], SNAPSHOT_TAG_LIMIT) ||
            strchr(snapshot->tags[i], ',') != NULL)
            return failure_set(failure, EINVAL,
                               "\"%.250s\" cannot be a tag: it is UTF-8 of 1 to %d bytes without "
                               "commas and control characters",
                               snapshot->tags[i], SNAPSHOT_TAG_LIMIT);
    }
    if (snapshot->time_ns > INT64_MAX || snapshot->raw_bytes > INT64_MAX ||
        snapshot->stored_bytes > INT64_MAX)
        return failure_set(failure, EINVAL, "a number of the snapshot is out of range");
    return 0;
}

int log_entry_set_packs(struct log_entry *entry, const char *const *packs, size_t count,
                        struct failure *failure)
{
    entry->packs = allocate_array(count, sizeof *entry->packs);
    if (entry->packs == NULL)
        return -ENOMEM;
    for (; entry->pack_count < count; entry->pack_count++) {
        const char *pack = packs[entry->pack_count];

        if (!is_hex(pack, PACK_NAME_DIGITS))
            return failure_set(failure, EINVAL, "\"%.100s\" is no name of a pack", pack);
        entry->packs[entry->pack_count] = strdup(pack);
        if (entry->packs[entry->pack_count] == NULL)
            return -ENOMEM;
    }
    return 0;
}

int snapshot_compare(const struct snapshot *left, const struct snapshot *right)
{
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return strcmp(left->name, right->name);
}
