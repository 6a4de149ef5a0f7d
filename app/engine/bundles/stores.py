"""Reference bundles in an object store: pushed whole, pulled only if every checksum agrees.

A version is its manifest, `id/version/manifest.toml`. Files lie under `id/files/` by their checksums, so that what an earlier
version has is not stored again, and no push ever changes a file that a manifest names: two may run at once, or be killed
anywhere. `id/latest` names the version that was pushed last.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.engine.bundles import manifest
from app.engine.bundles.manifest import MANIFEST, Bundle, BundleFile
from app.engine.errors import EngineError

Step = Callable[[str, int], None]
FILES, LATEST = "files", "latest"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Store(Protocol):
    """What a bundle needs of an object store; both calls move whole files and raise on failure."""

    def put(self, source: Path, key: str) -> None:
        """Stores a file under a key."""

    def get(self, key: str, target: Path) -> None:
        """Writes what is stored under a key into a file."""

    def size(self, key: str) -> int | None:
        """Bytes that are stored under a key; None if nothing is."""


class FolderStore:
    """A store in a folder: a mounted disk, or a trial."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, key: str) -> None:
        """Copies a file into the folder."""
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, part)
        os.replace(part, target)

    def get(self, key: str, target: Path) -> None:
        """Copies a file out of the folder."""
        shutil.copyfile(self._root / key, target)

    def size(self, key: str) -> int | None:
        """Bytes of a file of the folder; None if there is none."""
        path = self._root / key
        return path.stat().st_size if path.is_file() else None


class WebStore:
    """A published folder of bundles on the web, to pull from; what was cut off is continued."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def put(self, source: Path, key: str) -> None:
        """Raises EngineError: nothing is pushed over the web."""
        raise EngineError(f"{self._address} is only read; push to a folder or to s3:// and publish that.")

    def get(self, key: str, target: Path) -> None:
        """Fetches a file. Raises EngineError if it cannot be had."""
        from app.engine.bundles.download import fetch  # what speaks HTTP is a third of what the command line imports

        os.replace(fetch({"url": f"{self._address}/{key}"}, target.parent, lambda *_: None), target)

    def size(self, key: str) -> int | None:
        """Nothing is known before it is asked for."""
        return None


def _nothing(name: str, size: int) -> None:
    """Progress that is not reported."""


def stored_key(bundle_id: str, file: BundleFile) -> str:
    """Where a file of a bundle is stored, whichever of its versions has it."""
    return f"{bundle_id}/{FILES}/{file.sha256}/{file.path}"


def push(bundle: Bundle, store: Store, step: Step = _nothing) -> None:
    """Upload a verified bundle, the manifest last, so that a half-pushed bundle is none; of it, what no earlier version has."""
    if faults := manifest.verify(bundle):
        raise EngineError(f"The bundle {bundle.id} is damaged: {'; '.join(faults)}.")
    for file in bundle.files:
        if store.size(stored_key(bundle.id, file)) != file.bytes:
            store.put(bundle.path(file.path), stored_key(bundle.id, file))
            step(file.path, file.bytes)
    store.put(bundle.path(MANIFEST), f"{bundle.id}/{bundle.version}/{MANIFEST}")
    _put(store, f"{bundle.id}/{LATEST}", bundle.version)


def _put(store: Store, key: str, text: str) -> None:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        store.put(Path(file.name), key)


def _text(store: Store, key: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "text")
        store.get(key, target)
        return target.read_text()


def latest(bundle_id: str, store: Store) -> Bundle:
    """What the store says of the version that was pushed last. Raises EngineError, or an error of the store."""
    version = _latest(bundle_id, store)
    return manifest.described(_text(store, f"{bundle_id}/{version}/{MANIFEST}"), Path(bundle_id, version))


def _latest(bundle_id: str, store: Store) -> str:
    version = _text(store, f"{bundle_id}/{LATEST}").strip()
    if not _VERSION.fullmatch(version):
        raise EngineError(f"The latest version of {bundle_id} is called {version[:40]!r}, which is no name of one.")
    return version


def pull(bundle_id: str, version: str, folder: Path, store: Store, step: Step = _nothing) -> Bundle:
    """The bundle in `folder/id`, fetched if it is not there, resuming; it appears only if every checksum agrees.

    `version` may be `latest`: the one that was pushed last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if version == LATEST:
        version = _latest(bundle_id, store)
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
    here = _there(target)
    for file in bundle.files:
        path = partial / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and path.stat().st_size == file.bytes and manifest.sha256(path) == file.sha256):
            path.unlink(missing_ok=True)
            if (same := here.get(file.sha256)) and same.stat().st_size == file.bytes and manifest.sha256(same) == file.sha256:
                os.link(same, path)
            else:
                store.get(stored_key(bundle_id, file), path)
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


def _there(folder: Path) -> dict[str, Path]:
    """The files of another version of a bundle by their checksums."""
    try:
        bundle = manifest.load(folder)
    except EngineError:
        return {}
    return {file.sha256: bundle.path(file.path) for file in bundle.files if bundle.path(file.path).is_file()}
