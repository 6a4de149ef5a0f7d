"""Which genome assembly a file was called against, by the lengths of its contigs or by what its header says."""

import re
from collections.abc import Iterable

from app.engine.bundles.manifest import Bundle
from app.engine.errors import InputError
from app.engine.reading.contigs import ContigNames, is_circular, known_names
from app.engine.reading.headers import Header
from app.engine.reading.values import text

# Lengths of contigs that tell assemblies apart.
_LENGTHS: dict[str, tuple[int, ...]] = {
    "GRCh38 (hg38)": (248956422, 242193529, 64444167, 46709983, 50818468, 156040895, 57227415),
    "GRCh37 (hg19)": (249250621, 243199373, 63025520, 48129895, 51304566, 155270560, 59373566),
    "NCBI36 (hg18)": (247249719, 242951149, 62435964, 46944323, 49691432, 154913754, 57772954),
    "NCBI35 (hg17)": (245522847,),
    "NCBI34 (hg16)": (246127941,),
    "T2T-CHM13v2.0": (248387328,),
    "mouse GRCm38 (mm10)": (195471971,),
    "mouse GRCm39 (mm39)": (195154279,),
    "mouse NCBIM37 (mm9)": (197195432,),
    "a mouse mitochondrion": (16299,),
    "UCSC hg19, whose chrM is NC_001807": (16571,),
}
LENGTHS = {length: assembly for assembly, lengths in _LENGTHS.items() for length in lengths}

# words in the header lines that people and tools write about the reference
WORDS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (rb"grch38|hg38|\bb38|_b38|build[ _]?38|hs38|NCBI38", "GRCh38 (hg38)"),
        (rb"grch37|hg19|\bb37|_b37|build[ _]?37|hs37|g1k_v37|NCBI37", "GRCh37 (hg19)"),
        (rb"ncbi_?36|hg18|\bb36|_b36|build[ _]?36", "NCBI36 (hg18)"),
        (rb"ncbi_?35|hg17|\bb35|_b35|build[ _]?35", "NCBI35 (hg17)"),
        (rb"chm13|t2t", "T2T-CHM13"),
        (rb"grcm38|mm10", "mouse GRCm38 (mm10)"),
        (rb"grcm39|mm39", "mouse GRCm39 (mm39)"),
        (rb"rsrs", "the RSRS mitochondrion"),
        (rb"nc_001807", "the NC_001807 mitochondrion"),
    )
)
# What an assembly is called besides its name, in lower case.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "GRCh38": ("hg38", "b38", "build38", "ncbi38"),
    "GRCh37": ("hg19", "b37", "build37", "ncbi37", "hs37d5"),
    "rCRS": ("nc_012920", "nc_012920.1", "mt", "chrm"),
}
_CHROMOSOME = re.compile(rb"(?:chr)?(?:[1-9]|1[0-9]|2[0-2]|X|Y)", re.IGNORECASE).fullmatch
_REFERENCE_LINE = re.compile(rb"##(reference|assembly|contig|refseq|genome|.*command.*)", re.IGNORECASE)


def match_assembly(name: str, offered: Iterable[str]) -> str | None:
    """The one of the offered assemblies that people mean by this name, in any case and with or without its patch."""
    meant = re.sub(r"\.p[0-9]+$", "", name.strip().lower())
    return next((one for one in offered if meant in (one.lower(), *SYNONYMS.get(one, ()))), None)


def looks_like(header: Header) -> str | None:
    """The assembly that the header speaks of, if it speaks of one."""
    for length in header.contigs.values():
        if length in LENGTHS:
            return LENGTHS[length]
    for line in header.others:
        if _REFERENCE_LINE.match(line):
            for pattern, name in WORDS:
                if pattern.search(line):
                    return name
    return None


def check_lengths(header: Header, bundle: Bundle) -> None:
    """Refuse a file whose header gives a contig of the bundle another length."""
    names = ContigNames(bundle, header.contigs)
    for name, length in header.contigs.items():
        contig = names.find(name)
        if contig and length and length != contig.length:
            assembly = LENGTHS.get(length, "another sequence")
            raise InputError(
                f"{text(name)} has length {length} in the header: that is {assembly}, not {bundle.assembly} ({contig.length}). "
                "Positions differ, so the file was not annotated. Please lift it over or call against the right reference."
            )


def is_other_assembly(name: bytes, header: Header) -> bool:
    """Whether a contig that a reference does not have belongs to the chromosomes of an assembly, and so the file to that one."""
    return bool(_CHROMOSOME(name)) or header.contigs.get(name) in LENGTHS


def mitochondrion_of(header: Header, bundle: Bundle, seen: bytes) -> str:
    """What a file with a record on the contig `seen` calls the mitochondrion; MT of one with chromosomes that does not say it."""
    names = ContigNames(bundle, header.contigs)
    genome = any(map(_CHROMOSOME, (seen, *header.contigs)))
    return next((text(name) for name in header.contigs if names.find(name)), "MT" if genome else "")


def alone(name: str) -> str:
    """The sentence for a whole genome where only the mitochondrion can be annotated."""
    return (
        "Only the mitochondrion can be annotated here; to upload it alone: "
        f"bcftools view -t {name} -Oz -o mitochondrion.vcf.gz, followed by the name of your file."
    )


def unknown_contig(name: bytes, header: Header, bundle: Bundle, line: int) -> InputError:
    """The sentence for a record on a contig that the bundle does not have."""
    length = f" (length {header.contigs[name]})" if header.contigs.get(name) else ""
    words = (
        f"Line {line}: contig {text(name)!r}{length} is not part of the installed reference {bundle.assembly} ({bundle.title})."
    )
    if all(map(is_circular, bundle.contigs)) and (here := mitochondrion_of(header, bundle, name)):
        guess = f"The file looks like {found}. " if (found := looks_like(header)) else ""
        return InputError(f"{words} {guess}{alone(here)}", line)
    if assembly := looks_like(header):
        return InputError(f"{words} The file looks like {assembly}. It was not annotated.", line)
    return InputError(
        f"{words} The file is on another assembly or another organism. It was not annotated. "
        f"Names that are known: {known_names(bundle)}.",
        line,
    )
