"""Renews ClinVar in the references that are offered in their latest version: what gas-renew does each day on the utility tier.

A run may be killed anywhere and given again: the next one goes on with what is downloaded and converted, and a version is in
the store once its manifest is. Runs on one host wait for each other; those of several hosts push the same thing twice at worst.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from app.engine.bundles import build, recipes, stores
from app.engine.bundles.manifest import Bundle, Part
from app.engine.bundles.stores import LATEST, Store
from app.engine.errors import EngineError
from app.process.metrics import Metric, Metrics
from app.services import references
from app.settings import Settings

log = structlog.get_logger()
PART = "clinvar"
VERB = "renew"
DAY_SECONDS = 86_400

SPARE_BYTES = 2_000_000_000
"""What a renewal needs on the disk beside the bundle: ClinVar's download, its pieces, its track."""

LEAST_ROWS = 0.9
"""Part of the rows before that a newer ClinVar has to have: it grows from week to week, so that less is a file to look at."""


def renewable(settings: Settings) -> list[str]:
    """Ids of the bundles whose ClinVar is renewed: offered as `id/latest`, and the release has a recipe for them."""
    if not settings.renewal_days:
        return []
    offered = dict.fromkeys(place.partition("/")[0] for place in settings.references.values() if place.endswith(f"/{LATEST}"))
    return [name for name in offered if _has_clinvar(name)]


def _has_clinvar(name: str) -> bool:
    try:
        return PART in recipes.parts(recipes.named(name))
    except ValueError:
        return False


def renew(settings: Settings, store: Store, folder: Path) -> int:
    """Brings the ClinVar of every reference that wants it up to date, one after the other, in `folder`, which it keeps.

    A reference that fails keeps no other one back. Returns how many failed; why is in the log.
    """
    failed = 0
    metrics = Metrics(VERB, settings.environment)
    folder.mkdir(parents=True, exist_ok=True)
    for bundle_id in renewable(settings):
        try:
            with (folder / f".{bundle_id}.renewal.lock").open("w") as lock:
                newest = _Renewal(settings, store, folder, bundle_id, lock).run()
            metrics.add(Metric.CLINVAR_AGE, references.clinvar_days(newest) * DAY_SECONDS)
        except Exception as fault:  # whatever a source, a disk or a store has to say
            failed += 1
            log.exception("not renewed", bundle=bundle_id, part=PART, why=str(fault) or repr(fault))
    metrics.flush()
    return failed


def ended(settings: Settings, result: str) -> None:
    """Reports how a run ended: systemd says so behind every one, also behind one that was killed (`SERVICE_RESULT`)."""
    metrics = Metrics(VERB, settings.environment)
    metrics.add(Metric.RENEWAL_FAILURES, result != "success")
    metrics.flush()


@dataclass(frozen=True)
class _Renewal:
    """One reference's."""

    settings: Settings
    store: Store
    folder: Path
    bundle_id: str
    lock: IO[str]

    def run(self) -> Bundle:
        """Returns the newest version that is in the store afterwards. Raises EngineError, or what a store or a disk says."""
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # one that an operator started works in the same folder
        newest = stores.latest(self.bundle_id, self.store)
        days = references.clinvar_days(newest)
        self._say("looked", version=newest.version, days=days)
        if days < self.settings.renewal_days and _clinvar(newest):
            return newest
        self._room(newest)
        before = stores.pull(self.bundle_id, LATEST, self.folder, self.store, self._step("pulled"))
        recipe = recipes.named(self.bundle_id)
        made = build.build(recipe, self.folder / self.bundle_id, self.folder / "downloads", renewed=[PART], alone=True)
        self._say("built", version=made.version, rows=_clinvar(made).rows)
        _judge(_clinvar(before), _clinvar(made))
        newest = stores.latest(self.bundle_id, self.store)
        if _clinvar(made).date <= _clinvar(newest).date:  # its server has no newer one, or another host was quicker
            self._say("nothing newer", version=newest.version)
            return newest
        stores.push(made, self.store, self._step("pushed"))
        self._say("renewed", version=made.version, before=newest.version)
        return made

    def _room(self, newest: Bundle) -> None:
        """Raises EngineError where the disk cannot take the bundle."""
        there = self.folder / self.bundle_id
        here = sum(path.stat().st_size for path in there.rglob("*") if path.is_file()) if there.is_dir() else 0
        needed = sum(file.bytes for file in newest.files) - here + SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise EngineError(f"{self.folder} has {free:,} bytes left, and {self.bundle_id} needs {needed:,}: a larger volume_gb")

    def _step(self, did: str) -> Callable[[str, int], None]:
        return lambda name, size: self._say(did, file=name, bytes=size)

    def _say(self, event: str, **facts: object) -> None:
        log.info(event, bundle=self.bundle_id, part=PART, **facts)


def _clinvar(bundle: Bundle) -> Part:
    for part in bundle.parts:
        if part.id == PART:
            return part
    raise EngineError(f"{bundle.id} {bundle.version} has no ClinVar")


def _judge(before: Part, made: Part) -> None:
    """Raises EngineError where a newer ClinVar has lost much of what the one before it has."""
    if made.rows < LEAST_ROWS * before.rows:
        raise EngineError(
            f"ClinVar {made.version} has {made.rows:,} rows that can be used, and {before.version} has {before.rows:,}: "
            "look at it, and push it by hand if it is right"
        )
