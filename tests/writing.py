# SPDX-License-Identifier: MIT
"""What tests do to a mount that can be written to: put a text into a file, and be refused."""
import pytest


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def refused(code, action, *words):
    """The action fails with the errno; None: with any."""
    with pytest.raises(OSError) as refusal:
        action(*words)
    assert code in (None, refusal.value.errno), refusal.value
