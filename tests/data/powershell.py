# SPDX-License-Identifier: MIT
"""A dump as "dump program > file" makes it in Windows PowerShell: UTF-16 with a mark, a CR LF behind every line."""


def written(dump, encoding="utf-16-le"):
    return ("\ufeff" + dump.decode().replace("\n", "\r\n")).encode(encoding)
