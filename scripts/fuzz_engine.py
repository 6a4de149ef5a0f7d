"""Damage VCFs in a hundred thousand ways, and see the engine keep its promises: `fuzz_engine.py --cases 100000`.

Every case is a result in which nothing is lost and which the strictest reader accepts, or a sentence for the file's owner. A case
is its number: `--first N --cases 1 --keep FOLDER` makes one again. Workers stay warm and fork bcftools instead of starting it.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from multiprocessing import Pool
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.promises import Fuzzer, short  # noqa: E402

fuzzer: Fuzzer


def _start(folder: str, seeds: list[bytes]) -> None:
    global fuzzer
    fuzzer = Fuzzer(Path(tempfile.mkdtemp(dir=folder)), seeds)


def _case(number: int) -> tuple[int, str, str, bytes]:
    return fuzzer.case(number)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seeds", type=Path, action="append", default=[], help="a folder of further files to damage")
    parser.add_argument("--folder", type=Path, help="where work is done: fastest in memory, as in /dev/shm")
    parser.add_argument("--keep", type=Path, help="where files are kept on which a promise was broken")
    options = parser.parse_args()
    files = [path for folder in options.seeds for path in sorted(folder.rglob("*.vcf*")) if path.is_file()]
    seeds = [made for path in files if (made := short(path.read_bytes()))]
    ends: Counter[str] = Counter()
    broken = 0
    began = said = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=options.folder) as folder:
        pool = Pool(options.processes, partial(_start, folder, seeds))
        numbers = range(options.first, options.first + options.cases)
        for number, end, wrong, data in pool.imap_unordered(_case, numbers, chunksize=20):
            ends[end] += 1
            if wrong:
                broken += 1
                print(f"\ncase {number}, {end}: {wrong}", flush=True)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / str(number)).write_bytes(data)
            if time.monotonic() > said + 10:
                said = time.monotonic()
                print(f"{ends.total():,} cases, {dict(ends)}, {broken} broken, {ends.total() / (said - began):.0f}/s", flush=True)
        pool.close()
        pool.join()
    print(f"{ends.total():,} cases, {dict(ends)}, {broken} broken promises, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
