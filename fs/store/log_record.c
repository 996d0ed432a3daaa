/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/json_read.h"
#include "fs/store/json_write.h"
#include "fs/store/log_internal.h"

#define FIXED_BYTES 56
#define WHAT_LIMIT 32

static void put_texts(struct json_writer *writer, const char *name, char *const *texts,
                      size_t count)
{
    json_put_name(writer, name);
    json_open(writer, '[');
    for (size_t i = 0; i < count; i++)
        json_put_text(writer, texts[i]);
    json_close(writer, ']');
}

static void put_id(struct json_writer *writer, const char *name,
                   const uint8_t id[SNAPSHOT_ID_BYTES])
{
    json_put_name(writer, name);
    json_put_hex(writer, id, SNAPSHOT_ID_BYTES);
}

static void put_reference(struct json_writer *writer, const char *name,
                          const struct object_reference *reference)
{
    uint8_t bytes[OBJECT_REFERENCE_BYTES];

    object_reference_encode(reference, bytes);
    json_put_name(writer, name);
    json_put_hex(writer, bytes, sizeof bytes);
}

static void put_snapshot(struct json_writer *writer, const struct log_entry *entry)
{
    const struct snapshot *snapshot = &entry->snapshot;

    put_id(writer, "snapshot", snapshot->id);
    json_put_name(writer, "name");
    json_put_text(writer, snapshot->name);
    json_put_name(writer, "time");
    json_put_number(writer, snapshot->time_ns);
    put_texts(writer, "tags", snapshot->tags, snapshot->tag_count);
    json_put_name(writer, "host");
    json_put_text(writer, snapshot->host);
    put_reference(writer, "tree", &snapshot->tree);
    put_texts(writer, "packs", entry->packs, entry->pack_count);
    json_put_name(writer, "raw");
    json_put_number(writer, snapshot->raw_bytes);
    json_put_name(writer, "stored");
    json_put_number(writer, snapshot->stored_bytes);
    if (snapshot->has_files)
        put_reference(writer, "files", &snapshot->files);
}

static void put_gone(struct json_writer *writer, const struct log_entry *entry)
{
    json_put_name(writer, "snapshots");
    json_open(writer, '[');
    for (size_t i = 0; i < entry->gone_count; i++)
        json_put_hex(writer, entry->gone[i], sizeof entry->gone[i]);
    json_close(writer, ']');
}

static void put_members(struct json_writer *writer, const struct log_entry *entry)
{
    switch (entry->kind) {
    case LOG_CREATE: put_id(writer, "store", entry->id); break;
    case LOG_TAKE: put_snapshot(writer, entry); break;
    case LOG_FORGET: put_gone(writer, entry); break;
    case LOG_RENAME:
        put_id(writer, "snapshot", entry->id);
        json_put_name(writer, "name");
        json_put_text(writer, entry->text);
        break;
    case LOG_MARK:
    case LOG_UNMARK:
    case LOG_REMOVE: put_texts(writer, "packs", entry->packs, entry->pack_count); break;
    case LOG_KEY_CHANGE:
        put_id(writer, "slot", entry->id);
        json_put_name(writer, "what");
        json_put_text(writer, entry->text);
        break;
    case LOG_FILES:
        put_id(writer, "writer", entry->id);
        put_reference(writer, "top", &entry->top);
        put_texts(writer, "packs", entry->packs, entry->pack_count);
        break;
    case LOG_CLAIM:
        put_id(writer, "writer", entry->id);
        json_put_name(writer, "host");
        json_put_text(writer, entry->text);
        json_put_name(writer, "process");
        json_put_text(writer, entry->process);
        break;
    case LOG_RELEASE: put_id(writer, "writer", entry->id); break;
    case LOG_KINDS: break;
    }
}

int log_entry_encode(const struct log_entry *entry, struct buffer *output)
{
    uint8_t fixed[FIXED_BYTES] = {0};
    struct json_writer writer = {.output = output, .first = true};

    memcpy(fixed, entry->before, LOG_HASH_BYTES);
    put_u64(fixed + 32, entry->sequence);
    put_u64(fixed + 40, entry->time_ns);
    fixed[48] = (uint8_t)entry->kind;
    buffer_clear(output);
    writer.error = buffer_append(output, fixed, sizeof fixed);
    json_open(&writer, '{');
    put_members(&writer, entry);
    json_close(&writer, '}');
    if (writer.error == 0)
        put_u32(output->data + 52, (uint32_t)(output->size - FIXED_BYTES));
    return writer.error;
}

static bool take_text(const json_t *object, const char *name, size_t most, char **ret_text,
                      int *error)
{
    const char *text;

    if (!json_read_text(object, name, most, &text))
        return false;
    *ret_text = strdup(text);
    if (*ret_text == NULL)
        *error = -ENOMEM;
    return *ret_text != NULL;
}

/* What was read before a failure is the caller's, who releases it. */
static bool take_texts(const json_t *object, const char *name, size_t most, char ***ret_texts,
                       size_t *ret_count, int *error)
{
    const json_t *array;

    if (!json_read_array(object, name, most, &array))
        return false;
    *ret_texts = allocate_array(json_array_size(array), sizeof **ret_texts);
    if (*ret_texts == NULL) {
        *error = -ENOMEM;
        return false;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));

        if (text == NULL)
            return false;
        (*ret_texts)[i] = strdup(text);
        if ((*ret_texts)[i] == NULL) {
            *error = -ENOMEM;
            return false;
        }
        *ret_count = i + 1;
    }
    return true;
}

static bool take_packs(const json_t *object, struct log_entry *entry, int *error)
{
    if (!take_texts(object, "packs", LOG_RECORD_LIMIT / PACK_NAME_DIGITS, &entry->packs,
                    &entry->pack_count, error))
        return false;
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (!is_hex(entry->packs[i], PACK_NAME_DIGITS))
            return false;
    }
    return true;
}

static bool take_reference(const json_t *object, const char *name,
                           struct object_reference *reference)
{
    uint8_t bytes[OBJECT_REFERENCE_BYTES];

    if (!json_read_hex(object, name, bytes, sizeof bytes))
        return false;
    *reference = object_reference_decode(bytes);
    return true;
}

static bool take_snapshot(const json_t *object, struct log_entry *entry, int *error)
{
    static const char *const with_files[] = {"snapshot", "name", "time",   "tags",  "host", "tree",
                                             "packs",    "raw",  "stored", "files", NULL};
    static const char *const members[] = {"snapshot", "name",  "time", "tags",   "host",
                                          "tree",     "packs", "raw",  "stored", NULL};
    struct snapshot *snapshot = &entry->snapshot;

    snapshot->has_files = json_has_exactly(object, with_files);
    if ((!snapshot->has_files && !json_has_exactly(object, members)) ||
        (snapshot->has_files && !take_reference(object, "files", &snapshot->files)) ||
        !json_read_hex(object, "snapshot", snapshot->id, sizeof snapshot->id) ||
        !take_text(object, "name", SNAPSHOT_NAME_LIMIT, &snapshot->name, error) ||
        !json_read_number(object, "time", INT64_MAX, &snapshot->time_ns) ||
        !take_texts(object, "tags", SNAPSHOT_TAGS_LIMIT, &snapshot->tags, &snapshot->tag_count,
                    error) ||
        !take_text(object, "host", SNAPSHOT_HOST_LIMIT, &snapshot->host, error) ||
        !take_reference(object, "tree", &snapshot->tree) || !take_packs(object, entry, error) ||
        !json_read_number(object, "raw", INT64_MAX, &snapshot->raw_bytes) ||
        !json_read_number(object, "stored", INT64_MAX, &snapshot->stored_bytes))
        return false;
    return snapshot_check(snapshot, NULL) == 0;
}

static bool take_gone(const json_t *object, struct log_entry *entry, int *error)
{
    static const char *const members[] = {"snapshots", NULL};
    const json_t *array;

    if (!json_has_exactly(object, members) ||
        !json_read_array(object, "snapshots", LOG_RECORD_LIMIT / SNAPSHOT_ID_BYTES, &array))
        return false;
    entry->gone = allocate_array(json_array_size(array), sizeof *entry->gone);
    if (entry->gone == NULL) {
        *error = -ENOMEM;
        return false;
    }
    entry->gone_count = json_array_size(array);
    for (size_t i = 0; i < entry->gone_count; i++) {
        if (!json_hex_value(json_array_get(array, i), entry->gone[i], sizeof entry->gone[i]))
            return false;
    }
    return true;
}

static bool take_files(const json_t *object, struct log_entry *entry, int *error)
{
    static const char *const members[] = {"writer", "top", "packs", NULL};

    return json_has_exactly(object, members) &&
           json_read_hex(object, "writer", entry->id, sizeof entry->id) &&
           take_reference(object, "top", &entry->top) && take_packs(object, entry, error);
}

static bool take_claim(const json_t *object, struct log_entry *entry, int *error)
{
    static const char *const members[] = {"writer", "host", "process", NULL};

    return json_has_exactly(object, members) &&
           json_read_hex(object, "writer", entry->id, sizeof entry->id) &&
           take_text(object, "host", FILES_CLAIM_TEXT_LIMIT, &entry->text, error) &&
           take_text(object, "process", FILES_CLAIM_TEXT_LIMIT, &entry->process, error) &&
           files_claim_text(entry->text) && files_claim_text(entry->process);
}

static bool take_members(const json_t *object, struct log_entry *entry, int *error)
{
    static const char *const create[] = {"store", NULL};
    static const char *const packs[] = {"packs", NULL};
    static const char *const named[] = {"snapshot", "name", NULL};
    static const char *const key[] = {"slot", "what", NULL};
    static const char *const release[] = {"writer", NULL};

    switch (entry->kind) {
    case LOG_CREATE:
        return json_has_exactly(object, create) &&
               json_read_hex(object, "store", entry->id, sizeof entry->id);
    case LOG_TAKE: return take_snapshot(object, entry, error);
    case LOG_FORGET: return take_gone(object, entry, error);
    case LOG_RENAME:
        return json_has_exactly(object, named) &&
               json_read_hex(object, "snapshot", entry->id, sizeof entry->id) &&
               take_text(object, "name", SNAPSHOT_NAME_LIMIT, &entry->text, error) &&
               snapshot_name_check(entry->text, NULL) == 0;
    case LOG_MARK:
    case LOG_UNMARK:
    case LOG_REMOVE: return json_has_exactly(object, packs) && take_packs(object, entry, error);
    case LOG_KEY_CHANGE:
        return json_has_exactly(object, key) &&
               json_read_hex(object, "slot", entry->id, sizeof entry->id) &&
               take_text(object, "what", WHAT_LIMIT, &entry->text, error);
    case LOG_FILES: return take_files(object, entry, error);
    case LOG_CLAIM: return take_claim(object, entry, error);
    case LOG_RELEASE:
        return json_has_exactly(object, release) &&
               json_read_hex(object, "writer", entry->id, sizeof entry->id);
    case LOG_KINDS: break;
    }
    return false;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size > 0 && *bytes == 0) {
        bytes++;
        size--;
    }
    return size == 0;
}

int log_entry_decode(const void *plain, size_t size, struct log_entry *ret_entry)
{
    const uint8_t *bytes = plain;
    struct log_entry entry = {.kind = LOG_KINDS};
    int error;

    if (size < FIXED_BYTES)
        return -EBADMSG;

    size_t length = get_u32(bytes + 52);

    memcpy(entry.before, bytes, LOG_HASH_BYTES);
    entry.sequence = get_u64(bytes + 32);
    entry.time_ns = get_u64(bytes + 40);
    entry.kind = bytes[48];
    if (length > size - FIXED_BYTES || !is_zero(bytes + 49, 3) || entry.time_ns > INT64_MAX ||
        !is_zero(bytes + FIXED_BYTES + length, size - FIXED_BYTES - length))
        return -EBADMSG;

    cleanup_json json_t *object = NULL;

    error = json_read_object(bytes + FIXED_BYTES, length, &object);
    if (error != 0)
        return error;
    error = -EBADMSG;
    if (take_members(object, &entry, &error)) {
        *ret_entry = entry;
        return 0;
    }
    log_entry_release(&entry);
    return error;
}
