"""What a run saw, a JSON object a line, written as it happens: whatever dies, the rest can clean up and report."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ledger:
    path: Path

    def write(self, kind: str, **values: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, "at": round(time.time(), 3), **values}) + "\n")

    def read(self, kind: str) -> Iterator[dict[str, Any]]:
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                if (entry := json.loads(line))["kind"] == kind:
                    yield entry

    def stages(self) -> dict[str, list[float]]:
        """Seconds by stage."""
        found: dict[str, list[float]] = defaultdict(list)
        for entry in self.read("stage"):
            found[entry["stage"]].append(entry["seconds"])
        return dict(found)

    def problems(self) -> list[str]:
        return [entry["text"] for entry in self.read("problem")]
