/* SPDX-License-Identifier: MIT */
#include "tools/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* What may end the process while the terminal is silent; each is seen to after it speaks again. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

struct silence {
    int terminal;
    struct termios before;
    struct sigaction actions[COUNT_OF(ending)];
    sigset_t mask;
};

static int begin_silence(struct silence *silence)
{
    struct sigaction action = {.sa_handler = catch}; /* without SA_RESTART: reading is to end */
    struct termios quiet;
    sigset_t stop;

    if (tcgetattr(silence->terminal, &silence->before) != 0)
        return -errno;
    caught = 0;
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        sigaction(ending[i], &action, &silence->actions[i]);
    /* Nor is it to be left silent to the shell by Ctrl-Z. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &stop, &silence->mask);
    quiet = silence->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    return tcsetattr(silence->terminal, TCSAFLUSH, &quiet) == 0 ? 0 : -errno;
}

static void end_silence(const struct silence *silence)
{
    tcsetattr(silence->terminal, TCSAFLUSH, &silence->before);
    pthread_sigmask(SIG_SETMASK, &silence->mask, NULL);
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        sigaction(ending[i], &silence->actions[i], NULL);
    if (caught != 0)
        raise(caught);
}

static void say(int terminal, const char *text)
{
    (void)!write(terminal, text, strlen(text));
}

/* One line, without its end. What does not fit is read all the same, so that no other reads it. */
static int read_line(int terminal, char *secret, size_t size, size_t *ret_size)
{
    size_t used = 0;
    bool long_line = false;

    for (;;) {
        char byte;
        ssize_t got = read(terminal, &byte, 1);

        if (got < 0 && errno == EINTR && caught == 0)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0 && used == 0)
            return -ECANCELED;
        if (got == 0 || byte == '\n')
            break;
        if (used < size)
            secret[used++] = byte;
        else
            long_line = true;
    }
    *ret_size = used;
    return long_line ? -EFBIG : 0;
}

int terminal_ask(const char *prompt, char *secret, size_t size, size_t *ret_size,
                 struct failure *failure)
{
    cleanup_fd int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct silence silence = {.terminal = terminal};

    if (terminal < 0)
        return failure_set(failure, ENXIO, "there is no terminal to ask on");

    int error = begin_silence(&silence);

    if (error == 0) {
        say(terminal, prompt);
        error = read_line(terminal, secret, size, ret_size);
        say(terminal, "\n");
        end_silence(&silence);
    }
    if (error == -EFBIG)
        return failure_set(failure, EFBIG, "what was typed is too long: %zu bytes are the most",
                           size);
    if (error == -ECANCELED)
        return failure_set(failure, ECANCELED, "nothing was typed");
    return error == 0 ? 0
                      : failure_set(failure, -error, "cannot read from the terminal: %s",
                                    strerror(-error));
}
