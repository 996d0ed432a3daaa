/* SPDX-License-Identifier: MIT */
#include "tools/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
    sigset_t mask;    /* before */
    sigset_t waiting; /* while it waits, and at no other time, it can be ended */
};

static int begin_silence(struct silence *silence)
{
    struct sigaction action = {.sa_handler = catch};
    struct termios quiet;
    sigset_t all;

    if (tcgetattr(silence->terminal, &silence->before) != 0)
        return -errno;
    caught = 0;
    sigemptyset(&all);
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        sigaddset(&all, ending[i]);
    /* Nor is it to be left silent to the shell by Ctrl-Z. */
    sigaddset(&all, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &all, &silence->mask);
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        sigaction(ending[i], &action, &silence->actions[i]);
    silence->waiting = silence->mask;
    sigaddset(&silence->waiting, SIGTSTP);
    quiet = silence->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    return tcsetattr(silence->terminal, TCSAFLUSH, &quiet) == 0 ? 0 : -errno;
}

static void end_silence(const struct silence *silence)
{
    tcsetattr(silence->terminal, TCSAFLUSH, &silence->before);
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        sigaction(ending[i], &silence->actions[i], NULL);
    if (caught != 0)
        raise(caught);
    pthread_sigmask(SIG_SETMASK, &silence->mask, NULL);
}

static void say(int terminal, const char *text)
{
    (void)!write(terminal, text, strlen(text));
}

/*
 * One byte; 0: the end. A signal that comes before the wait is seen at once, for until then it is
 * blocked: in read() alone it could be missed, and the process would wait on in silence.
 */
static ssize_t read_byte(const struct silence *silence, char *ret_byte)
{
    struct pollfd waiting = {.fd = silence->terminal, .events = POLLIN};

    while (ppoll(&waiting, 1, NULL, &silence->waiting) < 0) {
        if (errno != EINTR || caught != 0)
            return -errno;
    }

    ssize_t got = read(silence->terminal, ret_byte, 1);

    return got < 0 ? -errno : got;
}

/* One line, without its end. What does not fit is read all the same, so that no other reads it. */
static int read_line(const struct silence *silence, char *secret, size_t size, size_t *ret_size)
{
    size_t used = 0;
    bool long_line = false;

    for (;;) {
        char byte = 0;
        ssize_t got = read_byte(silence, &byte);

        if (got < 0)
            return (int)got;
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
        error = read_line(&silence, secret, size, ret_size);
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
