/* SPDX-License-Identifier: MIT */
/*
 * The log: the only global state. It is for tools/ and fs/mount, which know
 * whom they speak to; everything below them returns a struct failure instead.
 * Lines go to standard error, and to syslog once the process is a daemon.
 * log_message may be called from several threads at once.
 */
#ifndef CRMFS_BASE_LOG_H
#define CRMFS_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* What is less urgent than MOST is left out; at first, below LOG_LEVEL_INFO. */
void log_set_level(enum log_level most);

/* From now on to syslog, under daemon. Call it before there are other threads. */
void log_to_syslog(void);

/* One line, without "crmfs: " and the line end; control bytes are shown as \xNN. errno is kept. */
void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
