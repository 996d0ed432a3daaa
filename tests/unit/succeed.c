/* SPDX-License-Identifier: MIT */
#include "tests/unit/succeed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct failure failure;

void succeed_with(int error, const struct failure *why)
{
    if (error != 0)
        fail_msg("%s: %s", strerror(-error), why->text);
}

void succeed(int error)
{
    succeed_with(error, &failure);
}
