"""Memory that a process frees and takes again, megabytes at a time, kept by it in between."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, <malloc.h>
_KEPT_BYTES = 1 << 28


def keep_freed_memory() -> None:
    """Has glibc keep freed memory for the next block of text, where the kernel would clear every page of it anew.

    Does nothing with another library of C, which has no mallopt.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
