/* SPDX-License-Identifier: MIT */
#include "backends/source/pg_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define LINE_MOST ((size_t)1 << 20)
#define TABLE_MOST 256 /* three names of PostgreSQL's, of at most 63 bytes each */

void pg_list_release(struct pg_list *list)
{
    for (size_t i = 0; i < list->lack_count; i++)
        free(list->lacks[i].table);
    free(list->lacks);
    free(list->numbers);
    *list = (struct pg_list){.count = 0};
}

static int add(struct pg_list *list, unsigned long number)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : 64;
        unsigned long *numbers;

        if (capacity > PG_ENTRIES_MOST)
            return -EFBIG;
        numbers = reallocarray(list->numbers, capacity, sizeof *numbers);
        if (numbers == NULL)
            return -ENOMEM;
        list->numbers = numbers;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = number;
    return 0;
}

static int add_lack(struct pg_list *list, unsigned long number, enum pg_file_state state,
                    const char *table, size_t size)
{
    struct pg_lack *lacks = reallocarray(list->lacks, list->lack_count + 1, sizeof *lacks);
    char *copy = lacks != NULL ? strndup(table, size < TABLE_MOST ? size : TABLE_MOST) : NULL;

    if (lacks != NULL)
        list->lacks = lacks;
    if (copy == NULL)
        return -ENOMEM;
    lacks[list->lack_count++] = (struct pg_lack){number, state, copy};
    return 0;
}

/* What stands behind KIND in "; 0 16386 KIND …", the rest of a line; NULL: it is another kind. */
static const char *behind_kind(const char *at, const char *end, const char *kind)
{
    size_t size = strlen(kind);

    for (int numbers = 0; numbers < 2; numbers++) {
        unsigned long number;

        at += at < end && *at == ' ';
        at += pg_take_number(at, (size_t)(end - at), &number);
    }
    return (size_t)(end - at) > size && memcmp(at, kind, size) == 0 ? at + size : NULL;
}

static int take_line(const struct pg_files *files, struct pg_list *list, const char *line,
                     size_t size)
{
    const char *end = line + size;
    unsigned long number;
    size_t digits = pg_take_number(line, size, &number);
    const char *table;

    if (digits == 0 || digits == size || line[digits] != ';')
        return 0;
    table = behind_kind(line + digits + 1, end, " TABLE DATA ");
    if (behind_kind(line + digits + 1, end, " BLOBS ") != NULL) {
        list->partial = true;
        return 0;
    }

    enum pg_file_state state = table != NULL ? files->look(files, number) : PG_FILE_WHOLE;

    if (state == PG_FILE_WHOLE)
        return add(list, number);
    list->partial = true;
    return list->lack_count < PG_LACKS_MOST
               ? add_lack(list, number, state, table, (size_t)(end - table))
               : -EFBIG;
}

int pg_list_read(struct byte_stream *stream, const struct pg_files *files, struct pg_list *list,
                 struct failure *failure)
{
    struct byte_window window = BYTE_WINDOW(stream, LINE_MOST);
    int error = 0;

    while (error == 0) {
        size_t size = window.end - window.at;
        const char *line = size != 0 ? (const char *)window.data + window.at : "";
        const char *end = memchr(line, '\n', size);

        if (end != NULL) {
            error = take_line(files, list, line, (size_t)(end - line));
            window.at += (size_t)(end - line) + 1;
            continue;
        }

        int more = byte_window_more(&window, failure);

        if (more <= 0) {
            error = more;
            break;
        }
    }
    if (error == 0 && window.error != 0)
        error = failure_set(failure, -window.error, "%s", window.failure.text);
    byte_window_release(&window);
    return error;
}

/* In memory: nothing is put on a disk. */
int pg_list_file(const struct pg_list *list)
{
    cleanup_fd int file = memfd_create("pg_restore's list", MFD_CLOEXEC);
    int error = file < 0 ? -errno : 0;

    for (size_t i = 0; i < list->count && error == 0; i++)
        error = dprintf(file, "%lu;\n", list->numbers[i]) < 0 ? -errno : 0;
    return error != 0 ? error : steal_fd(&file);
}
