"""Large files from the web: continued where they stopped, checked against their published sums, fetched once."""

import email.utils
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.engine.errors import EngineError

Progress = Callable[[str, int, int | None], None]  # what, how much so far, how much in all if known
CHUNK_BYTES = 1 << 20
TIMEOUT = 60
PAUSES = (1, 5, 30)
"""Seconds before each further try of a download that makes no progress."""

PASSING = {408, 425, 429, 500, 502, 503, 504}


def fetch(source: Mapping[str, Any], cache: Path, progress: Progress, pauses: tuple[float, ...] = PAUSES) -> Path:
    """The file at the source's `url`, once complete in the cache never fetched again.

    It has to match the source's `sha256`, or the sum in the file that its `md5` names, if it gives one. EngineError otherwise.
    """
    url = source["url"]
    done = place(url, cache)
    partial = done.with_name(f"{done.name}.part")
    if not done.exists():
        tries = iter(pauses)
        while problem := _continue(url, partial, progress):
            if (pause := next(tries, None)) is None:
                raise EngineError(f"{url} cannot be fetched: {problem}. Run the command again to continue.")
            time.sleep(pause)
        _check(source, partial)
        os.replace(partial, done)
        _beside(partial, "etag").unlink(missing_ok=True)
    return done


def published_on(path: Path) -> str:
    """The day (YYYY-MM-DD) on which the server says that a fetched file was changed last; nothing if it does not say."""
    day = _beside(path.with_name(f"{path.name}.part"), "date")
    return day.read_text() if day.exists() else ""


def forget(path: Path) -> None:
    """Delete a fetched file that is needed no more."""
    path.unlink(missing_ok=True)
    _beside(path.with_name(f"{path.name}.part"), "date").unlink(missing_ok=True)


def place(url: str, cache: Path) -> Path:
    """Where the file of an address is once it is fetched."""
    # two assemblies have tables of the same name
    return cache / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{url.rsplit('/', 1)[-1]}"


def _beside(partial: Path, kind: str) -> Path:
    return partial.with_name(f"{partial.name}.{kind}")


def _continue(url: str, partial: Path, progress: Progress) -> str:
    """Adds to the partial file what is missing. Returns what stopped that; nothing if it is complete now."""
    stamp = _beside(partial, "etag")
    while True:
        have = partial.stat().st_size if partial.exists() else 0
        try:
            with urllib.request.urlopen(_rest_of(url, have, stamp), timeout=TIMEOUT) as answer:  # noqa: S310
                problem = _append(answer, url, partial, stamp, have, progress)
        except urllib.error.HTTPError as error:
            if error.code == 416 and have:  # nothing is missing, or the file became shorter
                if error.headers.get("Content-Range", "").endswith(f"/{have}"):
                    return ""
                partial.unlink()
                continue
            if error.code not in PASSING:
                raise EngineError(f"{url} cannot be fetched: {error}.") from error
            return str(error)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or repr(error)
        if problem is not None:
            return problem


def _rest_of(url: str, have: int, stamp: Path) -> urllib.request.Request:
    """A request for all behind the first `have` bytes; a file that changed meanwhile is sent from its beginning."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and stamp.exists():
        headers["If-Range"] = stamp.read_text()
    return urllib.request.Request(url, headers=headers)  # noqa: S310


def _append(answer: Any, url: str, partial: Path, stamp: Path, have: int, progress: Progress) -> str | None:
    """Adds an answer to the partial file. Returns nothing if that is complete, a problem if the answer was empty, and None if
    some came, and some is missing still."""
    if answer.status != 206:
        have = 0
        stamp.unlink(missing_ok=True)
        if etag := answer.headers.get("ETag") or answer.headers.get("Last-Modified"):
            stamp.write_text(etag)
        changed = email.utils.parsedate_tz(answer.headers.get("Last-Modified", ""))
        _beside(partial, "date").write_text("{:04}-{:02}-{:02}".format(*changed[:3]) if changed else "")
    length = answer.headers.get("Content-Length")
    total, start = have + int(length) if length else None, have
    with partial.open("ab" if have else "wb") as file:
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            have += len(chunk)
            progress(url.rsplit("/", 1)[-1], have, total)
    if total is None or have == total:
        stamp.unlink(missing_ok=True)
        return ""
    return f"it ended after {have:,} of {total:,} bytes" if have == start else None


def _check(source: Mapping[str, Any], path: Path) -> None:
    for kind, wanted in (("sha256", source.get("sha256")), ("md5", _published(source.get("md5", "")))):
        if wanted and (found := digest(path, kind)) != wanted:
            path.unlink()
            _beside(path, "date").unlink(missing_ok=True)
            raise EngineError(f"{source['url']} has the {kind} {found} instead of {wanted}. It was thrown away.")


def _published(address: str) -> str:
    """The sum in a small file beside the large one, as md5sum writes it."""
    if not address:
        return ""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310
            return answer.read(4096).decode().split()[0].lower()
    except (OSError, http.client.HTTPException, IndexError) as error:
        raise EngineError(f"{address} cannot be fetched: {error!r}. Run the command again to continue.") from error


def digest(path: Path, kind: str) -> str:
    """Returns the checksum of a file, in hexadecimal; `kind` is a name of hashlib."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
