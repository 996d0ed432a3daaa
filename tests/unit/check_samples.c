/* SPDX-License-Identifier: MIT */
#include "tests/unit/check_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/tables.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

/* What was found, a line each. */
static struct buffer found = {.limit = 10 << 20};

static void note(void *context, const struct check_finding *finding)
{
    const struct walk_place *place = finding->place;

    (void)context;
    assert_int_equal(buffer_print(&found, "%d %s", (int)finding->kind,
                                  finding->file != NULL ? finding->file : ""),
                     0);
    if (place != NULL)
        assert_int_equal(buffer_print(&found, "%s %s/%s %zu %llu+%llu", place->snapshot->name,
                                      place->source != NULL ? place->source : "",
                                      place->table != NULL ? place->table : "", place->page,
                                      (unsigned long long)place->first_row,
                                      (unsigned long long)place->rows),
                         0);
    assert_int_equal(buffer_print(&found, "%s\n", finding->harmless ? " harmless" : ""), 0);
}

struct check_result sample_check(struct store *store, bool read_data)
{
    const struct check_options options = {.read_data = read_data, .threads = 2, .report = note};
    struct check_result result = {.findings = 0};

    buffer_clear(&found);
    succeed(check(store, &options, &result, &failure));
    assert_int_equal(buffer_append(&found, "", 1), 0);
    return result;
}

bool check_found(const char *text)
{
    return strstr((const char *)found.data, text) != NULL;
}

size_t check_lines_found(const char *text)
{
    size_t count = 0;

    for (const char *at = (const char *)found.data; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

struct object_reference sample_group_of(struct store *store, unsigned day, unsigned table,
                                        unsigned group)
{
    struct object_reader *reader = sample_reader(store);
    struct log_state state = {.sequence = 0};
    struct stored_tree tree;
    struct stored_image image;
    struct stored_group *groups;
    struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    size_t count;
    char name[32];

    succeed(log_read(store, &state, &failure));
    snprintf(name, sizeof name, "day-%u", day);
    succeed(
        object_read(reader, &log_find(&state, name)->tree, OBJECT_TREE, true, &bytes, &failure));
    succeed(stored_tree_decode(bytes.data, bytes.size, &tree));
    succeed(object_read(reader, &tree.sources[0].tables[table].image, OBJECT_IMAGE, true, &bytes,
                        &failure));
    succeed(stored_image_decode(bytes.data, bytes.size, &image));
    succeed(object_read(reader, &image.pages[group / 5], OBJECT_PAGE, true, &bytes, &failure));
    succeed(page_decode(bytes.data, bytes.size, &groups, &count));

    struct object_reference reference = groups[group % 5].reference;

    free(groups);
    stored_image_release(&image);
    stored_tree_release(&tree);
    log_state_release(&state);
    buffer_release(&bytes);
    object_reader_free(reader);
    return reference;
}

const char *sample_pack_path(struct storage *storage, const struct object_reference *reference)
{
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        uint8_t salt[STORE_SALT_BYTES];

        if (strncmp(name, "packs/", 6) == 0 && pack_salt(name + strlen("packs/00/"), salt) &&
            pack_hint(salt) == reference->pack_hint)
            return name;
    }
    fail_msg("no such pack");
    return NULL;
}

uint8_t *sample_pack_of(struct storage *storage, const struct object_reference *reference,
                        size_t *ret_size)
{
    return memory_storage_bytes(storage, sample_pack_path(storage, reference), ret_size);
}

void sample_pack_name_of(struct storage *storage, const struct object_reference *reference,
                         char ret_name[PACK_NAME_SIZE])
{
    snprintf(ret_name, PACK_NAME_SIZE, "%s",
             sample_pack_path(storage, reference) + strlen("packs/00/"));
}

int check_samples_end(void **context)
{
    buffer_release(&found);
    return sample_state_end(context);
}
