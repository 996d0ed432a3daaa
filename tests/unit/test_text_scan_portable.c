/* SPDX-License-Identifier: MIT */
/* The same tests on the code for machines without SSE2. */
#ifndef CRMFS_PORTABLE
#define CRMFS_PORTABLE
#endif
#include "fs/table/text_scan.c"        /* NOLINT(bugprone-suspicious-include) */
#include "tests/unit/test_text_scan.c" /* NOLINT(bugprone-suspicious-include) */
