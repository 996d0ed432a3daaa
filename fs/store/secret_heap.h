/* SPDX-License-Identifier: MIT */
/*
 * Locked memory for what libcrypto expands of a key. libcrypto allocates its
 * cipher contexts itself; between secret_heap_enter() and secret_heap_leave()
 * the calling thread's allocations come from a locked arena that no core dump
 * shows, and are wiped when freed.
 */
#ifndef CRMFS_STORE_SECRET_HEAP_H
#define CRMFS_STORE_SECRET_HEAP_H

/*
 * Puts itself under libcrypto, once; before anything else of the process uses
 * libcrypto. 0, -ENOMEM, or -EALREADY when libcrypto has allocated before.
 */
int secret_heap_install(void);

void secret_heap_enter(void);
void secret_heap_leave(void);

#endif
