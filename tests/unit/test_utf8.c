/* SPDX-License-Identifier: MIT */
/* Text that is UTF-8, and text that is not, wherever in it the character stands that tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/utf8.h"

#define LONGEST 40

struct sample {
    const char *bytes;
    bool whole;
};

/* In memory of its own, so that a sanitizer sees what is read beyond it. */
static bool is_whole(size_t size, size_t at, const char *bytes)
{
    size_t length = strlen(bytes);
    char *text = malloc(size + 1);
    bool whole;

    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text + at, bytes, length);
    whole = utf8_whole(text, size);
    free(text);
    return whole;
}

static void test_whole(void **state)
{
    static const struct sample samples[] = {
        {"", true},
        {"\x7f", true},
        {"\xc3\xa4", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xc3\xa4\xe2\x82\xac", true},
        {"\x80", false},
        {"\xff", false},
        {"\xc3", false},
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xc0\x80", false},         /* overlong */
        {"\xed\xa0\x80", false},     /* a surrogate */
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
    };

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        size_t length = strlen(samples[i].bytes);

        for (size_t size = length; size <= LONGEST; size++) {
            for (size_t at = 0; at + length <= size; at++)
                assert_int_equal(is_whole(size, at, samples[i].bytes), samples[i].whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
