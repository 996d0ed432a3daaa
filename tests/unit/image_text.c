/* SPDX-License-Identifier: MIT */
#include "tests/unit/image_text.h"

#include <stdio.h>

#include "tests/unit/plain_render.h"

#define FILE_LIMIT ((size_t)1 << 30)

struct buffer image_text(struct image *image, enum table_format format)
{
    struct buffer output = BUFFER(FILE_LIMIT);
    struct buffer bytes = BUFFER(FILE_LIMIT);
    struct image_scratch scratch = {0};
    struct failure failure = {0};

    if (image_size(image, format) == 0)
        return output;
    for (struct image_part part = image_find(image, format, 0); part.size != 0;
         part = image_next(image, format, &part)) {
        must(part.start == output.size);
        must(image_render(image, format, &part, &scratch, &bytes, &failure) == 0);
        must(bytes.size == part.size);
        must(buffer_append(&output, bytes.data, bytes.size) == 0);
    }
    image_scratch_release(&scratch);
    buffer_release(&bytes);
    must(output.size == image_size(image, format));
    return output;
}

size_t image_parts(const struct image *image, enum table_format format)
{
    size_t count = 0;

    if (image_size(image, format) == 0)
        return 0;
    for (struct image_part part = image_find(image, format, 0); part.size != 0;
         part = image_next(image, format, &part))
        count++;
    return count;
}

/* Every offset about the ends of each part is found to lie in it. */
static void check_parts(const struct image *image, enum table_format format)
{
    struct image_part part;

    if (image_size(image, format) == 0)
        return;
    for (part = image_find(image, format, 0); part.size != 0;
         part = image_next(image, format, &part)) {
        struct image_part first = image_find(image, format, part.start);
        struct image_part last = image_find(image, format, part.start + part.size - 1);

        must(first.number == part.number && first.start == part.start && first.size == part.size);
        must(last.number == part.number && last.start == part.start && last.size == part.size);
    }
}

void check_image(struct image *image, const struct fake_table *table)
{
    must(image_rows(image) == fake_table_rows(table));
    for (int i = 0; i < FORMAT_COUNT; i++) {
        enum table_format format = (enum table_format)i;
        struct buffer expected = plain_render(table, format);
        struct buffer text = image_text(image, format);
        size_t at = 0;

        while (at < text.size && at < expected.size && text.data[at] == expected.data[at])
            at++;
        if (text.size != expected.size || at != text.size)
            fprintf(stderr, "%s of %zu rows: %zu bytes instead of %zu, the same up to %zu\n",
                    table_format_extension(format), fake_table_rows(table), text.size,
                    expected.size, at);
        must(text.size == expected.size && at == text.size);
        check_parts(image, format);
        buffer_release(&expected);
        buffer_release(&text);
    }
}
