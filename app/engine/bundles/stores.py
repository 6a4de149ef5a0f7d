"""Reference bundles in an object store: pushed whole, pulled only if every checksum agrees."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.engine.bundles import manifest
from app.engine.bundles.manifest import MANIFEST, Bundle
from app.engine.errors import EngineError

Step = Callable[[str, int], None]


class Store(Protocol):
    """What a bundle needs of an object store; both calls move whole files and raise on failure."""

    def put(self, source: Path, key: str) -> None:
        """Stores a file under a key."""

    def get(self, key: str, target: Path) -> None:
        """Writes what is stored under a key into a file."""


class FolderStore:
    """A store in a folder: a mounted disk, or a trial."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, key: str) -> None:
        """Copies a file into the folder."""
        (self._root / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self._root / key)

    def get(self, key: str, target: Path) -> None:
        """Copies a file out of the folder."""
        shutil.copyfile(self._root / key, target)


def _nothing(name: str, size: int) -> None:
    """Progress that is not reported."""


def push(bundle: Bundle, store: Store, step: Step = _nothing) -> None:
    """Upload a verified bundle under `id/version/`, the manifest last, so that a half-pushed bundle is none."""
    if faults := manifest.verify(bundle):
        raise EngineError(f"The bundle {bundle.id} is damaged: {'; '.join(faults)}.")
    for file in bundle.files:
        store.put(bundle.path(file.path), f"{bundle.id}/{bundle.version}/{file.path}")
        step(file.path, file.bytes)
    store.put(bundle.path(MANIFEST), f"{bundle.id}/{bundle.version}/{MANIFEST}")


def pull(bundle_id: str, version: str, folder: Path, store: Store, step: Step = _nothing) -> Bundle:
    """The bundle in `folder/id`, fetched if it is not there, resuming; it appears only if every checksum agrees."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{bundle_id}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two annotators of one host start at the same time
        return _installed(bundle_id, version, folder) or _pull(bundle_id, version, folder, store, step)


def _installed(bundle_id: str, version: str, folder: Path) -> Bundle | None:
    """The bundle, if it is there in this version and whole; its files are not read again while they are unchanged."""
    target, stamp = folder / bundle_id, folder / f".{bundle_id}.verified"
    if not (target / MANIFEST).is_file() or (here := manifest.load(target)).version != version:
        return None
    if stamp.is_file() and stamp.read_text() == _stats(here):
        return here
    if manifest.verify(here):
        return None
    stamp.write_text(_stats(here))
    return here


def _stats(bundle: Bundle) -> str:
    """Size and time of every file that is there, the manifest first."""
    paths = [path for name in (MANIFEST, *(file.path for file in bundle.files)) if (path := bundle.path(name)).is_file()]
    return "".join(f"{path.name}\t{path.stat().st_size}\t{path.stat().st_mtime_ns}\n" for path in paths)


def _pull(bundle_id: str, version: str, folder: Path, store: Store, step: Step) -> Bundle:
    target = folder / bundle_id
    partial = folder / f".{bundle_id}-{version}"
    partial.mkdir(parents=True, exist_ok=True)
    store.get(f"{bundle_id}/{version}/{MANIFEST}", partial / MANIFEST)
    bundle = manifest.load(partial)
    for file in bundle.files:
        path = partial / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and path.stat().st_size == file.bytes and manifest.sha256(path) == file.sha256):
            store.get(f"{bundle_id}/{version}/{file.path}", path)
        step(file.path, file.bytes)
    if faults := manifest.verify(bundle):
        raise EngineError(f"The bundle {bundle_id} {version} does not match its manifest: {'; '.join(faults)}.")
    if target.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{bundle_id}-", dir=folder))
        os.replace(target, aside / "old")
        os.replace(partial, target)
        shutil.rmtree(aside)
    else:
        os.replace(partial, target)
    installed = _installed(bundle_id, version, folder)
    assert installed
    return installed
