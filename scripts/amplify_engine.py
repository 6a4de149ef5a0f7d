"""One token a million times in every place of a VCF, compressed: how much memory engine and portal take, `amplify_engine.py`.

Each file is given to the engine as the daemon does, as a child; it has to end with a result or a sentence, within the memory that
is named. What has a result is then looked through in a portal, page by page. Nothing of it is larger than a few MB on disk, which
is what makes it dangerous.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.amplify_portal import portal  # noqa: E402
from tests.support.amplifiers import PLACES  # noqa: E402

LIMIT_BYTES = 4 << 30
"""Address space of the child: what asks for more fails here, and not the machine."""

LIMIT_SECONDS = 900
"""Of a core, after which the child counts as hanging."""


def squeezed(place: str, count: int, path: Path) -> int:
    """Writes the file of a place, compressed; returns how many bytes it has inside."""
    deflate, size = zlib.compressobj(6, zlib.DEFLATED, 31), 0
    with path.open("wb") as file:
        for piece in PLACES[place](count):
            size += len(piece)
            file.write(deflate.compress(piece.encode()))
        file.write(deflate.flush())
    return size


def measured(path: Path, out: Path) -> tuple[str, int, float]:
    """How the child ends, the most memory that it had (bytes), and how many seconds of a core it took."""
    command = [sys.executable, "-m", "app.engine", str(path), str(out), "--name=x", "--jobs=1"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=_limited, cwd=ROOT)
    assert child.stdout
    said = child.stdout.read().splitlines()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    end = json.loads(said[-1]) if said else {}
    words = end.get("message", "")[:70] if end.get("event") != "done" else f"{end['records']:,} records"
    return f"{end.get('event', child.returncode)}: {words}", usage.ru_maxrss << 10, usage.ru_utime + usage.ru_stime


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS))


async def measure(options: argparse.Namespace) -> int:
    """Gives every place to the engine, and what it makes of it to a portal. Returns how many broke a limit or did not end."""
    worst, worst_portal, broken = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="amplify-") as folder:
        path, out = Path(folder) / "in.vcf.gz", Path(folder) / "out"
        async with portal() as looked:
            print("! compressed   inflated   engine     time  portal")
            for place in options.place or PLACES:
                size = squeezed(place, options.count, path)
                end, most, seconds = await asyncio.to_thread(measured, path, out)
                looked.most_bytes = 0
                complaint = await looked.look(out) if end.startswith("done") else ""
                wrong = most > options.most << 20 or looked.most_bytes > options.portal << 20 or bool(complaint)
                wrong |= not end.startswith(("done", "rejected"))
                broken += wrong
                worst, worst_portal = max(worst, most), max(worst_portal, looked.most_bytes)
                facts = f"{path.stat().st_size / 1e3:8.0f} kB {size / 1e6:7.1f} MB {most / 2**20:4.0f} MiB {seconds:6.1f} s "
                facts += f"{looked.most_bytes / 2**20:3.0f} MiB" if looked.most_bytes else "      -"
                print(f"{'!' if wrong else ' '} {facts}  {place}: {end} {complaint}".rstrip(), flush=True)
    print(f"at most {worst >> 20} MiB of {options.most} in the engine, {worst_portal >> 20} of {options.portal} in the portal")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="how often a token stands in each place")
    parser.add_argument("--most", type=int, default=512, help="MiB that the engine's child may take")
    parser.add_argument("--portal", type=int, default=300, help="MiB that the portal may take which shows the results")
    parser.add_argument("--place", action="append", choices=PLACES, help="only this place")
    began = time.monotonic()
    broken = asyncio.run(measure(parser.parse_args()))
    print(f"{broken} places beyond a limit or without an end, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
