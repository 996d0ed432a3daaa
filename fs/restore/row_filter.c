/* SPDX-License-Identifier: MIT */
#include "fs/restore/row_filter.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sql_text.h"
#include "fs/base/ascii.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

#define SQL_LIMIT ((size_t)4 << 20)
#define CELL_LIMIT ((size_t)64 << 20) /* of a cell that a condition looks at */
#define STEPS_MOST 100000000          /* of SQLite's machine, for one row */

/* A key that was asked for: one text a column. */
struct asked_key {
    char *text;   /* as it was given, for words */
    char **parts; /* percent-decoded; of one column: the text itself */
    bool met;
};

struct row_filter {
    const struct schema *schema; /* borrowed */
    size_t key_count;
    struct asked_key *keys;
    size_t left; /* not met yet */

    sqlite3 *database; /* NULL: there is no condition */
    sqlite3_stmt *condition;
    struct buffer *large; /* cells that came without data, one a column */
};

void row_filter_free(struct row_filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->key_count; i++) {
        for (size_t k = 0; filter->keys[i].parts != NULL && k < filter->schema->primary_key_count;
             k++)
            free(filter->keys[i].parts[k]);
        free((void *)filter->keys[i].parts);
        free(filter->keys[i].text);
    }
    free(filter->keys);
    sqlite3_finalize(filter->condition);
    sqlite3_close_v2(filter->database);
    for (size_t i = 0; filter->large != NULL && i < filter->schema->column_count; i++)
        buffer_release(&filter->large[i]);
    free(filter->large);
    free(filter);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static int add_key(struct row_filter *filter, const char *text, size_t size)
{
    struct asked_key *keys = realloc(filter->keys, (filter->key_count + 1) * sizeof *keys);

    if (keys == NULL)
        return -ENOMEM;
    filter->keys = keys;
    keys += filter->key_count;
    *keys = (struct asked_key){.text = strndup(text, size)};
    keys->parts = allocate_array(filter->schema->primary_key_count, sizeof *keys->parts);
    filter->key_count++;
    filter->left++;
    return keys->text != NULL && keys->parts != NULL ? 0 : -ENOMEM;
}

/* "7,de%2Cx" into its parts. */
static int split_key(struct row_filter *filter, struct asked_key *key, struct failure *failure)
{
    size_t count = filter->schema->primary_key_count;
    const char *at = key->text;

    for (size_t k = 0; k < count; k++) {
        size_t length = strcspn(at, ",");

        if ((at[length] == '\0') != (k + 1 == count))
            return failure_set(failure, EINVAL,
                               "--key %s: the key of table \"%s\" has %zu columns: give one key an "
                               "option, its values with commas between",
                               key->text, filter->schema->name, count);
        key->parts[k] = strndup(at, length);
        if (key->parts[k] == NULL)
            return -ENOMEM;
        if (!percent_decode(key->parts[k]))
            return failure_set(failure, EINVAL,
                               "--key %s: a '%%' takes two hexadecimal digits behind it",
                               key->text);
        at += length + 1;
    }
    return 0;
}

static int take_keys(struct row_filter *filter, const char *const *keys, size_t count,
                     struct failure *failure)
{
    size_t columns = filter->schema->primary_key_count;
    int error = 0;

    if (columns == 0)
        return failure_set(failure, EINVAL,
                           "--key: table \"%s\" has no primary key; say --where CONDITION",
                           filter->schema->name);
    for (size_t i = 0; i < count && error == 0; i++) {
        const char *at = keys[i];

        /* Of one column there may be several in an option. */
        while (columns == 1 && strchr(at, ',') != NULL && error == 0) {
            error = add_key(filter, at, strcspn(at, ","));
            at += strcspn(at, ",") + 1;
        }
        if (error == 0)
            error = add_key(filter, at, strlen(at));
    }
    for (size_t i = 0; i < filter->key_count && error == 0; i++)
        error = split_key(filter, &filter->keys[i], failure);
    return error;
}

static bool is_same(const struct cell *cell, const char *text)
{
    return cell->class != CELL_NULL && cell->data != NULL && cell->size == strlen(text) &&
           memcmp(cell->data, text, cell->size) == 0;
}

static bool is_key(const struct row_filter *filter, const struct asked_key *key,
                   const struct cell *cells)
{
    for (size_t k = 0; k < filter->schema->primary_key_count; k++) {
        if (!is_same(&cells[filter->schema->primary_key[k]], key->parts[k]))
            return false;
    }
    return true;
}

/* A key may have been given twice: all that are the row's are met. */
static bool look_at_keys(struct row_filter *filter, const struct cell *cells)
{
    bool any = false;

    for (size_t i = 0; i < filter->key_count; i++) {
        if (!is_key(filter, &filter->keys[i], cells))
            continue;
        filter->left -= !filter->keys[i].met;
        filter->keys[i].met = true;
        any = true;
    }
    return any;
}

void row_filter_begin(struct row_filter *filter)
{
    filter->left = filter->key_count;
    for (size_t i = 0; i < filter->key_count; i++)
        filter->keys[i].met = false;
}

const char *row_filter_missed(const struct row_filter *filter)
{
    for (size_t i = 0; i < filter->key_count; i++) {
        if (!filter->keys[i].met)
            return filter->keys[i].text;
    }
    return NULL;
}

bool row_filter_is_done(const struct row_filter *filter)
{
    return filter->key_count != 0 && filter->left == 0;
}

bool row_filter_least(const struct row_filter *filter, struct cell *ret_key)
{
    const char *least = NULL;

    if (filter->schema->primary_key_count != 1)
        return false;
    for (size_t i = 0; i < filter->key_count; i++) {
        const char *text = filter->keys[i].parts[0];
        size_t digits = strspn(text + (text[0] == '-'), "0123456789");

        if (digits == 0 || digits > 18 || text[digits + (text[0] == '-')] != '\0')
            return false;
        if (least == NULL || strtoll(text, NULL, 10) < strtoll(least, NULL, 10))
            least = text;
    }
    if (least == NULL)
        return false;
    *ret_key = (struct cell){CELL_NUMBER, strlen(least), least};
    return true;
}

/* ---- The condition --------------------------------------------------------------------------- */

/* Nothing but the row is to be seen, and nothing to be done. */
static int authorize(void *context, int action, const char *one, const char *two,
                     const char *database, const char *trigger)
{
    (void)context;
    (void)one;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ: return SQLITE_OK;
    case SQLITE_FUNCTION:
        return two != NULL && ascii_equal(two, "load_extension") ? SQLITE_DENY : SQLITE_OK;
    default: return SQLITE_DENY;
    }
}

/* A condition that does not end. */
static int give_up(void *context)
{
    (void)context;
    return 1;
}

/* SELECT (WHERE) IS TRUE FROM (SELECT ?1 AS "id", ?2 AS "name" …) */
static int write_condition(const struct schema *schema, const char *where, struct buffer *sql)
{
    int error = buffer_print(sql, "SELECT (%s\n) IS TRUE FROM (SELECT ", where);

    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        cleanup_free char *name = sql_name(schema->columns[i].name);

        error = name != NULL ? buffer_print(sql, "%s?%zu AS %s", i == 0 ? "" : ", ", i + 1, name)
                             : -ENOMEM;
    }
    return error == 0 ? buffer_append(sql, ")", 2) : error;
}

static int prepare_condition(struct row_filter *filter, const char *where, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(SQL_LIMIT);
    const char *rest = NULL;
    int error = write_condition(filter->schema, where, &sql);

    if (error == -EFBIG)
        return failure_set(failure, EINVAL, "--where: the condition is too long");
    if (error != 0)
        return error;
    if (sqlite3_open_v2(":memory:", &filter->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return -ENOMEM;
    sqlite3_limit(filter->database, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(filter->database, SQLITE_LIMIT_LENGTH, (int)CELL_LIMIT);
    sqlite3_limit(filter->database, SQLITE_LIMIT_VARIABLE_NUMBER, 32766);
    sqlite3_db_config(filter->database, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_set_authorizer(filter->database, authorize, NULL);
    sqlite3_progress_handler(filter->database, STEPS_MOST, give_up, NULL);
    if (sqlite3_prepare_v2(filter->database, (const char *)sql.data, -1, &filter->condition,
                           &rest) != SQLITE_OK)
        return failure_set(failure, EINVAL, "--where: table \"%s\": %s", filter->schema->name,
                           sqlite3_errmsg(filter->database));
    if (rest != NULL && *rest != '\0')
        return failure_set(failure, EINVAL, "--where takes one condition, and nothing behind it");
    return 0;
}

static int fetch(struct row_filter *filter, size_t column, const struct cell *cell,
                 struct cursor *cursor, const void **ret_data, struct failure *failure)
{
    struct buffer *large = &filter->large[column];
    int error;

    *ret_data = cell->data != NULL ? cell->data : "";
    if (cell->data != NULL || cell->size == 0)
        return 0;
    if (cell->size > CELL_LIMIT || cursor == NULL)
        return failure_set(failure, EFBIG, "--where: a value of %llu bytes is too large to look at",
                           (unsigned long long)cell->size);
    buffer_clear(large);
    error = buffer_reserve(large, (size_t)cell->size);
    if (error == 0)
        error =
            cursor->class->read_cell(cursor, column, 0, large->data, (size_t)cell->size, failure);
    *ret_data = large->data;
    return error;
}

static int bind_number(sqlite3_stmt *statement, int parameter, const struct cell *cell)
{
    char text[400];
    char *end;
    long long whole;

    if (cell->size >= sizeof text)
        return sqlite3_bind_text(statement, parameter, cell->data, (int)cell->size, SQLITE_STATIC);
    memcpy(text, cell->data, cell->size);
    text[cell->size] = '\0';
    errno = 0;
    whole = strtoll(text, &end, 10);
    if (errno == 0 && *end == '\0')
        return sqlite3_bind_int64(statement, parameter, whole);
    return sqlite3_bind_double(statement, parameter, strtod(text, NULL));
}

static int bind_cell(sqlite3_stmt *statement, int parameter, const struct cell *cell,
                     const void *data)
{
    switch (cell->class) {
    case CELL_NULL: return sqlite3_bind_null(statement, parameter);
    case CELL_NUMBER: return bind_number(statement, parameter, cell);
    case CELL_BOOLEAN:
        return sqlite3_bind_int(statement, parameter,
                                cell->size != 0 && strchr("tT1", *(const char *)data) != NULL);
    case CELL_BYTES:
        return sqlite3_bind_blob64(statement, parameter, data, cell->size, SQLITE_STATIC);
    case CELL_TEXT: break;
    }
    return sqlite3_bind_text64(statement, parameter, data, cell->size, SQLITE_STATIC, SQLITE_UTF8);
}

static int look_at_condition(struct row_filter *filter, const struct cell *cells,
                             struct cursor *cursor, struct failure *failure)
{
    sqlite3_stmt *statement = filter->condition;
    int code = SQLITE_OK;
    int result;

    for (size_t i = 0; i < filter->schema->column_count && code == SQLITE_OK; i++) {
        const void *data;
        int error = fetch(filter, i, &cells[i], cursor, &data, failure);

        if (error != 0)
            return error;
        code = bind_cell(statement, (int)i + 1, &cells[i], data);
    }
    /* The machine goes on counting from row to row. */
    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    result = code == SQLITE_ROW && sqlite3_column_int(statement, 0) != 0;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (code == SQLITE_ROW)
        return result;
    return failure_set(failure, code == SQLITE_NOMEM ? ENOMEM : EINVAL, "--where: table \"%s\": %s",
                       filter->schema->name,
                       code == SQLITE_INTERRUPT ? "the condition takes too long for one row"
                                                : sqlite3_errmsg(filter->database));
}

/* ---- Both ------------------------------------------------------------------------------------ */

int row_filter_create(const struct schema *schema, const char *where, const char *const *keys,
                      size_t key_count, struct row_filter **ret_filter, struct failure *failure)
{
    struct row_filter *filter = calloc(1, sizeof *filter);
    int error = 0;

    if (filter == NULL)
        return -ENOMEM;
    filter->schema = schema;
    filter->large = allocate_array(schema->column_count, sizeof *filter->large);
    if (filter->large == NULL)
        error = -ENOMEM;
    for (size_t i = 0; error == 0 && i < schema->column_count; i++)
        filter->large[i] = BUFFER(CELL_LIMIT);
    if (error == 0 && key_count != 0)
        error = take_keys(filter, keys, key_count, failure);
    if (error == 0 && where != NULL)
        error = prepare_condition(filter, where, failure);
    if (error != 0) {
        row_filter_free(filter);
        return error;
    }
    *ret_filter = filter;
    return 0;
}

int row_filter_look(struct row_filter *filter, const struct cell *cells, struct cursor *cursor,
                    struct failure *failure)
{
    if (filter->key_count != 0 && !look_at_keys(filter, cells))
        return 0;
    return filter->condition != NULL ? look_at_condition(filter, cells, cursor, failure) : 1;
}
