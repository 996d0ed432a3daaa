/* SPDX-License-Identifier: MIT */
#include "backends/source/mysql.h"

#include <errno.h>

int mysql_source_open(const char *url, const struct source_options *options,
                      struct source **ret_source, struct failure *failure)
{
    (void)options;
    (void)ret_source;
    return failure_set(failure, ENOTSUP, "%s: not yet", url);
}
