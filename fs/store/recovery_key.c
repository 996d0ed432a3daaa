/* SPDX-License-Identifier: MIT */
#include "fs/store/recovery_key.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#define GROUP_SYMBOLS 4
#define RANDOM_SYMBOLS (RECOVERY_KEY_SYMBOLS - 1)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/*
 * The check is a code over GF(32), of x^5 + x^2 + 1: the symbol at place i counts
 * a^(i + 1) times, with a = x, which has 31 different powers. So no two places
 * have the same factor, nor is one zero.
 */
static uint8_t check_value(const uint8_t values[RANDOM_SYMBOLS])
{
    unsigned sum = 0;

    for (int i = RANDOM_SYMBOLS - 1; i >= 0; i--) {
        sum = (sum ^ values[i]) << 1;
        if ((sum & 32) != 0)
            sum ^= 0x25;
    }
    return (uint8_t)sum;
}

void recovery_key_make(char ret_text[RECOVERY_KEY_TEXT_SIZE])
{
    uint8_t values[RECOVERY_KEY_SYMBOLS];
    char *at = ret_text;

    randombytes_buf(values, RANDOM_SYMBOLS);
    for (int i = 0; i < RANDOM_SYMBOLS; i++)
        values[i] &= 31;
    values[RANDOM_SYMBOLS] = check_value(values);
    for (int i = 0; i < RECOVERY_KEY_SYMBOLS; i++) {
        if (i > 0 && i % GROUP_SYMBOLS == 0)
            *at++ = '-';
        *at++ = alphabet[values[i]];
    }
    *at = '\0';
    sodium_memzero(values, sizeof values);
}

/* The value of a letter, however it was written; -1: it is none of them. */
static int symbol_value(char letter)
{
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    if (letter == 'O')
        letter = '0';
    if (letter == 'I' || letter == 'L')
        letter = '1';

    const char *found = letter != '\0' ? strchr(alphabet, letter) : NULL;

    return found != NULL ? (int)(found - alphabet) : -1;
}

int recovery_key_read(const char *text, size_t size, char ret_symbols[RECOVERY_KEY_SYMBOLS])
{
    uint8_t values[RECOVERY_KEY_SYMBOLS] = {0};
    size_t count = 0;
    int error = 0;

    for (size_t i = 0; i < size && error == 0; i++) {
        int value = symbol_value(text[i]);

        if (text[i] == '-' || text[i] == ' ')
            continue;
        if (value < 0 || count == RECOVERY_KEY_SYMBOLS)
            error = -EINVAL;
        else
            values[count++] = (uint8_t)value;
    }
    if (error == 0 && count != RECOVERY_KEY_SYMBOLS)
        error = -EINVAL;
    if (error == 0 && values[RANDOM_SYMBOLS] != check_value(values))
        error = -EBADMSG;
    for (size_t i = 0; error == 0 && i < RECOVERY_KEY_SYMBOLS; i++)
        ret_symbols[i] = alphabet[values[i]];
    sodium_memzero(values, sizeof values);
    return error;
}
