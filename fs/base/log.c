/* SPDX-License-Identifier: MIT */
#include "fs/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "fs/base/failure.h"

static enum log_level most_shown = LOG_LEVEL_INFO;
static bool syslog_open;

void log_set_level(enum log_level most)
{
    __atomic_store_n(&most_shown, most, __ATOMIC_RELAXED);
}

void log_to_syslog(void)
{
    openlog("crmfs", LOG_PID, LOG_DAEMON);
    syslog_open = true;
}

static int syslog_priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return LOG_ERR;
    case LOG_LEVEL_WARNING: return LOG_WARNING;
    case LOG_LEVEL_INFO: return LOG_INFO;
    case LOG_LEVEL_DEBUG: break;
    }
    return LOG_DEBUG;
}

void log_message(enum log_level level, const char *format, ...)
{
    char raw[FAILURE_TEXT_SIZE];
    char line[FAILURE_TEXT_SIZE];
    va_list arguments;
    int saved_errno = errno;

    if (level > __atomic_load_n(&most_shown, __ATOMIC_RELAXED))
        return;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    printable_copy(line, sizeof line, raw);
    if (syslog_open)
        syslog(syslog_priority(level), "%s", line);
    else
        fprintf(stderr, "crmfs: %s\n", line);
    errno = saved_errno;
}
