/* SPDX-License-Identifier: MIT */
#include "backends/source/pg_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MOST ((size_t)1 << 20)
#define DIGITS_MOST 18

void pg_list_release(struct pg_list *list)
{
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

/* How many digits TEXT begins with; 0 where they are too many for a number. */
static size_t take_number(const char *text, size_t size, unsigned long *ret_number)
{
    unsigned long number = 0;
    size_t digits = 0;

    while (digits < size && text[digits] >= '0' && text[digits] <= '9') {
        if (digits == DIGITS_MOST)
            return 0;
        number = number * 10 + (unsigned long)(text[digits++] - '0');
    }
    *ret_number = number;
    return digits;
}

static int take_line(struct pg_list *list, const char *line, size_t size)
{
    unsigned long number;
    size_t digits = take_number(line, size, &number);

    return digits != 0 && digits < size && line[digits] == ';' ? add(list, number) : 0;
}

int pg_list_read(struct byte_stream *stream, struct pg_list *list, struct failure *failure)
{
    struct byte_window window = BYTE_WINDOW(stream, LINE_MOST);
    int error = 0;

    while (error == 0) {
        size_t size = window.end - window.at;
        const char *line = size != 0 ? (const char *)window.data + window.at : "";
        const char *end = memchr(line, '\n', size);

        if (end != NULL) {
            error = take_line(list, line, (size_t)(end - line));
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

bool pg_file_of(const char *name, unsigned long *ret_number)
{
    static const char *const endings[] = {".dat", ".dat.gz", ".dat.lz4", ".dat.zst"};
    size_t digits = take_number(name, strlen(name), ret_number);

    for (size_t i = 0; digits != 0 && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(name + digits, endings[i]) == 0)
            return true;
    }
    return false;
}
