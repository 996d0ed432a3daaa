/* SPDX-License-Identifier: MIT */
/* A cell as a column's database is given it, or why it is not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/document.h"
#include "backends/target/fit_internal.h"
#include "backends/target/fit_moment.h"
#include "fs/base/utf8.h"

#define MYSQL_HOURS_MOST 838
#define DOCUMENT_LIMIT ((size_t)2 << 30)

int fit_refuse(struct fitted *fitted, const char *reason)
{
    fitted->reason = reason;
    return -EINVAL;
}

bool fit_is_word(const struct cell *cell, const char *word)
{
    return cell->size == strlen(word) && memcmp(cell->data, word, cell->size) == 0;
}

int fit_take_scratch(struct buffer *scratch, size_t begin, enum cell_class class,
                     struct fitted *fitted)
{
    fitted->cell = (struct cell){class, scratch->size - begin, scratch->data + begin};
    fitted->exact = false;
    return 0;
}

static int fit_boolean(struct fitted *fitted)
{
    static const char *const yes[] = {"t", "true", "1", "1.0", "TRUE"};
    static const char *const no[] = {"f", "false", "0", "0.0", "FALSE"};

    if (fitted->cell.class != CELL_BOOLEAN)
        fitted->exact = false;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (fit_is_word(&fitted->cell, yes[i])) {
            fitted->cell = (struct cell){CELL_BOOLEAN, 1, "t"};
            return 0;
        }
        if (fit_is_word(&fitted->cell, no[i])) {
            fitted->cell = (struct cell){CELL_BOOLEAN, 1, "f"};
            return 0;
        }
    }
    return fit_refuse(fitted, "is neither true nor false");
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Characters; SIZE_MAX: it is not UTF-8. */
static size_t count_characters(const char *text, size_t size)
{
    size_t count = 0;

    while (size != 0) {
        uint64_t eight;

        /* Most are of one byte. */
        for (; size >= sizeof eight; size -= sizeof eight, text += sizeof eight) {
            memcpy(&eight, text, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) != 0)
                break;
            count += sizeof eight;
        }
        if (size == 0)
            break;

        size_t character = (unsigned char)*text < 0x80 ? 1 : utf8_character(text, size);

        if (character == 0)
            return SIZE_MAX;
        text += character;
        size -= character;
        count++;
    }
    return count;
}

static int fit_text(const struct fit *fit, struct fitted *fitted)
{
    const char *text = fitted->cell.data;
    size_t size = fitted->cell.size;
    size_t characters = count_characters(text, size);

    if (characters == SIZE_MAX)
        return fit_refuse(fitted, "is not valid UTF-8");
    if (fit->engine == ENGINE_POSTGRES && size != 0 && memchr(text, '\0', size) != NULL)
        return fit_refuse(fitted, "holds a NUL, which PostgreSQL's texts cannot");
    if (fit->cut && size != 0 && text[size - 1] == ' ')
        return fit_refuse(fitted, "ends in a blank, which a CHAR column loses");
    while (fit->padded && size != 0 && text[size - 1] == ' ') {
        size--;
        characters--;
    }
    if (fit->most_chars != 0 && characters > fit->most_chars)
        return fit_refuse(fitted, "has more characters than the column holds");
    if (fit->most_bytes != 0 && size > fit->most_bytes)
        return fit_refuse(fitted, "has more bytes than the column holds");
    return 0;
}

/* What of a document a column loses that keeps its value. What is none the database refuses. */
static int fit_document(const struct fit *fit, struct fitted *fitted)
{
    cleanup_buffer struct buffer value = BUFFER(DOCUMENT_LIMIT);
    struct document_traits traits;
    int error = document_value(fitted->cell.data, fitted->cell.size, &value, &traits);

    if (error == -EINVAL)
        return 0;
    if (error == 0 && traits.repeats)
        return fit_refuse(fitted, "has a member twice, of which the column keeps the last alone; a "
                                  "column of text (or PostgreSQL's json) keeps both");
    if (error == 0 && traits.exceeds && fit->engine == ENGINE_MYSQL)
        return fit_refuse(fitted, "has a number of more digits than the column keeps");
    return error;
}

static int fit_bytes(const struct fit *fit, struct fitted *fitted)
{
    if (fitted->cell.class == CELL_NUMBER || fitted->cell.class == CELL_BOOLEAN)
        return fit_refuse(fitted, "is a number, and the column holds bytes");
    if (fitted->cell.class == CELL_TEXT)
        fitted->exact = false;
    fitted->cell.class = CELL_BYTES;
    if (fit->most_bytes != 0 && fitted->cell.size > fit->most_bytes)
        return fit_refuse(fitted, "has more bytes than the column holds");
    if (fit->fixed && fitted->cell.size != fit->most_bytes)
        return fit_refuse(fitted,
                          "has fewer bytes than the column, which would fill it up with zeros");
    return 0;
}

/* --- dates and times -------------------------------------------------------------------------- */

static int check_date(const struct fit *fit, const struct moment_text *moment,
                      struct fitted *fitted)
{
    bool mysql = fit->engine == ENGINE_MYSQL;

    if ((moment->unending || moment->before_christ) && mysql)
        return fit_refuse(fitted, "is a date that MySQL does not have");
    if (moment->unending)
        return 0;
    if (moment->zero_date && !mysql)
        return fit_refuse(fitted, "is a date that the database does not have");
    if (moment->no_such_day)
        return fit_refuse(fitted, "is no day of the calendar");
    if (mysql && moment->date_size != sizeof "2026-11-20" - 1)
        return fit_refuse(fitted, "is a date that MySQL does not have");
    return 0;
}

static int check_time(const struct fit *fit, const struct moment_text *moment,
                      struct fitted *fitted)
{
    long hours = strtol(moment->time, NULL, 10);

    if (!moment->has_date && fit->engine == ENGINE_POSTGRES &&
        (moment->time[0] == '-' || hours > 24))
        return fit_refuse(fitted, "is no time of a day");
    if (!moment->has_date && labs(hours) > MYSQL_HOURS_MOST)
        return fit_refuse(fitted, "is out of the column's range");
    if (moment->fraction_size > fit->fraction)
        return fit_refuse(fitted, "has more digits of seconds than the column keeps");
    if (moment->zone_size != 0 && !fit->zone && !moment_is_universal(moment))
        return fit_refuse(fitted, "has a time zone, which the column does not keep");
    return 0;
}

static int fit_moment(const struct fit *fit, struct buffer *scratch, struct fitted *fitted)
{
    size_t begin = scratch->size;
    struct moment_text moment;
    int error = 0;

    if (fitted->cell.class == CELL_BYTES ||
        !moment_parse(fitted->cell.data, fitted->cell.size, &moment) ||
        (fit->kind != FIT_TIME && !moment.has_date) || (fit->kind == FIT_TIME && moment.has_date))
        return fit_refuse(fitted, fit->kind == FIT_TIME   ? "is not a time"
                                  : fit->kind == FIT_DATE ? "is not a date"
                                                          : "is not a date and time");
    if (moment.has_date)
        error = check_date(fit, &moment, fitted);
    if (error == 0 && fit->kind == FIT_DATE && moment.has_time &&
        (moment.time_size != 8 || memcmp(moment.time, "00:00:00", 8) != 0 ||
         moment.fraction_size != 0))
        return fit_refuse(fitted, "has a time, which the column does not keep");
    if (error == 0 && moment.has_time)
        error = check_time(fit, &moment, fitted);
    if (error != 0)
        return error;
    if (fit->kind == FIT_DATE)
        fitted->exact = fitted->exact && !moment.has_time;
    else if (fit->kind == FIT_MOMENT)
        fitted->exact = fitted->exact && (moment.has_time || moment.unending) &&
                        fit->zone == (moment.zone_size != 0);
    /* MySQL takes no zone. */
    if (fit->engine != ENGINE_MYSQL || moment.zone_size == 0)
        return 0;
    if (moment_write(&moment, false, scratch) != 0)
        return -ENOMEM;
    return fit_take_scratch(scratch, begin, CELL_TEXT, fitted);
}

static int fit_uuid(struct fitted *fitted)
{
    const char *text = fitted->cell.data;

    if (fitted->cell.size != 36)
        return fit_refuse(fitted, "is not a UUID");
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (text[i] == '\0' || strchr(dash ? "-" : "0123456789abcdefABCDEF", text[i]) == NULL)
            return fit_refuse(fitted, "is not a UUID");
        if (text[i] >= 'A' && text[i] <= 'F')
            fitted->exact = false;
    }
    return 0;
}

int fit_cell(const struct fit *fit, const struct cell *cell, struct buffer *scratch,
             struct fitted *ret_fitted)
{
    *ret_fitted = (struct fitted){.cell = *cell, .exact = true};
    if (cell->class == CELL_NULL)
        return 0;
    if (fit->engine == ENGINE_SQLITE)
        return fit_sqlite(fit, ret_fitted);
    if (cell->class == CELL_BYTES && fit->kind != FIT_BYTES)
        return fit_refuse(ret_fitted, "are bytes, which the column does not hold");
    if (fit->kind == FIT_INTEGER || fit->kind == FIT_DECIMAL || fit->kind == FIT_FLOAT ||
        fit->kind == FIT_SINGLE)
        return fit_number(fit, scratch, ret_fitted);
    if (cell->class == CELL_NUMBER)
        ret_fitted->exact = false;
    switch (fit->kind) {
    case FIT_BOOLEAN: return fit_boolean(ret_fitted);
    case FIT_BYTES: return fit_bytes(fit, ret_fitted);
    case FIT_DATE:
    case FIT_TIME:
    case FIT_MOMENT: return fit_moment(fit, scratch, ret_fitted);
    case FIT_UUID: return fit_uuid(ret_fitted);
    case FIT_JSON:
        return fit->reordered && fit_text(fit, ret_fitted) == 0 ? fit_document(fit, ret_fitted)
                                                                : fit_text(fit, ret_fitted);
    default: return fit_text(fit, ret_fitted);
    }
}
