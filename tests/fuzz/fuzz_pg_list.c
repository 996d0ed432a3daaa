/* SPDX-License-Identifier: MIT */
/* What pg_restore lists, and the files of a folder of pg_dump's: however the list comes in pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/pg_list.h"
#include "backends/source/pg_restore.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/target.h"

/* Every other one is. */
static enum pg_file_state look(const struct pg_files *files, unsigned long number)
{
    (void)files;
    return number % 2 != 0 ? PG_FILE_WHOLE : PG_FILE_MISSING;
}

static struct pg_list read_list(const uint8_t *data, size_t size, size_t step)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    const struct pg_files files = {look};
    struct pg_list list = {.count = 0};
    struct failure failure = {0};

    require(pg_list_read(&pieces.stream, &files, &list, &failure) == 0);
    require(list.partial || list.lack_count == 0);
    return list;
}

static size_t count_lines(const uint8_t *data, size_t size)
{
    size_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

/* The first line as the name of a file: what it is of, its number says. */
static void check_name(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    char *name = strndup((const char *)data, end != NULL ? (size_t)(end - data) : size);
    unsigned long number;

    require(name != NULL);
    if (pg_file_of(name, &number))
        require(strstr(name, ".dat") != NULL && strtoul(name, NULL, 10) == number);
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t offset = 0;

    if (size == 0)
        return 0;

    struct pg_list whole = read_list(data, size, size);
    struct pg_list apart = read_list(data, size, 3);

    require(whole.count == apart.count && whole.count <= count_lines(data, size));
    require(whole.count == 0 ||
            memcmp(whole.numbers, apart.numbers, whole.count * sizeof *whole.numbers) == 0);
    require(whole.lack_count == apart.lack_count);
    for (size_t i = 0; i < whole.lack_count; i++)
        require(whole.lacks[i].number % 2 == 0 &&
                strcmp(whole.lacks[i].table, apart.lacks[i].table) == 0);
    pg_list_release(&whole);
    pg_list_release(&apart);
    check_name(data, size);

    size_t field = pg_compression_field(data, size, &offset);

    require(field == 0 || (pg_format_of(data, size) != PG_NONE && offset + field <= size));
    return 0;
}
