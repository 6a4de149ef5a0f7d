"""Memory of a process that runs for weeks."""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_MMAP_THRESHOLD = -3  # of mallopt(3)


def freeze_gc() -> None:
    """After loading: what is loaded stays out of every later collection, and what loading needed goes back to the system.

    From then on large blocks, such as parts of a result, go back as soon as they are free; else each thread keeps one.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
