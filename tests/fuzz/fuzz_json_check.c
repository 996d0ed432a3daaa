/* SPDX-License-Identifier: MIT */
/* Is it JSON? The check in pieces, the check as a whole and jansson must agree. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/json_check.h"
#include "fs/table/text_scan.h"
#include "tests/fuzz/target.h"

static bool is_document(const uint8_t *text, size_t size, size_t split, bool *ret_dollar,
                        bool *ret_null)
{
    struct json_check check;

    json_check_begin(&check);
    json_check_feed(&check, text, split);
    json_check_feed(&check, text + split, size - split);

    bool valid = json_check_end(&check);

    *ret_dollar = valid && check.dollar;
    *ret_null = valid && check.null;
    return valid;
}

static bool first_key_has_dollar(json_t *document)
{
    void *first = json_is_object(document) ? json_object_iter(document) : NULL;

    return first != NULL && json_object_iter_key(first)[0] == '$';
}

/* What jansson refuses and RFC 8259 allows: lone surrogates, NUL in keys, numbers past a double. */
static bool jansson_may_refuse(const uint8_t *text, size_t size, const json_error_t *error)
{
    return memmem(text, size, "\\u", 2) != NULL ||
           json_error_code(error) == json_error_numeric_overflow;
}

static bool may_be_too_deep(const uint8_t *text, size_t size)
{
    size_t opened = 0;

    for (size_t i = 0; i < size; i++)
        opened += text[i] == '[' || text[i] == '{';
    return opened > JSON_DEPTH_LIMIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    size_t split = data[0] % size;
    json_error_t error;
    bool dollar;
    bool dollar_whole;
    bool null;
    bool null_whole;

    data++;
    size--;

    bool valid = is_document(data, size, split, &dollar, &null);

    if (valid != is_document(data, size, 0, &dollar_whole, &null_whole) || dollar != dollar_whole ||
        null != null_whole)
        abort();
    if (!utf8_valid(data, size))
        return 0;

    json_t *document =
        json_loadb((const char *)data, size,
                   JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);

    if (valid && document == NULL && !jansson_may_refuse(data, size, &error))
        abort();
    /* A NUL byte ends the document for jansson. */
    if (!valid && document != NULL && !may_be_too_deep(data, size) && memchr(data, 0, size) == NULL)
        abort();
    if (valid && document != NULL &&
        (dollar != first_key_has_dollar(document) || null != json_is_null(document)))
        abort();
    json_decref(document);
    return 0;
}
