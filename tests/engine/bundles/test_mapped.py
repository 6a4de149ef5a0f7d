"""A file of arrays comes back as it was written, or is refused."""

from pathlib import Path

import numpy as np
import pytest

from app.engine.bundles.mapped import BundleError, Mapped, Writer


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "some.bin"
    with Writer(path, "numbers", 2) as out:
        out.begin("letters", "|u1")
        for part in (b"ACG", b"", b"TN"):
            out.write(part)
        out.array("numbers", "<i4", [1, -2, 3])
        out.array("none", "<i8", [])
        out.finish({"contigs": ["1"]})
    return path


def test_arrays_and_facts_come_back_read_only_and_aligned(written: Path) -> None:
    mapped = Mapped(written, "numbers", 2)
    assert mapped.array("letters").tobytes() == b"ACGTN"
    assert mapped.array("numbers").tolist() == [1, -2, 3]
    assert mapped.array("none").tolist() == []
    assert mapped.facts == {"contigs": ["1"]}
    assert not mapped.array("numbers").flags.writeable
    assert mapped.array("numbers").ctypes.data % 64 == 0
    mapped.verify()


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Writer(tmp_path / name, "numbers", 1) as out:
            out.array("numbers", "<i4", np.arange(100))
            out.finish({})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Writer(tmp_path / "some.bin", "numbers", 1) as out:
        out.array("numbers", "<i4", [1])
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 7, 31, 32, 100, -1])
def test_a_file_cut_anywhere_is_refused(written: Path, kept: int) -> None:
    written.write_bytes(written.read_bytes()[:kept])
    with pytest.raises(BundleError, match=r"some\.bin .*build the bundle again"):
        Mapped(written, "numbers", 2)


def test_a_longer_file_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes() + b"\0")
    with pytest.raises(BundleError, match=r"some\.bin has \d+ bytes of \d+"):
        Mapped(written, "numbers", 2)


def test_a_file_of_another_kind_or_version_is_refused(written: Path) -> None:
    with pytest.raises(BundleError, match="numbers in version 2, where numbers in version 3 is wanted"):
        Mapped(written, "numbers", 3)
    with pytest.raises(BundleError, match="where names in version 2 is wanted"):
        Mapped(written, "names", 2)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.bin").write_bytes(b">chr1\n" * 100)
    with pytest.raises(BundleError, match="is no numbers file of a bundle"):
        Mapped(tmp_path / "some.bin", "numbers", 2)
    with pytest.raises(BundleError, match=r"gone\.bin cannot be read: No such file"):
        Mapped(tmp_path / "gone.bin", "numbers", 2)


def test_any_damaged_byte_is_found(written: Path) -> None:
    content = written.read_bytes()
    mapped = Mapped(written, "numbers", 2)
    padding = set(range(28, 32)) | set(range(32, len(content)))
    for name, length in (("letters", 5), ("numbers", 12)):
        begin = mapped.bytes_of(name)[1]
        padding -= set(range(begin, begin + length))
    index = content.index(b'{"kind"')
    padding = {at for at in padding if at < index}
    for at in set(range(len(content))) - padding:
        written.write_bytes(content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :])
        with pytest.raises(BundleError):
            Mapped(written, "numbers", 2).verify()
