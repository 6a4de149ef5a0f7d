"""Where the genes of a bundle are, by name or identifier."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from app.engine.bundles.mapped import Mapped
from app.engine.bundles.texts import Texts

NEAR = 5
"""Names that are offered for one that nothing has."""


@dataclass(frozen=True, slots=True)
class Gene:
    """1-based, both ends included. `contig` is empty where genes on several contigs share the name."""

    name: str
    identifier: str
    contig: str
    start: int
    end: int
    strand: int
    biotype: str


class Genes:
    """Genes as rows, and by name or identifier in small letters or large. Nothing of them is kept in memory."""

    def __init__(self, mapped: Mapped, texts: Texts) -> None:
        self._text = texts
        self._contigs: list[str] = [name for name, *_ in mapped.facts["contigs"]]
        self.contigs, self.starts, self.ends = (mapped.array(f"gene_{name}") for name in ("contigs", "starts", "ends"))
        self.strands, self.biotypes = mapped.array("gene_strands"), mapped.array("gene_biotypes")
        self.names, self.identifiers = mapped.array("gene_names"), mapped.array("gene_identifiers")
        self._by_name = _Sorted(self.names, mapped.array("gene_names_sorted"), texts)
        self._by_identifier = _Sorted(self.identifiers, mapped.array("gene_identifiers_sorted"), texts)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> Gene:
        """The gene of a row; its identifier stands in for a name that it lacks."""
        text, identifier = self._text, self._text[self.identifiers[row].item()]
        return Gene(
            name=text[self.names[row].item()] or identifier,
            identifier=identifier,
            contig=self._contigs[self.contigs[row]],
            start=self.starts[row].item(),
            end=self.ends[row].item(),
            strand=self.strands[row].item(),
            biotype=text[self.biotypes[row].item()],
        )

    def find(self, name: str) -> Gene | None:
        """The gene of this name or identifier, or all of one name from the first to the last; None if there is none."""
        wanted = name.upper().encode()
        rows = wanted and (self._by_name.rows(wanted) or self._by_identifier.rows(wanted))
        if not rows:
            return None
        genes = [self[row] for row in rows]
        contigs = {gene.contig for gene in genes}
        return Gene(
            name=genes[0].name,
            identifier=genes[0].identifier,
            contig=genes[0].contig if len(contigs) == 1 else "",
            start=min(gene.start for gene in genes),
            end=max(gene.end for gene in genes),
            strand=genes[0].strand,
            biotype=genes[0].biotype,
        )

    def near(self, name: str) -> list[str]:
        """Names that this one is a part of, the shortest first. Looks at every name."""
        wanted = name.upper().encode()
        found = {text for index in set(self.names.tolist()) if wanted in (text := self._text.encoded(index)).upper()}
        return [text.decode() for text in sorted(found, key=lambda text: (len(text), text))[:NEAR] if text]

    def table(self, hgncs: Mapping[int, str] = MappingProxyType({})) -> Iterator[bytes]:
        """A line a gene, columns separated by tabs: name, contig, first and last position, identifier, and behind these its
        number at HGNC (as `HGNC:5`), where `hgncs` has it by the gene's row."""
        for row in range(len(self)):
            gene, hgnc = self[row], hgncs.get(row)
            numbered = f"\t{hgnc}" if hgnc else ""
            yield f"{gene.name}\t{gene.contig}\t{gene.start}\t{gene.end}\t{gene.identifier}{numbered}\n".encode()


class _Sorted(Sequence[bytes]):
    """Texts of rows in the order of their upper-case form, read only as far as a search goes."""

    def __init__(self, column: NDArray[Any], order: NDArray[Any], texts: Texts) -> None:
        self._column, self._order, self._text = column, order, texts

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: Any) -> Any:
        return self._text[self._column[self._order[place]].item()].upper().encode()

    def rows(self, wanted: bytes) -> list[int]:
        """Rows that have this text, ascending."""
        first = bisect_left(self, wanted)
        places = takewhile(lambda place: self[place] == wanted, range(first, len(self)))
        return sorted(self._order[place].item() for place in places)
