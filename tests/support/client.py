"""`gas remote` as tests call it."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner, Result

from app.cli import remote

VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nMT\t3243\t.\tA\tG\t.\t.\t.\n"


async def gas(*arguments: str | Path) -> Result:
    """Runs a command in a thread, for it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, remote.remote, [str(one) for one in arguments])
