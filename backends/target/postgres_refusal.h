/* SPDX-License-Identifier: MIT */
/* What PostgreSQL says of a row that it refuses to COPY: which, for which column, and why. */
#ifndef CRMFS_TARGET_POSTGRES_REFUSAL_H
#define CRMFS_TARGET_POSTGRES_REFUSAL_H

#include "backends/source/postgres_library.h"
#include "backends/target/server_load.h"

/* Whether it is a row that is wrong; then which it is, and why. */
bool postgres_refusal_read(const PGresult *result, struct refusal *ret_refusal);

#endif
