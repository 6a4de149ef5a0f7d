"""Bundles built from recipes over HTTP, in the formats of Ensembl, NCBI, gnomAD and UCSC; pushed, pulled; two genetic codes."""

import gzip
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.reference import reference
from app.engine.bundles import download, manifest, stores
from app.engine.bundles.build import build
from app.engine.bundles.layout import TABLE
from app.engine.bundles.transcripts import Transcripts
from app.engine.errors import EngineError
from app.engine.pipeline.annotate import annotate
from tests.support.genome import CHROMOSOME, GENE
from tests.support.recipes import files, optional, recipe, table
from tests.support.site import Site


@pytest.fixture
def site(rcrs: manifest.Bundle) -> Iterator[Site]:
    with Site(files(rcrs, "GRCh38")) as site:
        yield site


@pytest.fixture(scope="session")
def built(rcrs: manifest.Bundle, tmp_path_factory: pytest.TempPathFactory) -> manifest.Bundle:
    folder = tmp_path_factory.mktemp("built")
    with Site(files(rcrs, "GRCh38")) as site:
        made = recipe("GRCh38", site, folder)
        return build(made, folder / "grch38", folder / "cache", chosen=optional(made))


@pytest.fixture
def small(built: manifest.Bundle, tmp_path: Path) -> manifest.Bundle:
    """A bundle that the test may damage."""
    shutil.copytree(built.folder, tmp_path / "bundles" / "grch38")
    return manifest.load(tmp_path / "bundles" / "grch38")


def annotated(bundle: manifest.Bundle, folder: Path, *sites: str) -> list[tuple[str, dict[str, str]]]:
    """Contig and INFO of each record of the result."""
    records = "".join(site.replace(" ", "\t") + "\t.\t.\t.\n" for site in sites)
    (folder / "in").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + records)
    result = annotate(folder / "in", folder / "out", name="x", bundle=bundle)
    lines = [line.split("\t") for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines() if line[0] != "#"]
    return [(line[0], dict(item.partition("=")[::2] for item in line[7].split(";"))) for line in lines]


def test_two_genetic_codes_in_one_stream(small: manifest.Bundle, tmp_path: Path) -> None:
    transcripts = Transcripts.open(small.path(small.transcripts))
    assert {transcripts[row].contig: transcripts[row].code for row in range(len(transcripts))} == {"1": 1, "MT": 2}
    sites = (
        "chr1 505 . C T",
        f"chr1 700 . {CHROMOSOME[699]} <DEL>",
        "chrM 3460 . G A",
        "chrM 4472 . T C",
        "chrUn_KI270302v1 2 . C T",
    )
    found = annotated(small, tmp_path, *sites)
    assert [contig for contig, _ in found] == ["chr1", "chr1", "chrM", "chrM", "chrUn_KI270302v1"]
    infos = [info for _, info in found]
    terms = ["missense_variant", "downstream_gene_variant", "missense_variant", "start_retained_variant", "intergenic_variant"]
    assert [info.get("GAS_CSQ") for info in infos] == terms
    assert infos[0]["GAS_HGVSP"] == "p.Ala2Val"
    assert infos[2]["GAS_CLNSIG"] == "Pathogenic" and infos[2]["GAS_RSID"] == "rs199476118"


def test_the_recipe_of_yeast_has_the_genetic_code_of_its_mitochondrion(tmp_path: Path) -> None:
    sequences = {"I": CHROMOSOME, "Mito": "ATATA" + "ATGCTA" + "GGT" * 8 + "TAA" + "T" * 40}  # CTA: threonine, elsewhere leucine
    fasta = "".join(f">{name} dna:chromosome chromosome:R64-1-1:{name}:1:9:1 REF\n{bases}\n" for name, bases in sequences.items())
    mitochondrial = "".join(
        f"Mito\tsgd\t{kind}\t6\t38\t.\t+\t{phase}\t{attributes}\n"
        for kind, phase, attributes in (
            ("gene", ".", "ID=gene:Q0045;Name=COX1;biotype=protein_coding"),
            ("mRNA", ".", "ID=transcript:Q0045_mRNA;Parent=gene:Q0045;biotype=protein_coding"),
            ("exon", ".", "Parent=transcript:Q0045_mRNA"),
            ("CDS", "0", "ID=CDS:Q0045;Parent=transcript:Q0045_mRNA;protein_id=Q0045"),
        )
    )
    known = "##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nI\t505\ts01-84\tC\tT\t.\t.\tSGRP_2009;TSA=SNV\n"
    texts = {
        "Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz": fasta,
        "Saccharomyces_cerevisiae.R64-1-1.115.gff3.gz": "##gff-version 3\n" + re.sub("(?m)^1\t", "I\t", GENE) + mitochondrial,
        "saccharomyces_cerevisiae.vcf.gz": known,
    }
    with Site({name: gzip.compress(text.encode()) for name, text in texts.items()}) as site:
        bundle = build(recipe("yeast", site, tmp_path), tmp_path / "yeast", tmp_path / "cache")
    (_, nuclear), (_, own) = annotated(bundle, tmp_path, "chrI 505 . C T", "chrM 9 . C A")
    assert (nuclear["GAS_VARIATION"], nuclear["GAS_HGVSP"]) == ("s01-84", "p.Ala2Val")
    assert nuclear["GAS_HGVSG"] == "NC_001133.9:g.505C>T"
    assert (own["GAS_HGVSG"], own["GAS_HGVSP"]) == ("NC_001224.1:m.9C>A", "p.Thr2Met")


def test_a_genetic_code_is_one_of_ncbi_and_of_a_contig_that_is_there(rcrs: manifest.Bundle, tmp_path: Path) -> None:
    with Site(files(rcrs, "GRCh38")) as site:
        made = recipe("GRCh38", site, tmp_path)
        text = made.read_text()
        made.write_text(text + "[codes]\nMT = 7\n")
        with pytest.raises(ValueError, match="NCBI has no genetic code 7"):
            build(made, tmp_path / "bundle", tmp_path / "cache")
        made.write_text(text + "[codes]\nMito = 3\n")
        with pytest.raises(EngineError, match="a genetic code for Mito, which the sequence does not have"):
            build(made, tmp_path / "bundle", tmp_path / "cache")


@pytest.mark.slow
@pytest.mark.parametrize("assembly", ["GRCh38", "GRCh37"])
def test_the_recipes_build_what_they_promise(assembly: str, rcrs: manifest.Bundle, tmp_path: Path) -> None:
    with Site(files(rcrs, assembly)) as site:
        made = recipe(assembly, site, tmp_path, whole=True)
        bundle = build(made, tmp_path / "bundle", tmp_path / "cache", chosen=optional(made))
    assert (bundle.id, bundle.assembly, manifest.verify(bundle)) == (assembly.lower(), assembly, [])
    (_, info), (_, failing), (_, mitochondrial) = annotated(bundle, tmp_path, "1 505 . C T,G", "MT 3460 . G A")
    expected = {
        "GAS_CLINVAR": "43",
        "GAS_CLNSIG": "Conflicting_classifications_of_pathogenicity,risk_factor",
        "GAS_CLNSTARS": "1",
        "GAS_CLNCONF": "Pathogenic(2),Uncertain_significance(1)",
        "GAS_DISEASE": "Some_disease_rare,not_provided",
        "GAS_RSID": "rs7",
        "GAS_GNOMAD_AF": "0.003023",
        "GAS_GNOMAD_GRPMAX": "afr",
        "GAS_GNOMAD_GRPMAX_AF": "0.01",
        "GAS_GNOMAD_HOM": "1",
        "GAS_GNOMAD_FILTER": None,
        "GAS_BAND": "p1",
        "GAS_PLI": "GENE1:9.9e-01",
        "GAS_LOEUF": "GENE1:0.25",
        "GAS_GWAS": "Height_adult",
        "GAS_SUPERDUP": "chr9:77",
        "GAS_DGV": "gain+loss,tandem_duplication",
    }
    if assembly == "GRCh37":
        expected |= {"GAS_MIRNA": "GENE1:miR-124/506", "GAS_TFBS": "V$ARP1_01"}
    assert {tag: info.get(tag) for tag in expected} == expected
    assert failing["GAS_GNOMAD_FILTER"] == ("BOTH_FILTERED" if assembly == "GRCh38" else "AC0,RF")
    assert (failing["GAS_GNOMAD_AF"], failing["GAS_GNOMAD_HOM"]) == ("0.4", "0")
    parts = {part.id: part for part in bundle.parts}
    assert (parts["clinvar"].version, parts["clinvar"].rows, parts["clinvar"].mismatches) == ("2026-11-22", 3, 1)
    assert parts["dbsnp"].version == "157" and parts["genes"].version.startswith("Ensembl")
    assert list((tmp_path / "cache").glob("*")) == []  # each download is deleted once it is converted
    assert mitochondrial["GAS_DISEASE"] == "Leber" and "GAS_PLI" not in mitochondrial
    assert "GAS_TFBS" not in mitochondrial  # the chrM of hg19 is another sequence
    genes = bundle.path(TABLE).read_text().splitlines()
    assert genes[0] == "GENE1\t1\t501\t650\tENSG1" and "MT-ND4\tMT\t10760\t12137\tENSG00000198886" in genes
    aliases = {alias for contig in bundle.contigs for alias in contig.aliases}
    assert {"chr1", "chrM", "chr1_KI270706v1_random" if assembly == "GRCh38" else "chr1_gl000191_random"} <= aliases
    sources = {source["url"].rsplit("/", 1)[1]: source for source in bundle.sources}
    assert sources["clinvar.vcf.gz"]["sha256"] == hashlib.sha256(files(rcrs, assembly)["clinvar.vcf.gz"]).hexdigest()


WRONG = {
    'id = "grch38"': ('id = "../x"', "id: String should match"),
    'format = "vcf"': ('format = "excel"', "tracks.0.format"),
    'from = "ID"': ("from = 2", "the number of a column of all others"),
    'tag = "GAS_CLINVAR"': ('tag = "GAS_CSQ"', "not like one of the engine's own"),
    'tag = "GAS_CLNSIG"': ('tag = "GAS_RSID"', "the same id or tag"),
    "[genes]": ("[genome]", "genes: Field required"),
    'title = "ClinVar"': ("title = ", "cannot be read"),
}


@pytest.mark.parametrize("right", WRONG)
def test_a_wrong_recipe_is_refused_before_anything_is_downloaded(right: str, site: Site, tmp_path: Path) -> None:
    made, (wrong, words) = recipe("GRCh38", site, tmp_path), WRONG[right]
    made.write_text(made.read_text().replace(right, wrong, 1))
    done = CliRunner().invoke(reference, ["build", str(made), "--bundles", str(tmp_path)], terminal_width=300)
    assert done.exit_code == 2 and words in " ".join(done.output.replace("│", " ").split())
    assert site.asked == []


def test_a_broken_download_is_continued(site: Site, tmp_path: Path) -> None:
    body = site.files["clinvar.vcf.gz"]
    site.broken["clinvar.vcf.gz"] = len(body) // 2
    seen: list[tuple[int, int | None]] = []
    source = {"url": f"{site.url}/clinvar.vcf.gz"}
    found = download.fetch(source, tmp_path, lambda name, done, total: seen.append((done, total)))
    assert found.read_bytes() == body
    assert site.ranges == [f"bytes={len(body) // 2}-"]
    assert seen == [(len(body) // 2, len(body)), (len(body), len(body))]
    assert download.fetch(source, tmp_path, lambda *_: None) == found
    assert site.asked.count("clinvar.vcf.gz") == 2


def test_a_download_that_never_ends_is_continued_by_the_next_command(site: Site, tmp_path: Path) -> None:
    source, body = {"url": f"{site.url}/clinvar.vcf.gz"}, site.files["clinvar.vcf.gz"]
    site.broken["clinvar.vcf.gz"], site.down = 10, {"clinvar.vcf.gz"}
    with pytest.raises(EngineError, match="Run the command again to continue"):
        download.fetch(source, tmp_path, lambda *_: None, pauses=(0, 0))
    site.down.clear()
    assert download.fetch(source, tmp_path, lambda *_: None).read_bytes() == body
    assert site.ranges == ["bytes=10-"] * 4


def test_a_file_that_changed_meanwhile_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    source = {"url": f"{site.url}/clinvar.vcf.gz"}
    site.broken["clinvar.vcf.gz"], site.down = 10, {"clinvar.vcf.gz"}
    with pytest.raises(EngineError):
        download.fetch(source, tmp_path, lambda *_: None, pauses=())
    site.down.clear()
    site.files["clinvar.vcf.gz"] = b"another week"
    assert download.fetch(source, tmp_path, lambda *_: None).read_bytes() == b"another week"


def test_what_is_not_there_is_said_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="404"):
        download.fetch({"url": f"{site.url}/none.gz"}, tmp_path, lambda *_: None, pauses=(600,))


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_stops_the_build(kind: str, site: Site, tmp_path: Path) -> None:
    site.files["wrong.md5"] = b"00000000000000000000000000000000  clinvar.vcf.gz\n"
    wrong = {"sha256": "00"} if kind == "sha256" else {"md5": f"{site.url}/wrong.md5"}
    with pytest.raises(EngineError, match=f"has the {kind} .* instead of 00"):
        download.fetch({"url": f"{site.url}/clinvar.vcf.gz", **wrong}, tmp_path, lambda *_: None)
    assert not [path for path in tmp_path.iterdir() if "clinvar" in path.name]


def test_an_interrupted_build_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    made, gwas = recipe("GRCh38", site, tmp_path), site.files.pop("gwasCatalog.txt.gz")
    target, cache, chosen = tmp_path / "bundles" / "grch38", tmp_path / "cache", optional(made)
    with pytest.raises(EngineError, match=r"gwasCatalog\.txt\.gz"):
        build(made, target, cache, chosen=chosen)
    work = target.parent / ".grch38.building"
    before = {path.name: path.stat().st_mtime_ns for path in work.glob("*.track")}
    assert set(before) == {"clinvar.track", "dbsnp.track", "gnomad.track", "constraint.track", "cytoband.track"}
    (work / "left").write_text("by something interrupted")
    site.files["gwasCatalog.txt.gz"] = gwas
    asked = len(site.asked)
    bundle = build(made, target, cache, chosen=chosen)
    assert site.asked[asked:] == ["gwasCatalog.txt.gz", "genomicSuperDups.txt.gz", "dgvMerged.txt.gz"]
    assert {name: bundle.path(name).stat().st_mtime_ns for name in before} == before
    assert manifest.verify(bundle) == [] and not work.exists()
    assert "left" not in {path.name for path in target.iterdir()}


def test_a_part_is_added_and_renewed_alone(site: Site, tmp_path: Path) -> None:
    """First the core; then dbSNP beside it; then next week's ClinVar: each fetches its own files only."""
    made, target, cache = recipe("GRCh38", site, tmp_path), tmp_path / "bundles" / "grch38", tmp_path / "cache"
    core = build(made, target, cache)
    assert [part.id for part in core.parts] == ["sequence", "genes", "clinvar", "cytoband"] and core.version == "3"
    site.asked.clear()
    more = build(made, target, cache, chosen=["dbsnp"])
    assert {name for name in site.asked if not name.endswith(".md5")} == {"GCF_000001405.40.gz"}
    assert more.version == "3_dbsnp-157"
    site.asked.clear()
    site.files["clinvar.vcf.gz"] = gzip.compress(
        gzip.decompress(site.files["clinvar.vcf.gz"]).replace(b"2026-11-22", b"2026-11-29")
    )
    site.files["clinvar.vcf.gz.md5"] = hashlib.md5(site.files["clinvar.vcf.gz"]).hexdigest().encode()
    old = {file.path: file.sha256 for file in more.files}
    renewed = build(made, target, cache, renewed=["clinvar"])
    assert set(site.asked) == {"clinvar.vcf.gz", "clinvar.vcf.gz.md5"}
    assert renewed.version == "3_clinvar-2026-11-29"
    assert {file.path: file.sha256 for file in renewed.files} == old  # here it has the same variants
    assert {part.id: part.version for part in renewed.parts}["dbsnp"] == "157"
    assert manifest.verify(renewed) == [] and {track.id: track.version for track in renewed.tracks}["clinvar"] == "2026-11-29"
    assert build(made, target, cache) == renewed


def test_an_unknown_part_is_named_with_those_that_there_are(site: Site, tmp_path: Path) -> None:
    made = recipe("GRCh38", site, tmp_path)
    done = CliRunner().invoke(reference, ["update", str(made), "clinvra", "--bundles", str(tmp_path)], terminal_width=300)
    assert done.exit_code == 2 and "no part clinvra" in done.output and "sequence, genes, clinvar" in done.output
    assert site.asked == []


def test_a_track_of_another_assembly_stops_the_build(site: Site, tmp_path: Path) -> None:
    site.files["cytoBand.txt.gz"] = gzip.compress(b"NC_9\t0\t600\tp1\tgpos\n")
    with pytest.raises(EngineError, match="cytoband has no row"):
        build(recipe("GRCh38", site, tmp_path), tmp_path / "bundle", tmp_path / "cache")
    assert not (tmp_path / "bundle").exists()


ENSEMBL, GENCODE, REFSEQ = (
    "1 x gene 101 250 . + . ID=gene:G;Name=ABC;biotype=protein_coding|"
    "1 x mRNA 101 250 . + . ID=transcript:T;Parent=gene:G;biotype=protein_coding|1 x CDS 101 250 . + 0 Parent=transcript:T",
    "1 x gene 101 250 . + . ID=G;gene_type=protein_coding;gene_name=ABC|"
    "1 x transcript 101 250 . + . ID=T;Parent=G;gene_type=protein_coding;transcript_type=protein_coding|"
    "1 x CDS 101 250 . + 0 ID=CDS:T;Parent=T;gene_type=protein_coding",
    "1 x region 1 600 . + . ID=NC_1:1..600|1 x gene 101 250 . + . ID=gene-G;Name=ABC;gene_biotype=protein_coding|"
    "1 x mRNA 101 250 . + . ID=rna-T;Parent=gene-G;gbkey=mRNA|1 x CDS 101 250 . + 0 ID=cds-P;Parent=rna-T",
)


@pytest.mark.parametrize("models", [ENSEMBL, GENCODE, REFSEQ])
def test_gene_models_of_every_dialect_end_up_in_one(models: str, site: Site, tmp_path: Path) -> None:
    site.files["Homo_sapiens.GRCh38.116.gff3.gz"] = table(models).encode()  # not compressed, whatever it is called
    bundle = build(recipe("GRCh38", site, tmp_path), tmp_path / "bundle", tmp_path / "cache")
    assert bundle.path("genes.tsv").read_text() == "ABC\t1\t101\t250\tG\n"
    base = CHROMOSOME[149]
    [(_, tags)] = annotated(bundle, tmp_path, f"1 150 . {base} {base}TT")
    assert (tags["GAS_CSQ"], tags["GAS_GENE"], tags["GAS_TRANSCRIPT"]) == ("frameshift_variant", "ABC", "T")


def test_the_mitochondrion_as_refseq_has_it(rcrs: manifest.Bundle, site: Site, tmp_path: Path) -> None:
    """Accession for a name, and coding sequences without transcripts: in NC_012920.1, ND1 is 3307..4262."""
    fasta = rcrs.path(rcrs.fasta).read_bytes().partition(b"\n")[2]
    site.files["Homo_sapiens.GRCh38.dna.primary_assembly.fa.gz"] = b">NC_012920.1 Homo sapiens mitochondrion\n" + fasta
    models = (
        "NC_012920.1 RefSeq gene 3307 4262 . + . ID=gene-ND1;Name=ND1;gene_biotype=protein_coding|"
        "NC_012920.1 RefSeq CDS 3307 4262 . + 0 ID=cds-YP_003024026.1;Parent=gene-ND1;transl_table=2"
    )
    site.files["Homo_sapiens.GRCh38.116.gff3.gz"] = table(models).encode()
    made = recipe("GRCh38", site, tmp_path)
    made.write_text(re.sub(r"(?s)\n\[(aliases|scaffolds|\[tracks).*", "\n", made.read_text()))
    bundle = build(made, tmp_path / "bundle", tmp_path / "cache")
    [(_, leber), (_, tryptophan)] = annotated(bundle, tmp_path, "NC_012920.1 3460 . G A", "NC_012920.1 3564 . A G")
    assert (leber["GAS_GENE"], leber["GAS_HGVSP"]) == ("ND1", "p.Ala52Thr")
    assert tryptophan["GAS_CSQ"] == "synonymous_variant"


def test_a_transcript_that_contradicts_itself_is_counted_and_listed_in_the_manifest(site: Site, tmp_path: Path) -> None:
    """A phase that does not follow, and exons that are longer than their transcript; the good one is there."""
    models = (
        f"{ENSEMBL}|1 x mRNA 101 300 . + . ID=transcript:P;Parent=gene:G|1 x exon 101 200 . + . Parent=transcript:P|"
        "1 x exon 251 300 . + . Parent=transcript:P|1 x CDS 101 200 . + 0 Parent=transcript:P|"
        "1 x CDS 251 300 . + 0 Parent=transcript:P|1 x mRNA 101 300 . + . ID=transcript:L;Parent=gene:G|"
        "1 x exon 101 290 . + . Parent=transcript:L"
    )
    site.files["Homo_sapiens.GRCh38.116.gff3.gz"] = table(models).encode()
    made = recipe("GRCh38", site, tmp_path)
    arguments = ["build", str(made), "--bundles", str(tmp_path / "bundles"), "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(reference, arguments, terminal_width=400)
    assert done.exit_code == 0 and "2 transcripts that contradict themselves are left out" in " ".join(done.output.split())
    bundle = manifest.find("grch38", tmp_path / "bundles")
    lines = {row["transcript"]: (row["line"], row["reason"]) for row in bundle.left_out}
    number = len(ENSEMBL.split("|")) + 1
    assert lines == {
        "P": (number, f"the coding sequence on line {number + 4} has phase 0, where 2 follows"),
        "L": (number + 5, "its exons go from 101 to 290, and it from 101 to 300"),
    }
    base = CHROMOSOME[149]
    [(_, tags)] = annotated(bundle, tmp_path, f"1 150 . {base} {base}TT")
    assert tags["GAS_TRANSCRIPT"] == "T"


def test_gene_models_that_nothing_can_be_made_of_stop_the_build(site: Site, tmp_path: Path) -> None:
    gtf = '1 x transcript 101 250 . + . gene_id_"G"|1 x CDS 101 250 . + 0 gene_id_"G"'
    site.files["Homo_sapiens.GRCh38.116.gff3.gz"] = table(gtf).encode()
    with pytest.raises(EngineError, match=r"116\.gff3\.gz, line 2 has no Parent: it has to name the transcript of this CDS"):
        build(recipe("GRCh38", site, tmp_path), tmp_path / "bundle", tmp_path / "cache")
    assert not (tmp_path / "bundle").exists()


def test_push_and_pull(small: manifest.Bundle, tmp_path: Path) -> None:
    store = stores.FolderStore(tmp_path / "store")
    stores.push(small, store)
    pulled = stores.pull("grch38", "3", tmp_path / "host", store)
    assert manifest.verify(pulled) == []
    assert stores.pull("grch38", "3", tmp_path / "host", store) == pulled
    (fasta,) = (tmp_path / "store" / "grch38" / "files").glob("*/genome.fa")
    fasta.write_text(">1\nA\n")
    with pytest.raises(EngineError, match="does not match its manifest"):
        stores.pull("grch38", "3", tmp_path / "other", store)
    assert not (tmp_path / "other" / "grch38").exists()


def test_a_new_version_moves_only_what_is_new(small: manifest.Bundle, tmp_path: Path) -> None:
    store, moved = stores.FolderStore(tmp_path / "store"), list[str]()
    stores.push(small, store)
    stores.pull("grch38", "latest", tmp_path / "host", store)
    text = (
        (small.folder / manifest.MANIFEST).read_text().replace('version = "3"', 'version = "3_x"', 1).partition("\n[[files]]")[0]
    )
    (small.folder / "genes.tsv").write_text("ABC\t1\t101\t250\tG\n")
    (small.folder / manifest.MANIFEST).write_text(text + manifest.file_table(small.folder))
    stores.push(manifest.load(small.folder), store, lambda name, size: moved.append(name))
    assert moved == ["genes.tsv"]
    for stored in (tmp_path / "store" / "grch38" / "files").glob("*/*"):
        if stored.name != "genes.tsv":
            stored.unlink()  # what is installed is not fetched again
    pulled = stores.pull("grch38", "latest", tmp_path / "host", store)
    assert pulled.version == "3_x" and manifest.verify(pulled) == []


def test_a_published_bundle_is_fetched_over_the_web_and_verified(small: manifest.Bundle, tmp_path: Path) -> None:
    stores.push(small, stores.FolderStore(tmp_path / "store"))
    served = {
        str(path.relative_to(tmp_path / "store")): path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()
    }
    with Site(served, whole_paths=True) as site:
        stored = {name: stores.stored_key("grch38", file) for file in small.files for name in [file.path]}
        site.broken[stored["genome.seq"]] = 1000
        address = ["pull", f"{site.url}/grch38/latest", "--bundles"]
        done = CliRunner().invoke(reference, [*address, str(tmp_path / "here")])
        assert done.exit_code == 0, done.output
        assert manifest.verify(manifest.find("grch38", tmp_path / "here")) == [] and site.ranges == ["bytes=1000-"]
        site.files[stored["genes.tsv"]] = b"other"
        done = CliRunner().invoke(reference, [*address, str(tmp_path / "there")])
        assert done.exit_code == 3 and "genes.tsv" in done.output
    assert not (tmp_path / "there" / "grch38").exists()


def test_a_damaged_bundle_is_not_pushed(small: manifest.Bundle, tmp_path: Path) -> None:
    with small.path(TABLE).open("a") as genes:
        genes.write("#\n")
    with pytest.raises(EngineError, match=r"genes\.tsv has"):
        stores.push(small, stores.FolderStore(tmp_path / "store"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:-9]),
            r"clinvar\.track has \d+ bytes of \d+: it was cut off or damaged",
        ),
        (lambda path: path.unlink(), r"clinvar\.track cannot be read: No such file"),
        (lambda path: shutil.copy(path.with_name("dbsnp.track"), path), "has [0-9]+ bytes instead of [0-9]+"),
    ],
)
def test_a_broken_part_is_refused_by_its_name(
    damage: Callable[[Path], object], words: str, small: manifest.Bundle, tmp_path: Path
) -> None:
    damage(small.path("clinvar.track"))
    with pytest.raises(EngineError, match=f"The part clinvar of grch38 .*{words}"):
        annotated(small, tmp_path, "1 505 . C T")


def test_the_commands(small: manifest.Bundle, tmp_path: Path) -> None:
    run = CliRunner()
    folder = ["--bundles", str(tmp_path / "bundles")]
    assert "grch38\t3\tGRCh38\t8 tracks" in run.invoke(reference, ["list", *folder]).output
    assert run.invoke(reference, ["verify", "grch38", *folder]).exit_code == 0
    assert run.invoke(reference, ["push", "grch38", str(tmp_path / "s"), *folder]).exit_code == 0
    pulled = run.invoke(reference, ["pull", "grch38", "3", str(tmp_path / "s"), "--bundles", str(tmp_path / "b2")])
    assert pulled.exit_code == 0, pulled.output
    small.path("genome.fa").write_text("")
    assert run.invoke(reference, ["verify", "grch38", *folder]).exit_code == 1
    assert run.invoke(reference, ["push", "grch38", "s3://x", *folder]).exit_code == 3
