/* SPDX-License-Identifier: MIT */
/* The bytes of an image: a group fetched from where it is kept, and rendered. */
#include <errno.h>
#include <string.h>

#include "fs/table/image_internal.h"

void image_expect(const struct image *image, const struct image_part *part)
{
    if (part->number == 0 || part->number > image->group_count)
        return;

    const union group_place *place = &image->groups[part->number - 1].place;

    if (image->spool != NULL)
        spool_expect(&place->blob);
    else if (image->kept != NULL)
        kept_expect(image->kept, &place->kept);
}

void image_scratch_release(struct image_scratch *scratch)
{
    format_plan_free(scratch->plan);
    buffer_release(&scratch->encoded);
    kept_scratch_release(&scratch->kept);
    row_group_view_release(&scratch->view);
}

/* The plan for the image's schema: made for it unless the last image was of the same one. */
static int take_plan(const struct image *image, struct image_scratch *scratch)
{
    if (scratch->plan != NULL && format_plan_schema(scratch->plan) == image->schema)
        return 0;
    format_plan_free(scratch->plan);
    scratch->plan = format_plan_create(image->schema);
    return scratch->plan != NULL ? 0 : -ENOMEM;
}

static int read_kept(struct image *image, size_t index, struct image_scratch *scratch,
                     struct failure *failure)
{
    int error = kept_read(image->kept, index, &image->groups[index].place.kept, &scratch->kept,
                          &scratch->encoded);

    if (error == 0 || error == -ENOMEM)
        return error;
    __atomic_store_n(&image->lost, true, __ATOMIC_RELAXED);
    kept_discard(image->kept);
    return failure_set(failure, EIO,
                       "what was kept of table %s in the store's cache cannot be read (%s): it is "
                       "removed, and the table is read from its source again, if that has not "
                       "changed",
                       image->schema->name, error == -EBADMSG ? "damaged" : strerror(-error));
}

bool image_is_lost(const struct image *image)
{
    return __atomic_load_n(&image->lost, __ATOMIC_RELAXED);
}

int image_group_read(struct image *image, size_t index, struct image_scratch *scratch,
                     struct failure *failure)
{
    const union group_place *place = &image->groups[index].place;

    scratch->encoded.limit = ROW_GROUP_ENCODED_LIMIT;
    if (image->spool != NULL)
        return spool_get(image->spool, &place->blob, &scratch->encoded, failure);
    if (image->kept != NULL)
        return read_kept(image, index, scratch, failure);
    return object_read(image->objects, &place->object, OBJECT_ROW_GROUP, false, &scratch->encoded,
                       failure);
}

static int render_group(struct image *image, enum table_format format, size_t index,
                        struct image_scratch *scratch, struct buffer *output,
                        struct failure *failure)
{
    int error = image_group_read(image, index, scratch, failure);

    if (error == 0)
        error = row_group_open(&scratch->view, image->schema->column_count, scratch->encoded.data,
                               scratch->encoded.size);
    if (error == 0)
        error = take_plan(image, scratch);
    if (error == 0)
        error = format_render(scratch->plan, format, &scratch->view,
                              index + 1 == image->group_count, output);
    return error;
}

int image_render(struct image *image, enum table_format format, const struct image_part *part,
                 struct image_scratch *scratch, struct buffer *output, struct failure *failure)
{
    int error = 0;
    size_t size;

    buffer_clear(output);
    if (part->number == 0) {
        if ((error = take_plan(image, scratch)) == 0) {
            const void *head = format_head(scratch->plan, format, &size);

            error = buffer_append(output, head, size);
        }
    } else if (part->number > image->group_count) {
        const void *tail = format_tail(format, &size);

        error = buffer_append(output, tail, size);
    } else if ((error = buffer_reserve(output, (size_t)part->size + FORMAT_SLACK)) == 0) {
        error = render_group(image, format, part->number - 1, scratch, output, failure);
    }
    if (error == -ENOMEM || (error == 0 && output->size == part->size))
        return error;
    if (error != 0 && failure != NULL && failure->code != 0)
        return -EIO;
    return failure_set(failure, EIO,
                       "row group %zu of table %s does not read back as it was written: "
                       "please report this; mounting again reads the table anew",
                       part->number, image->schema->name);
}
