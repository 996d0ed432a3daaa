#!/bin/sh
# SPDX-License-Identifier: MIT
# Reports every #include "…" that is not named from the root of the project, or
# that reaches a layer at the including file's own height or above it (its own
# folder excepted). The order is that of fs/README.md, from the bottom up.
set -eu
cd "$(dirname "$0")/../.."

# shellcheck disable=SC2016 # the program is for awk
find fs backends tools tests -name '*.[ch]' | LC_ALL=C sort | xargs -r awk '
    BEGIN {
        split("fs/base backends/source,backends/storage backends/target fs/store fs/table,fs/files fs/restore fs/tree fs/mount tools tests",
              layers, " ")
        for (rank = 1; rank in layers; rank++) {
            count = split(layers[rank], folders, ",")
            for (i = 1; i <= count; i++)
                height[folders[i]] = rank
        }
    }
    function folder_of(path, parts) {
        split(path, parts, "/")
        return parts[1] in height ? parts[1] : parts[1] "/" parts[2]
    }
    function report(words) {
        printf "%s:%d: %s\n", FILENAME, FNR, words
        wrong = 1
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        from = folder_of(FILENAME)
        to = folder_of(quoted[2])
        if (!(from in height))
            report(from " is no layer; layers stand in tests/lint/layers.sh")
        else if (!(to in height))
            report("\"" quoted[2] "\" is not named from the root of the project")
        else if (from != to && height[to] >= height[from])
            report(from " must not use " to)
    }
    END { exit wrong }
'
