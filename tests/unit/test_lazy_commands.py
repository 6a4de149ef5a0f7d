"""The command line imports what a command needs when it is called, and its list says what the commands themselves say."""

import subprocess
import sys

import pytest

from app.cli.lazy import ELSEWHERE, loaded

HEAVY = ("aiohttp", "asyncio", "boto3", "hashlib", "http.client", "numpy", "pydantic", "rich", "ssl", "structlog", "tomllib")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from app.cli.main import app\n"
        "try: app(['--help'], standalone_mode=False)\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in ELSEWHERE)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_list_says_what_the_command_says(name: str) -> None:
    said = " ".join((loaded(name).help or "").partition("\n\n")[0].split())
    assert said == ELSEWHERE[name][1]
