"""Small genomes and gene models, compiled."""

import random
from dataclasses import dataclass
from pathlib import Path

from app.engine.bundles import sequence
from app.engine.bundles.compiling import Compiled, compile_models
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.transcript import Transcript


def gff3(*lines: str) -> str:
    """A GFF3 of lines written with blanks between the columns; attributes may have blanks of their own."""
    return "##gff-version 3\n" + "".join("\t".join(line.split(None, 8)) + "\n" for line in lines)


def bases(length: int, seed: int = 1) -> str:
    """A made-up sequence."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


@dataclass
class Made:
    """What was compiled, and how that went."""

    compiled: Compiled
    transcripts: Transcripts
    sequence: Sequence

    def __getitem__(self, identifier: str) -> Transcript:
        return next(
            one for one in map(self.transcripts.__getitem__, range(len(self.transcripts))) if one.identifier == identifier
        )

    @property
    def identifiers(self) -> list[str]:
        return [self.transcripts[row].identifier for row in range(len(self.transcripts))]

    @property
    def reasons(self) -> dict[str, str]:
        return {one.transcript: one.reason for one in self.compiled.left_out}


def made(folder: Path, models: str, genome: dict[str, str], **options: dict[str, int] | dict[str, str]) -> Made:
    """Compile gene models on a genome given as bases by contig."""
    (folder / "genome.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in genome.items()))
    (folder / "genes.gff3").write_text(models)
    sequence.build(folder / "genome.fa", folder / sequence.FILE)
    mapped = Sequence.open(folder / sequence.FILE)
    compiled = compile_models(folder / "genes.gff3", mapped, folder / "transcripts.bin", **options)  # type: ignore[arg-type]
    return Made(compiled, Transcripts.open(folder / "transcripts.bin"), mapped)
