/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/block.h"
#include "fs/table/text_blocks.h"
#include "fs/table/text_scan.h"
#include "tests/unit/table_data.h"

/* As RFC 3629 puts it: the number is what the bits say, and no shorter form says it. */
static size_t naive_character(const uint8_t *text, size_t size)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t lowest, highest;
    } forms[] = {{0x80, 0x00, 0, 0x7f},
                 {0xe0, 0xc0, 0x80, 0x7ff},
                 {0xf0, 0xe0, 0x800, 0xffff},
                 {0xf8, 0xf0, 0x10000, 0x10ffff}};

    for (size_t i = 0; i < COUNT_OF(forms) && i < size; i++) {
        uint32_t number = text[0] & (uint8_t)~forms[i].mask;

        if ((text[0] & forms[i].mask) != forms[i].lead)
            continue;
        for (size_t j = 1; j <= i; j++) {
            if ((text[j] & 0xc0) != 0x80)
                return 0;
            number = number << 6 | (text[j] & 0x3f);
        }
        if (number < forms[i].lowest || number > forms[i].highest ||
            (number >= 0xd800 && number <= 0xdfff))
            return 0;
        return i + 1;
    }
    return 0;
}

static bool naive_valid(const uint8_t *text, size_t size)
{
    while (size != 0) {
        size_t step = naive_character(text, size);

        if (step == 0)
            return false;
        text += step;
        size -= step;
    }
    return true;
}

/* Both ways to ask; the one in blocks also where the sequence crosses their edge. */
static void check_sequence(const uint8_t *sequence, size_t size)
{
    uint8_t padded[64];
    bool valid = naive_valid(sequence, size);

    if (utf8_valid(sequence, size) != valid)
        fail_msg("%02x %02x %02x %02x", sequence[0], sequence[1], sequence[2], sequence[3]);
    memset(padded, 0xff, sizeof padded); /* what stands after the text does not count */
    memset(padded, 'a', 14);
    memcpy(padded + 14, sequence, size);
    if (utf8_valid_padded(padded, 14 + size) != valid)
        fail_msg("%02x %02x %02x %02x in blocks", sequence[0], sequence[1], sequence[2],
                 sequence[3]);
}

static void test_utf8_sequences(void **state)
{
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f,
                                    0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};
    uint8_t sequence[4] = {0};

    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        sequence[0] = (uint8_t)(i >> 16);
        sequence[1] = (uint8_t)(i >> 8);
        sequence[2] = (uint8_t)i;
        if ((i & 0xffff) == 0)
            check_sequence(sequence, 1);
        if ((i & 0xff) == 0)
            check_sequence(sequence, 2);
        /* Three letters, or an invalid first byte, are the same whichever they are. */
        if (sequence[0] >= 0xc0 || sequence[1] >= 0x7f)
            check_sequence(sequence, 3);
        for (size_t j = 0; j < COUNT_OF(edges) && sequence[0] >= 0xee; j++) {
            sequence[3] = edges[j];
            check_sequence(sequence, 4);
        }
    }
}

static void test_utf8_in_pieces(void **state)
{
    static const char *const texts[] = {"a\u00e9\u20ac\U0001f600", "\xf0\x9f\x98", "\xed\xa0\x80",
                                        "\xe2\x82", "\xf4\x90\x80\x80"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (size_t before = 0; before < 40; before++) {
            uint8_t text[64];
            size_t size = before + strlen(texts[i]);

            memset(text, 'x', before);
            memcpy(text + before, texts[i], strlen(texts[i]));
            for (size_t split = 0; split <= size; split++) {
                struct utf8_check check = {0};

                utf8_feed(&check, text, split);
                utf8_feed(&check, text + split, size - split);
                assert_int_equal(check.state == 0, naive_valid(text, size));
            }
        }
    }
}

static void test_utf8_random(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct cell cell = random_cell(&random, COLUMN_TEXT);

        if (cell.size != 0) {
            uint8_t *padded = calloc(1, cell.size + BLOCK_SLACK);

            assert_non_null(padded);
            memcpy(padded, cell.data, cell.size);
            if (round % 2 == 0)
                padded[random_below(&random, cell.size)] ^=
                    (uint8_t)(1 << random_below(&random, 8));
            assert_int_equal(utf8_valid(padded, cell.size), naive_valid(padded, cell.size));
            assert_int_equal(utf8_valid_padded(padded, cell.size), naive_valid(padded, cell.size));
            free(padded);
        }
        free((void *)cell.data);
    }
}

static struct text_traits naive_traits(const uint8_t *text, size_t size)
{
    struct text_traits traits = {0};

    for (size_t i = 0; i < size; i++) {
        traits.quotes += text[i] == '"';
        traits.high |= text[i] > 0x7f;
        traits.csv_special |= strchr(",\"\r\n", text[i]) != NULL && text[i] != 0;
        if (text[i] == '"' || text[i] == '\\')
            traits.json_growth += 1;
        else if (text[i] < 0x20)
            traits.json_growth += strchr("\b\t\n\f\r", text[i]) != NULL && text[i] != 0 ? 1 : 5;
    }
    return traits;
}

static void assert_traits(const struct text_traits *found, const struct text_traits *expected)
{
    assert_int_equal(found->quotes, expected->quotes);
    assert_int_equal(found->json_growth, expected->json_growth);
    assert_int_equal(found->csv_special, expected->csv_special);
    assert_int_equal(found->high, expected->high);
}

static void check_scan(const uint8_t *text, size_t size, size_t split)
{
    struct text_traits expected = naive_traits(text, size);
    struct text_traits found = {0};
    struct text_traits copied = {0};
    uint8_t *copy = malloc(size + BLOCK_SLACK);

    assert_non_null(copy);
    text_scan(&found, text, split);
    text_scan(&found, text + split, size - split);
    assert_traits(&found, &expected);
    text_copy_scan(&copied, copy, text, size);
    assert_traits(&copied, &expected);
    assert_memory_equal(copy, text, size);
    free(copy);
}

/* Every byte at every place of texts of every length about the size of blocks. */
static void test_scan_one_byte(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 50; size++) {
        for (size_t place = 0; place < size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                uint8_t *text = malloc(size);

                assert_non_null(text);
                memset(text, 'x', size);
                text[place] = (uint8_t)byte;
                check_scan(text, size, 0);
                free(text);
            }
        }
    }
}

static void test_scan_random(void **state)
{
    static const char *const alphabets[] = {"\"", "\n\t\r", "\x01", "ab,\"\\\n\xff", "abc"};
    uint64_t random = 2;

    (void)state;
    for (size_t round = 0; round < 2000; round++) {
        const char *alphabet = alphabets[round % COUNT_OF(alphabets)];
        size_t size = round < 20 ? 4000 + random_below(&random, 20000) : random_below(&random, 99);
        uint8_t *text = malloc(size + 1);

        assert_non_null(text);
        for (size_t i = 0; i < size; i++)
            text[i] = (uint8_t)alphabet[random_below(&random, strlen(alphabet))];
        check_scan(text, size, random_below(&random, size + 1));
        free(text);
    }
}

static void test_nothing(void **state)
{
    struct text_traits traits = {0};
    struct utf8_check check = {0};

    (void)state;
    text_scan(&traits, NULL, 0);
    utf8_feed(&check, NULL, 0);
    assert_int_equal(check.state, 0);
    assert_true(utf8_valid(NULL, 0));
    assert_int_equal(traits.json_growth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_sequences), cmocka_unit_test(test_utf8_in_pieces),
        cmocka_unit_test(test_utf8_random),    cmocka_unit_test(test_scan_one_byte),
        cmocka_unit_test(test_scan_random),    cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
