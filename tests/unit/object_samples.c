/* SPDX-License-Identifier: MIT */
#include "tests/unit/object_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/store/object_reader.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/succeed.h"

#define LINE_BYTES 40
#define LINES_A_CHANGE 100

/* SplitMix64. */
static uint64_t mix(uint64_t number)
{
    number += 0x9e3779b97f4a7c15u;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

/* The last version in which the line was written. */
static unsigned written_in(uint64_t seed, size_t line, unsigned version)
{
    while (version > 0 && mix(mix(seed ^ version) ^ line) % LINES_A_CHANGE != 0)
        version--;
    return version;
}

uint8_t *sample_data(uint64_t seed, unsigned version, size_t size)
{
    static const char *const words[] = {"call", "offer", "meeting", "invoice"};
    uint8_t *data = malloc(size + LINE_BYTES + 1);

    assert_non_null(data);
    for (size_t at = 0, line = 0; at < size; at += LINE_BYTES, line++) {
        uint64_t number = mix(mix(seed + line) + written_in(seed, line, version));

        snprintf((char *)data + at, LINE_BYTES + 1, "%-8s %016llx %013u\n", words[number % 4],
                 (unsigned long long)(number & 0xffffffffffu), (unsigned)line);
    }
    return data;
}

struct object_reader *sample_reader(struct store *store)
{
    struct object_reader *reader = NULL;
    struct failure why = {.code = 0};

    succeed_with(object_reader_create(store, (size_t)4 << 20, &reader, &why), &why);
    return reader;
}

struct object_batch *sample_batch(struct store *store, struct object_reader *reader)
{
    struct object_batch *batch = NULL;
    struct failure why = {.code = 0};

    succeed_with(object_batch_create(store, reader, &batch, &why), &why);
    return batch;
}

struct object_writer *sample_writer(struct object_batch *batch)
{
    struct object_writer *writer = NULL;
    struct failure why = {.code = 0};

    succeed_with(object_writer_create(batch, &writer, &why), &why);
    return writer;
}

struct sample sample_put(struct object_writer *writer, enum object_type type, uint8_t *data,
                         size_t size, const struct sample *parent)
{
    struct sample sample = {.type = type, .data = data, .size = size};
    struct object_parent predecessor = {.phase = 0};
    struct object_put put;
    struct failure why = {.code = 0};

    if (parent != NULL)
        predecessor.reference = parent->reference;
    succeed_with(
        object_put(writer, type, data, size, parent != NULL ? &predecessor : NULL, &put, &why),
        &why);
    sample.reference = put.reference;
    sample.stored_bytes = put.stored_bytes;
    return sample;
}

void sample_release(struct sample *sample)
{
    free(sample->data);
    sample->data = NULL;
}

void sample_release_all(struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sample_release(&samples[i]);
}

void sample_writer_finish(struct object_writer *writer)
{
    struct failure why = {.code = 0};

    succeed_with(object_writer_finish(writer), &why);
    object_writer_free(writer);
}

void sample_batch_finish(struct object_batch *batch, char last_pack[PACK_NAME_SIZE])
{
    const char *const *packs;
    size_t count;
    uint64_t stored_bytes;
    struct failure why = {.code = 0};

    succeed_with(object_batch_finish(batch, &packs, &count, &stored_bytes, &why), &why);
    assert_int_equal(count == 0, stored_bytes == 0);
    if (last_pack != NULL)
        snprintf(last_pack, PACK_NAME_SIZE, "%s", count > 0 ? packs[count - 1] : "");
    object_batch_free(batch);
}

void sample_put_several(struct store *store, struct object_reader *reader, struct sample *samples,
                        size_t count, size_t size)
{
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    for (size_t i = 0; i < count; i++)
        samples[i] =
            sample_put(writer, (enum object_type)(1 + i % 5), sample_data(i, 0, size), size, NULL);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
}

int sample_read(struct object_reader *reader, const struct sample *sample)
{
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    struct failure why = {.code = 0};
    int error = object_read(reader, &sample->reference, sample->type, true, &output, &why);

    if (error == 0) {
        assert_int_equal(output.size, sample->size);
        if (sample->size > 0)
            assert_memory_equal(output.data, sample->data, sample->size);
    } else {
        assert_int_equal(output.size, 0);
        assert_int_equal(why.code, -error);
        assert_true(why.text[0] != '\0');
    }
    buffer_release(&output);
    return error;
}

struct object_head sample_head(struct object_reader *reader, const struct sample *sample)
{
    struct buffer sealed = BUFFER(OBJECT_SEALED_LIMIT);
    struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    struct object_reference found;
    struct object_head head = {0};
    struct failure why = {.code = 0};

    succeed_with(object_fetch(reader, &sample->reference, &sealed, &body, &found, &why), &why);
    assert_true(object_head_decode(body.data, body.size, &head) > 0);
    buffer_release(&sealed);
    buffer_release(&body);
    return head;
}

size_t sample_count_files(struct storage *storage, const char *folder)
{
    size_t length = strlen(folder);
    size_t count = 0;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, folder, length) == 0 && name[length] == '/')
            count++;
    }
    return count;
}

const char *sample_only_file(struct storage *storage, const char *folder)
{
    size_t length = strlen(folder);
    const char *found = NULL;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, folder, length) == 0 && name[length] == '/') {
            assert_null(found);
            found = name;
        }
    }
    assert_non_null(found);
    return found;
}

void sample_remove_pack(struct storage *storage, const char *name)
{
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];

    assert_true(pack_salt(name, salt));
    pack_path(salt, path);
    assert_int_equal(storage->class->remove(storage, path, NULL), 0);
}

void sample_remove_indexes(struct storage *storage)
{
    for (size_t i = memory_storage_count(storage); i-- > 0;) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "index/", 6) == 0)
            assert_int_equal(storage->class->remove(storage, name, NULL), 0);
    }
}
