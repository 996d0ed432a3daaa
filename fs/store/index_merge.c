/* SPDX-License-Identifier: MIT */
#include "fs/store/index_merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/index_set.h"

#define MERGED_LEAST 4 /* so many indexes of one size are merged; sizes differ by that factor */
#define MERGED_MOST 16
#define SIZES 16

/* One index that is merged, read block by block. */
struct input {
    const struct index_file *file;
    struct sealer *sealer;
    uint64_t next_block;
    int count; /* of the block; 0 at the end */
    int place;
    struct index_entry entry; /* the current one */
    uint8_t block[INDEX_BLOCK_BYTES];
};

struct merge {
    struct store *store;
    struct pack_list *packs;
    const struct hint_set *avoided; /* packs that are to be removed */
    struct hint_set gone;           /* that were looked for, and are not there */
    struct index_writer *writer;
    struct input *inputs; /* the newest first */
    size_t count;
    size_t failed; /* the input that was read last */
    struct failure *failure;
};

static int input_next(struct merge *merge, struct input *input)
{
    bool last;

    if (++input->place >= input->count) {
        input->place = 0;
        input->count = 0;
        if (input->next_block == input->file->blocks)
            return 0;

        merge->failed = (size_t)(input - merge->inputs);

        int error = index_block_read(store_storage(merge->store), input->sealer, input->file,
                                     input->next_block, input->block, merge->failure);

        if (error != 0)
            return error;
        input->next_block++;
        input->count = index_block_check(input->block, &last);
    }
    input->entry = index_block_entry(input->block, (size_t)input->place);
    return 0;
}

static int input_open(struct merge *merge, struct input *input, const struct index_file *file)
{
    char path[INDEX_PATH_SIZE];

    input->file = file;
    index_path(file->salt, path);

    int error = store_file_sealer(merge->store, STORE_INDEX, file->salt, path, &input->sealer,
                                  merge->failure);

    return error != 0 ? error : input_next(merge, input);
}

static bool is_avoided(const struct merge *merge, const struct input *input)
{
    return hint_set_has(merge->avoided, input->entry.reference.pack_hint);
}

/* Whether INPUT comes before FOUND, which is newer. */
static bool comes_before(const struct merge *merge, const struct input *input,
                         const struct input *found)
{
    int order = index_entry_compare(&input->entry, &found->entry);

    return order < 0 || (order == 0 && is_avoided(merge, found) && !is_avoided(merge, input));
}

/* The input with the smallest id, the best of several; NULL at the end of all. */
static struct input *smallest(struct merge *merge)
{
    struct input *found = NULL;

    for (size_t i = 0; i < merge->count; i++) {
        struct input *input = &merge->inputs[i];

        if (input->count > 0 && (found == NULL || comes_before(merge, input, found)))
            found = input;
    }
    return found;
}

/* Each pack that is not there is looked for once: that takes a listing. 1, 0, -errno. */
static int pack_is_there(struct merge *merge, uint64_t hint)
{
    uint8_t salts[1][STORE_SALT_BYTES];

    if (hint_set_has(&merge->gone, hint))
        return 0;

    int found = pack_list_find(merge->packs, hint, 1, salts, merge->failure);

    return found == 0 ? hint_set_add(&merge->gone, hint) : found;
}

/* An entry of a pack that has gone is of no use; the same object may stand in another input. */
static int merge_entries(struct merge *merge)
{
    struct input *input;

    while ((input = smallest(merge)) != NULL) {
        int there = pack_is_there(merge, input->entry.reference.pack_hint);
        int error = there < 0 ? there : 0;

        if (there > 0)
            error = index_writer_add(merge->writer, &input->entry, merge->failure);
        if (error == 0)
            error = input_next(merge, input);
        if (error != 0)
            return error;
    }
    return 0;
}

static void remove_inputs(struct merge *merge)
{
    struct storage *storage = store_storage(merge->store);

    for (size_t i = 0; i < merge->count; i++) {
        char path[INDEX_PATH_SIZE];

        index_path(merge->inputs[i].file->salt, path);
        (void)!storage->class->remove(storage, path, NULL);
    }
}

static int merge_files(struct merge *merge, const struct index_file *const *files)
{
    struct storage *storage = store_storage(merge->store);
    int error = index_writer_create(merge->store, &merge->writer, merge->failure);

    for (size_t i = 0; i < merge->count && error == 0; i++)
        error = input_open(merge, &merge->inputs[i], files[i]);
    if (error == 0)
        error = merge_entries(merge);
    if (error == 0)
        error = index_writer_finish(merge->writer, merge->failure);
    if (error == 0)
        error = storage->class->sync(storage, merge->failure);
    if (error == 0)
        remove_inputs(merge);
    for (size_t i = 0; i < merge->count; i++)
        sealer_free(merge->inputs[i].sealer);
    index_writer_free(merge->writer);
    return error;
}

/* 0: less than MERGED_LEAST blocks, 1: less than its square … */
static unsigned size_class(uint64_t blocks)
{
    unsigned class = 0;

    for (; blocks >= MERGED_LEAST && class < SIZES - 1; blocks /= MERGED_LEAST)
        class ++;
    return class;
}

/* Merges FILES, without those that turn out to be damaged. 1; 0: too few are left; -errno. */
static int merge_some(const struct merge *of, const struct index_file **files, size_t count)
{
    int error = 0;

    while (count >= MERGED_LEAST) {
        struct merge merge = *of;

        merge.count = count;
        merge.inputs = allocate_array(count, sizeof *merge.inputs);
        if (merge.inputs == NULL)
            return -ENOMEM;
        error = merge_files(&merge, files);
        free(merge.inputs);
        hint_set_release(&merge.gone);
        if (error != -EBADMSG)
            return error != 0 ? error : 1;
        count--;
        for (size_t i = merge.failed; i < count; i++)
            files[i] = files[i + 1];
    }
    return 0;
}

/* Merges the indexes of one size. */
static int merge_size(const struct merge *of, unsigned class)
{
    cleanup_free struct index_listed *listed = NULL;
    const struct index_file *files[MERGED_MOST];
    size_t merged = 0;
    size_t count = 0;
    int error = index_list(store_storage(of->store), &listed, &count, of->failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count && merged < MERGED_MOST; i++) {
        if (size_class(listed[i].file.blocks) == class)
            files[merged++] = &listed[i].file;
    }
    return merge_some(of, files, merged);
}

int index_merge(struct store *store, struct pack_list *packs, const struct hint_set *avoided,
                struct failure *failure)
{
    static const struct hint_set none;
    const struct merge merge = {.store = store,
                                .packs = packs,
                                .avoided = avoided != NULL ? avoided : &none,
                                .failure = failure};

    for (unsigned class = 0; class < SIZES; class ++) {
        int merged = merge_size(&merge, class);

        if (merged < 0)
            return merged;
    }
    return 0;
}
