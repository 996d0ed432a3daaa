/* SPDX-License-Identifier: MIT */
/*
 * A recovery key: 135 random bits to be printed and kept, as "7K3M-9QXA-…", seven
 * groups of four. The letters are Crockford's base 32: no I, L, O and U, and
 * whoever types them in lower case, or an O for a 0, or leaves out the dashes,
 * is understood. The last one checks the others: any wrong letter, and any two
 * that changed places, are noticed.
 */
#ifndef CRMFS_STORE_RECOVERY_KEY_H
#define CRMFS_STORE_RECOVERY_KEY_H

#include <stddef.h>

#define RECOVERY_KEY_SYMBOLS 28
#define RECOVERY_KEY_TEXT_SIZE (RECOVERY_KEY_SYMBOLS + 6 + 1) /* with its dashes and NUL */

/* A new one. */
void recovery_key_make(char ret_text[RECOVERY_KEY_TEXT_SIZE]);

/*
 * What somebody typed, as its symbols in capitals without dashes: these are what the key
 * slot's passphrase is. -EINVAL: it is nothing like a recovery key; -EBADMSG: it is like one,
 * but mistyped.
 */
int recovery_key_read(const char *text, size_t size, char ret_symbols[RECOVERY_KEY_SYMBOLS]);

#endif
