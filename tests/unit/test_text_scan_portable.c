/* SPDX-License-Identifier: MIT */
/* The same tests on the code for machines without SSE2. */
#define CRMFS_PORTABLE
#include "fs/table/text_scan.c"        /* NOLINT(bugprone-suspicious-include) */
#include "tests/unit/test_text_scan.c" /* NOLINT(bugprone-suspicious-include) */
