"""What the kernel holds a process to that reads an input: private memory, time of a core, the size of a file that it writes.

Mapped references don't count as private memory, so that an honest file of any size stays far below; time and size grow with the
input. Who reaches one of them gets InputError where Python can raise it, and it is the input that is at fault.
"""

import errno
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.engine.errors import InputError
from app.engine.limits import Limits

GRACE_SECONDS = 60
"""Of a core, in which a process that was told to end has to do so."""


class OutOfTime(Exception):
    """The time of a core is used up."""


def cpu_seconds(limits: Limits, size: int) -> int:
    """Returns the seconds of a core that a process may take for an input of `size` bytes; 0: any."""
    return limits.cpu_seconds and limits.cpu_seconds + limits.cpu_rate * size // 1_000_000


def apply(limits: Limits, size: int) -> None:
    """Holds this process, and all that it starts, to the limits for an input of `size` bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory_bytes:
        _lower(resource.RLIMIT_DATA, limits.memory_bytes)
    if limits.output_ratio:
        _lower(resource.RLIMIT_FSIZE, limits.free_bytes + limits.output_ratio * size)
    if seconds := cpu_seconds(limits, size):
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, seconds + int(used.ru_utime + used.ru_stime), GRACE_SECONDS)
    watch()


def watch() -> None:
    """Makes this process raise OutOfTime where the kernel says that its time is used up; one that it starts has to ask again."""
    signal.signal(signal.SIGXCPU, _out_of_time)


@contextmanager
def said(limits: Limits) -> Iterator[None]:
    """Turns what a limit of the kernel raises within the block into InputError, with the sentence of that limit."""
    try:
        yield
    except MemoryError:
        refusal = limits.said("memory_bytes")
    except OutOfTime:
        refusal = limits.said("cpu_seconds")
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        refusal = limits.said("output_ratio")
    else:
        return
    raise InputError(refusal)  # outside: what filled the memory is gone with the frames of the traceback


def _lower(which: int, most: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(which)
    ceiling = most + grace if hard == resource.RLIM_INFINITY else min(hard, most + grace)
    resource.setrlimit(which, (min(most, ceiling), ceiling))


def _out_of_time(_: int, __: FrameType | None) -> None:
    raise OutOfTime
