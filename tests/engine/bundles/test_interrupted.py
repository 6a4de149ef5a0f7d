"""Builds that are killed go on, and make what an undisturbed build makes; from a server that behaves as real ones do."""

import gzip
import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.engine.bundles import download, manifest, track_build
from app.engine.bundles.build import build
from app.engine.errors import EngineError
from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END
from tests.support.killing import KILLING
from tests.support.recipes import DBSNP, files, optional, recipe
from tests.support.site import Site

CHILD = f"""{KILLING}
from pathlib import Path
from app.engine.bundles.build import build
for name in ("replace", "unlink", "rename", "rmdir"):
    killing(os, name)
build(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), chosen=["dbsnp", "gnomad"])
"""


@pytest.fixture
def site(rcrs: manifest.Bundle) -> Site:
    return Site(files(rcrs, "GRCh38"))


def checksums(bundle: manifest.Bundle) -> dict[str, str]:
    return {file.path: file.sha256 for file in bundle.files}


@pytest.mark.parametrize("stride", [pytest.param(12, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.night)])
def test_a_build_that_is_killed_again_and_again_goes_on(stride: int, site: Site, tmp_path: Path) -> None:
    """Each start is killed `stride` steps later than the one before it: what changes a name or deletes something is a step."""
    with site:
        made = recipe("GRCh38", site, tmp_path)
        whole = build(made, tmp_path / "whole", tmp_path / "cache", chosen=["dbsnp", "gnomad"])
        once = len(site.asked)
        killed = 0
        for step in range(0, 400, stride):
            arguments = [str(step), str(made), str(tmp_path / "killed"), str(tmp_path / "cache2")]
            done = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, timeout=120)
            if not done.returncode:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            killed += 1
            assert not (tmp_path / "killed").exists() or manifest.verify(manifest.load(tmp_path / "killed")) == []
        assert killed > 2
        found = manifest.load(tmp_path / "killed")
    assert manifest.verify(found) == [] and checksums(found) == checksums(whole)
    assert [part.version for part in found.parts] == [part.version for part in whole.parts]
    assert list((tmp_path / "cache2").iterdir()) == [] and not (tmp_path / ".killed.building").exists()
    assert len(site.asked) - once < 2 * once + killed


@pytest.mark.slow
def test_a_source_in_contigs_is_converted_in_several_processes_and_not_twice(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbSNP with its index: each contig in a process; a piece that is whole is not made again."""
    with site:
        made = recipe("GRCh38", site, tmp_path)
        plain = build(made, tmp_path / "plain", tmp_path / "cache", chosen=["dbsnp"], processes=1)
        monkeypatch.setattr(track_build, "SMALL_BYTES", 0)
        text = DBSNP.format(accession="NC_000001.11").encode()
        site.files |= indexed(tmp_path, "GCF_000001405.40.gz", text)
        work = tmp_path / ".parts.building"
        site.down.add("cytoBand.txt.gz")
        monkeypatch.setattr(download.fetch, "__defaults__", ((),))  # no pauses
        with pytest.raises(EngineError, match="cytoBand"):
            build(made, tmp_path / "parts", tmp_path / "cache", chosen=["dbsnp"], processes=2)
        assert (work / "dbsnp.track").exists() and not (work / "dbsnp.pieces").exists()
        site.down.clear()
        asked = len(site.asked)
        parts = build(made, tmp_path / "parts", tmp_path / "cache", chosen=["dbsnp"], processes=2)
        assert site.asked[asked:] == ["cytoBand.txt.gz"] and list((tmp_path / "cache").iterdir()) == []
    assert checksums(parts)["dbsnp.track"] == checksums(plain)["dbsnp.track"]
    assert {part.id: part.rows for part in parts.parts}["dbsnp"] == 3


def indexed(folder: Path, name: str, text: bytes) -> dict[str, bytes]:
    """A VCF as BGZF with its index and checksum, as a server has them."""
    import pysam

    path = folder / name
    path.write_bytes(bgzf.compress(text) + BGZF_END)
    pysam.tabix_index(str(path), preset="vcf", force=True)
    body = path.read_bytes()
    sum_ = f"{hashlib.md5(body).hexdigest()}  {name}\n".encode()
    return {name: body, f"{name}.tbi": Path(f"{path}.tbi").read_bytes(), f"{name}.md5": sum_}


def test_a_moved_file_is_followed_and_continued(site: Site, tmp_path: Path) -> None:
    """A redirect, as of open data, and a connection that is cut behind it."""
    body = site.files["clinvar.vcf.gz"]
    with site:
        site.moved["clinvar.vcf.gz"] = "elsewhere.vcf.gz"
        site.files["elsewhere.vcf.gz"] = site.files.pop("clinvar.vcf.gz")
        site.broken["elsewhere.vcf.gz"] = 20
        found = download.fetch({"url": f"{site.url}/clinvar.vcf.gz"}, tmp_path, lambda *_: None)
    assert found.read_bytes() == body and site.ranges == ["bytes=20-"]


def test_a_server_that_knows_no_ranges_is_asked_again_from_the_beginning(site: Site, tmp_path: Path) -> None:
    body = site.files["clinvar.vcf.gz"]
    with site:
        site.whole.add("clinvar.vcf.gz")
        site.broken["clinvar.vcf.gz"] = 20
        assert download.fetch({"url": f"{site.url}/clinvar.vcf.gz"}, tmp_path, lambda *_: None).read_bytes() == body


def test_a_sum_of_a_newer_file_is_not_taken_for_damage_twice(site: Site, tmp_path: Path) -> None:
    """The file is replaced while it is fetched: its published sum is that of the new one, and the next command has it."""
    old, new = site.files["clinvar.vcf.gz"], gzip.compress(b"#another week\n")
    source = {"url": f"{site.url}/clinvar.vcf.gz", "md5": f"{site.url}/clinvar.vcf.gz.md5"}
    with site:
        site.files["clinvar.vcf.gz.md5"] = hashlib.md5(new).hexdigest().encode()
        with pytest.raises(EngineError, match="has the md5"):
            download.fetch(source, tmp_path, lambda *_: None)
        assert site.files["clinvar.vcf.gz"] == old
        site.files["clinvar.vcf.gz"] = new
        assert download.fetch(source, tmp_path, lambda *_: None).read_bytes() == new
        assert download.published_on(download.place(source["url"], tmp_path)) == "2026-11-23"


def test_every_part_that_is_optional_is_named_by_the_recipe(site: Site, tmp_path: Path) -> None:
    with site:
        assert {"dbsnp", "gnomad"} <= set(optional(recipe("GRCh38", site, tmp_path)))
