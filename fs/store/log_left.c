/* SPDX-License-Identifier: MIT */
/* What one reader of the log leaves to the next, as each of a command's parts reads it anew. */
#include <stdlib.h>

#include "fs/store/log_internal.h"
#include "fs/store/store_internal.h"

void log_leave(struct store *store, struct log_state *state)
{
    struct log_state *left = NULL;

    if (state != NULL) {
        left = malloc(sizeof *left);
        if (left != NULL)
            *left = *state;
        else
            log_state_release(state);
        *state = (struct log_state){.sequence = 0};
    }
    left = __atomic_exchange_n(&store->left, left, __ATOMIC_ACQ_REL);
    if (left != NULL)
        log_state_release(left);
    free(left);
}

void log_take_left(struct store *store, struct log_state *state)
{
    struct log_state *left = __atomic_exchange_n(&store->left, NULL, __ATOMIC_ACQ_REL);

    if (left != NULL)
        *state = *left;
    free(left);
}
