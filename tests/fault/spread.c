/* SPDX-License-Identifier: MIT */
#include "tests/fault/spread.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fake_source.h"

#define CHILDREN_MOST 16

/* Which number comes next, and the tally: in memory that all children share. */
struct shared {
    size_t next;
    struct tally tally;
};

/* The number that is being tried, for whoever looks for the reason of a failure. */
static volatile size_t tried;

static void tell_number(int signal_number)
{
    char text[64];

    snprintf(text, sizeof text, "signal %d while trying number %zu\n", signal_number, tried);
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void work(const struct spread *spread, size_t count, struct shared *shared)
{
    void *own = spread->begin(spread->context);
    struct tally tally = {.numbers = {0}};
    const struct sigaction tell = {.sa_handler = tell_number, .sa_flags = (int)SA_RESETHAND};
    size_t number;

    sigaction(SIGABRT, &tell, NULL);
    sigaction(SIGSEGV, &tell, NULL);
    sigaction(SIGBUS, &tell, NULL);
    while ((number = __atomic_fetch_add(&shared->next, SPREAD_STRIDE, __ATOMIC_RELAXED)) < count) {
        tried = number;
        spread->attempt(own, number, &tally);
    }
    spread->end(own);
    for (size_t i = 0; i < TALLY_NUMBERS; i++)
        __atomic_add_fetch(&shared->tally.numbers[i], tally.numbers[i], __ATOMIC_RELAXED);
}

bool spread_over(const struct spread *spread, size_t count, struct tally *ret_tally)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int children = processors < 1               ? 1
                   : processors > CHILDREN_MOST ? CHILDREN_MOST
                                                : (int)processors;
    bool good = true;

    must(shared != MAP_FAILED);
    for (int i = 0; i < children; i++) {
        pid_t child = fork();

        must(child >= 0);
        if (child == 0) {
            work(spread, count, shared);
            _exit(0);
        }
    }
    for (int i = 0; i < children; i++) {
        int status;

        must(wait(&status) > 0);
        if (status == 0)
            continue;
        good = false;
        fprintf(stderr, "a child ended with status %x\n", (unsigned)status);
    }
    *ret_tally = shared->tally;
    munmap(shared, sizeof *shared);
    return good;
}
