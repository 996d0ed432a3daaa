/* SPDX-License-Identifier: MIT */
/* The values of an enumeration, by whose order in its declaration rows are sorted. */
#ifndef CRMFS_SOURCE_KEY_LABELS_H
#define CRMFS_SOURCE_KEY_LABELS_H

#include <stddef.h>

struct key_labels;

struct key_labels *key_labels_create(void); /* one reference; NULL: no memory */
struct key_labels *key_labels_reference(struct key_labels *labels); /* NULL is allowed … */
void key_labels_release(struct key_labels *labels);                 /* … for both */

/* Adds the next one; TEXT is taken over, also on failure. 0 or -ENOMEM. */
int key_labels_add(struct key_labels *labels, char *text);

/* All are added: from now on they can be looked for. */
void key_labels_end(struct key_labels *labels);

/* Which of them it is, from 0 on; SIZE_MAX: none. */
size_t key_labels_rank(const struct key_labels *labels, const void *text, size_t size);

#endif
