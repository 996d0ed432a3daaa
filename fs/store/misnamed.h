/* SPDX-License-Identifier: MIT */
/*
 * Packs that stand under another name than their own: moved by hand, or by what mends a file
 * system. Nothing finds them there; but their first bytes say which name is theirs, and their
 * seals, that it is.
 */
#ifndef CRMFS_STORE_MISNAMED_H
#define CRMFS_STORE_MISNAMED_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

/* PATH: where it stands; OWN: what it is called; MISSING: no file is there. Not 0 ends the search.
 */
typedef int misnamed_visit(void *context, const char *path, const char *own, bool missing);

/* Every one below packs/. 0, -ENOMEM, what VISIT returned, or what the storage said. */
int misnamed_find(struct store *store, misnamed_visit *visit, void *context,
                  struct failure *failure);

struct misnamed_result {
    size_t put_back;  /* packs, under their own names */
    size_t set_aside; /* files that stood there, of which nobody can tell what they are */
};

/*
 * Puts each back under its own name, durably, and removes it from where it stood: also where a
 * file of its own name is the same, or a damaged one, of which less can be read (pack_rivals.h).
 * One that differs from that otherwise stays. Of a file that makes room and is not that pack, a
 * copy stays below packs/, durably, called .asideN. 0, -ENOMEM, -EROFS, -EIO …: it can be done
 * again.
 */
int misnamed_put_back(struct store *store, struct misnamed_result *ret_result,
                      struct failure *failure);

#endif
