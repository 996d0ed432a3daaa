# SPDX-License-Identifier: MIT
"""The keys of stores are made cheap as in tests/store."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "store"))
