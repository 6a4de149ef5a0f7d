"""A `gas` command whose clock is wrong: `python -m tests.support.skewed SECONDS ARGUMENT…`.

What asks `time.time` or `time.time_ns` sees a time that is so many seconds ahead; intervals (`time.monotonic`) pass as ever.
"""

import sys
import time


def main() -> None:
    ahead = float(sys.argv.pop(1))
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + ahead
    time.time_ns = lambda: nanoseconds() + int(ahead * 1e9)
    from app.cli.main import main as gas

    gas()


if __name__ == "__main__":
    main()
