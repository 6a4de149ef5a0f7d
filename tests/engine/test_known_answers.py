"""Well-known mitochondrial variants get the consequences that the literature gives them."""

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from app.engine.bundles import manifest
from app.engine.consequence.csq_fields import parsed
from app.engine.consequence.tracks import Alleles, tracks
from app.engine.formats.fasta import Sequences
from app.engine.pipeline.annotate import annotate
from scripts import make_mito_bundle
from tests.support import genome

OUTPUTS = ["annot.columns", "annot.vcf.gz", "annot.vcf.gz.tbi", "summary.json"]

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"

KNOWN = [
    # position, ref, alt, consequence, gene, protein; terms at the edges of genes are those that VEP gives
    (3460, "G", "A", "missense_variant", "MT-ND1", "p.Ala52Thr"),
    (11778, "G", "A", "missense_variant", "MT-ND4", "p.Arg340His"),
    (14484, "T", "C", "missense_variant", "MT-ND6", "p.Met64Val"),
    (8993, "T", "G", "missense_variant", "MT-ATP6", "p.Leu156Arg"),
    (7445, "A", "G", "stop_retained_variant", "MT-CO1", "p.Ter514="),
    (3243, "A", "G", "non_coding_transcript_exon_variant", "MT-TL1", None),
    (1555, "A", "G", "non_coding_transcript_exon_variant", "MT-RNR1", None),
    (73, "A", "G", "intergenic_variant", None, None),
    (3697, "G", "A", "missense_variant", "MT-ND1", "p.Gly131Ser"),
    (13513, "G", "A", "missense_variant", "MT-ND5", "p.Asp393Asn"),
    # start codons of the vertebrate mitochondrial code: ATT, ATC, ATA, ATG, GTG
    (3307, "A", "G", "start_lost", "MT-ND1", "p.Met1?"),
    (4472, "T", "C", "start_retained_variant", "MT-ND2", "p.Met1="),
    (4472, "T", "G", "start_retained_variant", "MT-ND2", "p.Met1="),
    (4471, "T", "C", "start_lost", "MT-ND2", "p.Met1?"),
    (14673, "T", "C", "start_retained_variant", "MT-ND6", "p.Met1="),
    (14672, "A", "C", "start_lost", "MT-ND6", "p.Met1?"),
    (4468, "TAA", "T", "coding_sequence_variant", "MT-ND2", None),  # VEP says no more of what reaches beyond an edge
    (14672, "AT", "A", "frameshift_variant", "MT-ND6", "p.Met1?"),  # VEP counts a base of the gene as lost; flagged
    (3309, "AC", "GT", "missense_variant", "MT-ND1", "p.Pro2Ser"),  # ATA CCC to ATG TCC: another start, c.3_4delinsGT
    # the last base of an RNA gene that touches a protein gene
    (4469, "A", "C", "non_coding_transcript_exon_variant", "MT-TM", None),
    (12336, "A", "G", "non_coding_transcript_exon_variant", "MT-TL2", None),
    # stop codons
    (7444, "G", "A", "stop_lost", "MT-CO1", "p.Ter514LysextTer?"),
    (7444, "GAC", "G", "coding_sequence_variant", "MT-CO1", None),  # reaches beyond the gene: as above; flagged
    (7444, "G", "GTAA", "stop_lost", "MT-CO1", "p.Ter514SerextTer?"),
    (7440, "T", "TC", "inframe_insertion", "MT-CO1", None),  # VEP: the stop comes at the same place, so it is retained
    (3462, "C", "CTAA", "stop_gained", "MT-ND1", "p.Ala52_Met53insTer"),
    # several codons at once
    (3462, "CA", "TG", "missense_variant", "MT-ND1", "p.Met53Val"),
    (3461, "CCATAAA", "C", "inframe_deletion", "MT-ND1", "p.Met53_Lys54del"),
    (3463, "A", "AGTC", "protein_altering_variant", "MT-ND1", "p.Met53delinsSerLeu"),
    (3461, "C", "CCGT", "inframe_insertion", "MT-ND1", "p.Ala52_Met53insVal"),
    (3462, "C", "CGGA", "inframe_insertion", "MT-ND1", "p.Ala52_Met53insGly"),
    # two genes in different frames
    (8563, "A", "G", "missense_variant", "MT-ATP6", "p.Thr13Ala"),
    # terminal codons that polyadenylation completes
    (4261, "T", "C", "incomplete_terminal_codon_variant", "MT-ND1", None),
    (4262, "A", "G", "incomplete_terminal_codon_variant", "MT-ND1", None),
    (4259, "CCT", "C", "frameshift_variant", "MT-ND1", "p.?"),
    (4260, "C", "CA", "inframe_insertion", "MT-ND1", None),  # with incomplete_terminal_codon_variant, which is less severe
    (4260, "CTA", "C", "protein_altering_variant", "MT-ND1", None),  # likewise
    (3459, "CG", "C", "frameshift_variant", "MT-ND1", "p.Ala52ProfsTer2"),
    (3460, "GCCA", "G", "inframe_deletion", "MT-ND1", "p.Ala52_Met53delinsVal"),
    (5511, "T", "C", "incomplete_terminal_codon_variant", "MT-ND2", None),
    (9990, "T", "C", "incomplete_terminal_codon_variant", "MT-CO3", None),
    (10404, "T", "G", "incomplete_terminal_codon_variant", "MT-ND3", None),
    (12137, "T", "C", "incomplete_terminal_codon_variant", "MT-ND4", None),
    (15887, "T", "C", "incomplete_terminal_codon_variant", "MT-CYB", None),
]


def test_known_answers(run: Callable) -> None:
    ordered = sorted(KNOWN)
    found = run(HEADER + "".join(f"MT\t{position}\t.\t{ref}\t{alt}\t.\t.\t.\n" for position, ref, alt, *_ in ordered))
    told = []
    for index, (position, ref, alt, *_) in enumerate(ordered):
        info = found.info(index)
        told.append((position, ref, alt, info["GAS_CSQ"], info.get("GAS_GENE"), info.get("GAS_HGVSP")))
    assert told == ordered


def test_diseases_and_identifiers_of_confirmed_variants(run: Callable) -> None:
    found = run(HEADER + "MT\t3243\t.\tA\tG\t.\t.\t.\nMT\t8993\t.\tT\tG\t.\t.\t.\n")
    assert found.info(0)["GAS_RSID"] == "rs199474657"
    assert "MELAS" in found.info(0)["GAS_DISEASE"]
    assert found.info(1)["GAS_RSID"] == "rs199476133"


def test_every_confirmed_variant_is_on_the_reference(rcrs: manifest.Bundle) -> None:
    sequences, track = Sequences(rcrs.path(rcrs.fasta)), tracks(rcrs)[0]
    assert isinstance(track, Alleles)
    for row in make_mito_bundle.CONFIRMED.strip().splitlines():
        position, ref, alt, _, disease = row.split(" ")
        assert sequences.get("MT", int(position) - 1, int(position) - 1 + len(ref)) == ref.encode(), row
        [text] = track.texts(track.find("MT", [(position.encode(), ref.encode(), alt.encode())]))
        assert text.endswith(b";GAS_DISEASE=" + disease.encode())


def test_the_embedded_sequence_is_the_revised_cambridge_reference(rcrs: manifest.Bundle) -> None:
    import hashlib

    sequence = Sequences(rcrs.path(rcrs.fasta)).get("MT", 0, 20_000)
    assert len(sequence) == 16569
    assert sequence[3106:3107] == b"N"
    assert hashlib.md5(sequence).hexdigest() == "c68f52674c9fb33aef52dcf399755519"
    assert manifest.verify(rcrs) == []


CODONS = [a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"]
AMINO_ACIDS = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG"
VERTEBRATE_MITOCHONDRIAL = dict(zip(CODONS, AMINO_ACIDS, strict=True))
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def expected(sequence: str, start: int, end: int, strand: str, position: int, alt: str) -> str:
    """The consequence of a substitution in a mitochondrial gene, by the definition of the code."""
    bases = list(range(start, end + 1)) if strand == "+" else list(range(end, start - 1, -1))
    offset = bases.index(position)
    codon, within = divmod(offset, 3)
    if codon * 3 + 3 > len(bases):
        return "incomplete_terminal_codon_variant"
    places = bases[codon * 3 : codon * 3 + 3]
    read = str if strand == "+" else lambda bases: bases.translate(COMPLEMENT)
    old = read("".join(sequence[place - 1] for place in places))
    new = old[:within] + read(alt) + old[within + 1 :]
    if codon == 0:
        return "start_retained_variant" if new in ("ATT", "ATC", "ATA", "ATG", "GTG") else "start_lost"
    before, after = VERTEBRATE_MITOCHONDRIAL[old], VERTEBRATE_MITOCHONDRIAL[new]
    if before == after:
        return "stop_retained_variant" if before == "*" else "synonymous_variant"
    return "stop_lost" if before == "*" else "stop_gained" if after == "*" else "missense_variant"


@pytest.mark.slow
def test_every_possible_substitution(run: Callable, rcrs: manifest.Bundle) -> None:
    """All 3 × 16,568 single-base changes against the genetic code itself, in each gene that they touch."""
    sequence = Sequences(rcrs.path(rcrs.fasta)).get("MT", 0, 20_000).decode()
    proteins, rnas = {}, {}
    for line in make_mito_bundle.gff3().splitlines():
        fields = line.split("\t")
        if len(fields) > 8 and fields[2] in ("CDS", "exon"):
            transcript = fields[8].split("Parent=transcript:")[1].split(";")[0]
            (proteins if fields[2] == "CDS" else rnas)[transcript] = int(fields[3]), int(fields[4]), fields[6]
    rnas = {transcript: place for transcript, place in rnas.items() if transcript not in proteins}
    assert (len(proteins), len(rnas)) == (13, 24)
    sites = [(position, ref, alt) for position, ref in enumerate(sequence, 1) if ref != "N" for alt in "ACGT" if alt != ref]
    found = run(HEADER + "".join(f"MT\t{position}\t.\t{ref}\t{alt}\t.\t.\t.\n" for position, ref, alt in sites))
    assert len(found.records) == len(sites) == 3 * 16568
    wrong = []
    for index, (position, _ref, alt) in enumerate(sites):
        entries = parsed(found.info(index)["CSQ"])
        told = {entry["Feature"]: entry["Consequence"].split("&")[0] for entry in entries if entry["Feature"]}
        right = {
            transcript: expected(sequence, start, end, strand, position, alt)
            for transcript, (start, end, strand) in proteins.items()
            if start <= position <= end
        }
        right |= {
            transcript: "non_coding_transcript_exon_variant"
            for transcript, (start, end, _) in rnas.items()
            if start <= position <= end
        }
        if told != right:
            wrong.append((position, alt, right, told))
    assert wrong == []


def test_a_deletion_of_whole_genes(run: Callable, rcrs: manifest.Bundle) -> None:
    """The common deletion, m.8470_13447del, takes ten genes away, and parts of two."""
    ref = Sequences(rcrs.path(rcrs.fasta)).get("MT", 8468, 13447).decode()
    info = run(HEADER + f"MT\t8469\t.\t{ref}\t{ref[0]}\t.\t.\t.\n").info(0)
    assert info["GAS_CSQ"] == "transcript_ablation"
    told = [[entry["Consequence"], entry["SYMBOL"]] for entry in parsed(info["CSQ"])]
    gone = ["MT-ATP6", "MT-CO3", "MT-TG", "MT-ND3", "MT-TR", "MT-ND4L", "MT-ND4", "MT-TH", "MT-TS2", "MT-TL2"]
    parts = [
        ["coding_sequence_variant&3_prime_UTR_variant", "MT-ATP8"],
        ["coding_sequence_variant&5_prime_UTR_variant", "MT-ND5"],
    ]
    assert told == [parts[0], *[["transcript_ablation", gene] for gene in gone], parts[1]]


@pytest.mark.parametrize("name", ["a" * 5000, "../../etc/passwd", "x\ny\t;rm -rf $HOME.vcf", "вариант 变异.vcf", "", "-o"])
def test_file_names_are_data(child: Callable, tmp_path: Path, name: str) -> None:
    source = tmp_path / "input"
    source.write_text(HEADER + "MT\t3460\t.\tG\tA\t.\t.\t.\n")
    status, events, _ = child(source, tmp_path / "out", f"--name={name}")
    assert (status, events[-1]["event"], events[-1]["records"]) == (0, "done", 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == OUTPUTS


def test_an_allele_is_judged_as_it_is_written(tmp_path: Path, nuclear: manifest.Bundle) -> None:
    """An A more beside the first base of a gene, which is one: before it, it is not in the gene; behind it, it is."""
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    base = {position: genome.CHROMOSOME[position - 1] for position in (5, 500, 501)}
    assert base[501] == "A" != base[500]
    early = f"1\t5\tearly\t{base[5]}\t{base[5]}AC\t.\t.\t.\n"
    left, right = f"1\t500\tleft\t{base[500]}\t{base[500]}A\t.\t.\t.\n", "1\t501\tright\tA\tAA\t.\t.\t.\n"
    said = {}
    for name, rows in {"sorted": (early, left, right), "shuffled": (right, early, left)}.items():
        (tmp_path / name).write_text(text + "".join(rows))
        result = annotate(tmp_path / name, tmp_path / f"{name}.out", name=name, bundle=nuclear)
        with pysam.VariantFile(str(result.vcf)) as file:
            said[name] = {row.id: (row.pos, row.ref, row.alts, row.info["GAS_CSQ"], sorted(row.info)) for row in file}
    assert said["sorted"] == said["shuffled"]
    assert said["sorted"]["left"][:3] == said["sorted"]["right"][:3] == (500, base[500], (base[500] + "A",))
    assert [said["sorted"][name][3] for name in ("left", "right")] == ["upstream_gene_variant", "frameshift_variant"]
