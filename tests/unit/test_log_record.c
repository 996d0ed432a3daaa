/* SPDX-License-Identifier: MIT */
/* One record of a log: its bytes, and that nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"

static void test_layout(void **context)
{
    static const char json[] =
        "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"a\\\"b\"}";
    struct log_entry entry = {.kind = LOG_RENAME,
                              .sequence = 0x0102,
                              .time_ns = 0x0304,
                              .before = {0xaa, 0xbb},
                              .id = {1},
                              .text = strdup("a\"b")};
    cleanup_buffer struct buffer plain = BUFFER(4096);

    (void)context;
    assert_int_equal(log_entry_encode(&entry, &plain), 0);
    assert_int_equal(plain.size, 56 + sizeof json - 1);
    assert_memory_equal(plain.data, "\xaa\xbb\0", 3);
    assert_memory_equal(plain.data + 32, "\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\x04\0\0\0", 20);
    assert_int_equal(plain.data[52], sizeof json - 1);
    assert_memory_equal(plain.data + 56, json, sizeof json - 1);

    for (size_t cut = 0; cut < plain.size; cut++) {
        struct log_entry decoded;

        assert_int_equal(log_entry_decode(plain.data, cut, &decoded), -EBADMSG);
    }

    struct log_entry decoded;

    assert_int_equal(log_entry_decode(plain.data, plain.size, &decoded), 0);
    assert_string_equal(decoded.text, "a\"b");
    log_entry_release(&decoded);
    log_entry_release(&entry);
}

static void test_strict(void **context)
{
    static const struct {
        enum log_kind kind;
        const char *json;
    } wrong[] = {
        {LOG_CREATE, ""},
        {LOG_CREATE, "[]"},
        {LOG_CREATE, "{}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000\"}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000G\"}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000A\"}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\",\"x\":1}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\"} x"},
        {LOG_CREATE, "{\"store\":1}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\",\"store\":1}"},
        {LOG_RENAME, "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"latest\"}"},
        {LOG_RENAME, "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"a\\u0000\"}"},
        {LOG_FORGET, "{\"snapshots\":[\"\"]}"},
        {LOG_FORGET, "{\"snapshots\":{}}"},
        {LOG_MARK, "{\"packs\":[1]}"},
        {LOG_MARK, "{\"packs\":[\"00\"]}"},
        {LOG_KINDS, "{\"packs\":[]}"},
        {0, "{\"packs\":[]}"},
    };

    (void)context;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t plain[1024] = {0};
        struct log_entry entry;
        size_t length = strlen(wrong[i].json);

        plain[48] = (uint8_t)wrong[i].kind;
        plain[52] = (uint8_t)length;
        memcpy(plain + 56, wrong[i].json, length);
        assert_int_equal(log_entry_decode(plain, sizeof plain, &entry), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_strict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
