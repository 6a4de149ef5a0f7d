"""Memory that is freed and taken again."""

import subprocess
import sys
from pathlib import Path

import pytest

READ = """
import resource, sys
from pathlib import Path
from app.engine.bundles.freed_memory import keep_freed_memory
from app.engine.bundles.sources import text_blocks
if sys.argv[2] == "kept":
    keep_freed_memory()
size = sum(map(len, text_blocks(Path(sys.argv[1]))))
print(size, resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
SIZE = 64 << 20


def pages_taken(source: Path, way: str) -> int:
    """How many pages the kernel gave to a process that read the file by the block."""
    said = subprocess.run([sys.executable, "-c", READ, source, way], check=True, capture_output=True, text=True).stdout.split()
    assert int(said[0]) == SIZE
    return int(said[1])


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_blocks_of_text_come_from_memory_that_was_freed(tmp_path: Path) -> None:
    source = tmp_path / "long.vcf"
    source.write_bytes((b"x" * 99 + b"\n") * (SIZE // 100) + b"x" * (SIZE % 100 - 1) + b"\n")
    released, kept = (pages_taken(source, way) for way in ("released", "kept"))
    assert released - kept > SIZE // 4096 / 2  # at least every second page of the text was taken anew without it
