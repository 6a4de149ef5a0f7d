"""The sequence of a bundle is that of its FASTA, by position and by column."""

import gzip
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.bundles import sequence
from app.engine.bundles.mapped import BundleError
from app.engine.bundles.sequence import Sequence

NAMES = string.ascii_letters + string.digits + "_."


def built(folder: Path, fasta: bytes) -> Sequence:
    (folder / "genome.fa").write_bytes(fasta)
    sequence.build(folder / "genome.fa", folder / "genome.seq")
    return Sequence.open(folder / "genome.seq")


def test_contigs_in_their_order_with_upper_case_letters(tmp_path: Path) -> None:
    found = built(tmp_path, b">chr2 second > of two\nacgT\nRnN\n>chr1\r\nAC\r\nGT\r\n>empty\n")
    assert dict(found.lengths) == {"chr2": 7, "chr1": 4, "empty": 0}
    assert list(found.lengths) == ["chr2", "chr1", "empty"]
    assert found.get("chr2", 1, 7) == b"ACGTRNN"
    assert found.get("chr1", 2, 3) == b"CG"
    found.verify()


def test_a_compressed_fasta_and_one_without_a_last_line_break(tmp_path: Path) -> None:
    assert built(tmp_path, gzip.compress(b">1\nAC\n") + gzip.compress(b"GT")).get("1", 1, 9) == b"ACGT"


def test_get_is_cut_at_the_ends_of_the_contig(tmp_path: Path) -> None:
    found = built(tmp_path, b">1\nACGT\n>2\nTTTT\n")
    assert found.get("1", -3, 2) == b"AC"
    assert found.get("1", 3, 100) == b"GT"
    assert found.get("1", 3, 2) == found.get("1", 5, 9) == found.get("1", -5, 0) == b""


def test_columns_of_reference_bases(tmp_path: Path) -> None:
    found = built(tmp_path, b">1\nACGTN\n>2\nTTTT\n")
    positions = np.array([0, 1, 2, 5, 6, 1 << 40])
    assert found.gather("1", positions).tobytes() == b"\0ACN\0\0"
    assert found.agrees("1", positions, np.frombuffer(b"AacNTA", np.uint8)).tolist() == [False, True, True, True, False, False]


def test_holds_is_whether_all_bases_are_there(tmp_path: Path) -> None:
    found = built(tmp_path, b">1\nACGT\n")
    assert found.holds("1", 2, b"CGT")
    assert not found.holds("1", 2, b"CGTA")
    assert not found.holds("1", 0, b"AC")
    assert not found.holds("1", 2, b"CA")


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(NAMES, min_size=1, max_size=9), st.text("ACGTacgtnN", max_size=60), min_size=1),
    st.data(),
)
def test_no_cut_of_the_file_into_pieces_matters(
    tmp_path_factory: pytest.TempPathFactory, contigs: dict[str, str], data: st.DataObject
) -> None:
    if not any(contigs.values()):
        return
    width, piece = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 50))
    text = ""
    for name, bases in contigs.items():
        text += f">{name} title\n" + "".join(bases[at : at + width] + "\n" for at in range(0, len(bases), width))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sequence, "_READ_AT_ONCE_BYTES", piece)
        found = built(tmp_path_factory.mktemp("fasta"), text.encode())
    assert {name: found.get(name, 1, 100).decode() for name in found.lengths} == {n: b.upper() for n, b in contigs.items()}


@pytest.mark.parametrize(
    ("fasta", "said"),
    [
        (b"ACGT\n", "is no FASTA: it does not begin with >"),
        (b"\x00\x01\x02", "is no FASTA"),
        (b"", "has no sequence"),
        (b">1\n>2\n", "has no sequence"),
        (b">1\nAC\n>1\nGT\n", "has the contig 1 twice"),
        (b"> \nAC\n", "has a contig without a name"),
        (b">\nAC\n", "has a contig without a name"),
        (b">1\nAC\nG-T\n", "has '-' at 1:4, which is no nucleotide"),
        (b">1\nAC GT\n", "has ' ' at 1:3"),
        (gzip.compress(b">1\n" + b"ACGT" * 1000, mtime=0)[:-20], "is cut off"),
        (b"\x1f\x8b" + b"\0" * 50, "is damaged"),
    ],
)
def test_what_is_no_fasta_is_refused_and_leaves_no_file(tmp_path: Path, fasta: bytes, said: str) -> None:
    with pytest.raises(BundleError, match=r"^genome\.fa " + said):
        built(tmp_path, fasta)
    assert [path.name for path in tmp_path.iterdir()] == ["genome.fa"]


def test_a_cut_sequence_is_refused(tmp_path: Path) -> None:
    built(tmp_path, b">1\n" + b"ACGT" * 100)
    path = tmp_path / "genome.seq"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BundleError, match="cut off or damaged"):
        Sequence.open(path)
