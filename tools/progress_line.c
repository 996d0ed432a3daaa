/* SPDX-License-Identifier: MIT */
#include "tools/progress_line.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "tools/amount.h"
#include "tools/stop.h"

#define INTERVAL_NS (NS_PER_SECOND / 5)
#define LINE_SIZE 512

struct progress_line {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, and the terminal */
    pthread_cond_t changed;
    bool ending;
    bool drawn;
    uint64_t begun_ns;
    progress_text *write;
    void *context;
    /* The phase that the work told of last. */
    const char *phase; /* NULL: none */
    uint64_t done;
    uint64_t total;
};

/* Bytes of TEXT that take at most COLUMNS; a character counts as one column. */
static size_t fitting(const char *text, size_t columns)
{
    size_t size = 0;

    for (; text[size] != '\0'; size++) {
        if (((unsigned char)text[size] & 0xc0) != 0x80 && columns-- == 0)
            break;
    }
    return size;
}

static void say(const char *text, size_t size)
{
    (void)!write(STDERR_FILENO, text, size); /* a terminal that is gone shows nothing */
}

static void clear(struct progress_line *line)
{
    if (line->drawn)
        say("\r\033[K", 4);
    line->drawn = false;
}

/* A line that were broken could not be taken back. */
static void draw(struct progress_line *line)
{
    struct winsize window;
    char text[LINE_SIZE] = "\r";
    size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1
                         ? window.ws_col - 1u
                         : 79;

    line->write(line->context, (double)(clock_now_ns() - line->begun_ns) / 1e9, text + 1,
                sizeof text - 5);

    size_t size = 1 + fitting(text + 1, columns);

    memcpy(text + size, "\033[K", 3);
    say(text, size + 3);
    line->drawn = true;
}

static void *run(void *context)
{
    struct progress_line *line = context;

    pthread_mutex_lock(&line->lock);
    while (!line->ending) {
        uint64_t until_ns = clock_now_ns() + INTERVAL_NS;

        while (!line->ending && clock_wait(&line->changed, &line->lock, until_ns) == 0) {
        }
        if (!line->ending)
            draw(line);
    }
    clear(line);
    pthread_mutex_unlock(&line->lock);
    return NULL;
}

static struct progress_line *begin(progress_text *write, void *context)
{
    struct progress_line *line = calloc(1, sizeof *line);

    if (line == NULL)
        return NULL;
    line->write = write;
    line->context = context != NULL ? context : line;
    line->begun_ns = clock_now_ns();
    pthread_mutex_init(&line->lock, NULL);
    pthread_cond_init(&line->changed, NULL);
    if (stop_thread_beside(&line->thread, run, line) == 0)
        return line;
    pthread_cond_destroy(&line->changed);
    pthread_mutex_destroy(&line->lock);
    free(line);
    return NULL;
}

struct progress_line *progress_line_begin(progress_text *write, void *context)
{
    return isatty(STDERR_FILENO) ? begin(write, context) : NULL;
}

/* The lock is held. */
static void write_phase(void *context, double seconds, char *text, size_t size)
{
    const struct progress_line *line = context;
    char elapsed[AMOUNT_SIZE];
    char done[AMOUNT_SIZE];
    char total[AMOUNT_SIZE];

    amount_time((uint64_t)seconds, elapsed);
    if (line->phase == NULL)
        snprintf(text, size, "%s", elapsed);
    else if (line->total == 0)
        snprintf(text, size, "%s  %s", elapsed, line->phase);
    else
        snprintf(text, size, "%s  %s: %s of %s (%.0f %%)", elapsed, line->phase,
                 amount_count(line->done, done), amount_count(line->total, total),
                 100.0 * (double)line->done / (double)line->total);
}

static void tell(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct progress_line *line = context;

    pthread_mutex_lock(&line->lock);
    line->phase = what;
    line->done = done;
    line->total = total;
    pthread_mutex_unlock(&line->lock);
}

struct progress_line *progress_line_begin_phases(struct store_progress *ret_progress)
{
    struct progress_line *line = progress_line_begin(write_phase, NULL);

    *ret_progress = (struct store_progress){.tell = line != NULL ? tell : NULL, .context = line};
    return line;
}

void progress_line_clear(struct progress_line *line)
{
    if (line == NULL)
        return;
    pthread_mutex_lock(&line->lock);
    clear(line);
    pthread_mutex_unlock(&line->lock);
}

void progress_line_end(struct progress_line *line)
{
    if (line == NULL)
        return;
    pthread_mutex_lock(&line->lock);
    line->ending = true;
    pthread_cond_signal(&line->changed);
    pthread_mutex_unlock(&line->lock);
    pthread_join(line->thread, NULL);
    pthread_cond_destroy(&line->changed);
    pthread_mutex_destroy(&line->lock);
    free(line);
}
