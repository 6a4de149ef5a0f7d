"""What `gas remote` remembers between commands, in one file that many of them may change at once."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer
from pydantic import BaseModel, Field, ValidationError


class Stop(Exception):
    """Ends the command with these words."""


class Known(BaseModel):
    """Where we are signed in, and which job each file became, by its SHA-256 and assembly. Kept where only its owner reads it."""

    url: str = ""
    token: str = Field("", repr=False)
    jobs: dict[str, str] = Field(default_factory=dict)

    @staticmethod
    def path() -> Path:
        """The file where it is kept."""
        return Path(typer.get_app_dir("gas")) / "remote.json"

    @classmethod
    def read(cls) -> Known:
        """Returns what is kept; nothing if there is no file yet. Raises Stop if the file is not as it was written."""
        try:
            return cls.model_validate_json(cls.path().read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            raise Stop(f"{cls.path()} was damaged: move it away, and sign in again with gas remote login.") from error

    def sign_in(self) -> None:
        """Keeps the address and the token; the jobs stay."""
        with self._changing() as kept:
            kept.url, kept.token = self.url, self.token

    def remember(self, name: str, job_id: str) -> None:
        """Keeps which job a file became: here, and in the file beside what other commands have kept since. The newest is last."""
        with self._changing() as kept:
            for known in (kept, self):
                known.jobs.pop(name, None)
                known.jobs[name] = job_id

    @classmethod
    @contextmanager
    def _changing(cls) -> Iterator[Known]:
        """What is kept now, to be changed while no other command changes it; appears in the file whole or not at all."""
        path = cls.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        # a file of its own, for the other is replaced; the lock ends with the process, however it ends
        with os.fdopen(os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = cls.read()
            yield kept
            number, fresh = tempfile.mkstemp(prefix="remote.", suffix=".new", dir=path.parent)
            try:
                with os.fdopen(number, "w") as file:
                    file.write(kept.model_dump_json())
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, path)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(fresh)
                raise
