"""Memory of a process that runs for weeks."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def settle() -> None:
    """After loading: what is loaded stays out of every later collection, and what loading needed goes back to the system."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)
