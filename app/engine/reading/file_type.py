"""What a file is, by its first bytes: how it is compressed, and if it is no VCF, what it is instead."""

import re

from app.engine.errors import InputError

AGAIN = "Please upload it again."
AS_VCF = "Please upload a VCF file (plain, gzip, bgzip or BCF)."

# First bytes of files that are not text, in order; what they are, and what their owner can do.
BINARIES: tuple[tuple[bytes, str, str], ...] = (
    (
        b"PK\x03\x04",
        "a zip archive (or an office document)",
        "Please unpack it and upload the VCF itself, plain or compressed with gzip.",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Please unpack it and upload the VCF itself."),
    (b"Rar!", "a RAR archive", "Please unpack it and upload the VCF itself."),
    (b"BZh", "compressed with bzip2", "Please compress it with gzip or bgzip instead."),
    (b"\xfd7zXZ\x00", "compressed with xz", "Please compress it with gzip or bgzip instead."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Please compress it with gzip or bgzip instead."),
    (b"\x1f\x9d", "compressed with compress (.Z)", "Please compress it with gzip or bgzip instead."),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "Please compress it with gzip or bgzip instead."),
    (b"\x1f\x8b", "compressed twice", "Please compress it only once."),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "Please save it as plain text (UTF-8) and upload it again."),
    (b"\x00\x00\xfe\xff", "UTF-32 text", "Please save it as plain text (UTF-8) and upload it again."),
    (b"\xff\xfe", "UTF-16 text", "Please save it as plain text (UTF-8) and upload it again."),
    (b"\xfe\xff", "UTF-16 text", "Please save it as plain text (UTF-8) and upload it again."),
    (b"BAM\x01", "a BAM file of aligned reads", "Please call variants first and upload the VCF."),
    (b"CRAM", "a CRAM file of aligned reads", "Please call variants first and upload the VCF."),
    (b"BAI\x01", "the index of a BAM file", AS_VCF),
    (b"TBI\x01", "a tabix index", "Please upload the VCF that it belongs to."),
    (b"CSI\x01", "a CSI index", "Please upload the VCF that it belongs to."),
    (
        b"BCF\x04",
        "a BCF version 1 file, which nothing reads any more",
        "Please convert it to VCF with the bcftools that made it.",
    ),
    (
        b"BCF\x03",
        "a BCF file of a version that is not known (yet)",
        "Please convert it to VCF with the bcftools that made it.",
    ),
    (b"%PDF", "a PDF document", AS_VCF),
    (b"\x89PNG", "a PNG image", AS_VCF),
    (b"\xff\xd8\xff", "a JPEG image", AS_VCF),
    (b"GIF8", "a GIF image", AS_VCF),
    (b"{\\rtf", "a word-processor document (RTF)", "Please save it as plain text and upload it again."),
    (b"\xd0\xcf\x11\xe0", "an office document", "Please save it as plain text and upload it again."),
    (b"SQLite format 3", "an SQLite database", AS_VCF),
    (b"\x89HDF", "an HDF5 file", AS_VCF),
    (b"PAR1", "a Parquet file", AS_VCF),
    (b"l\x1b", "a PLINK .bed file", "Please export it as VCF (plink --recode vcf)."),
    (b"\x7fELF", "a program", AS_VCF),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "Please fetch the file (git lfs pull) and upload that.",
    ),
)

# The same for text: patterns against the beginning of the file, white space in front removed.
TEXTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), what, hint)
    for pattern, what, hint in (
        (
            rb"<!doctype html|<html|<head|<body",
            "an HTML page (a failed download?)",
            "Please download the VCF again and upload it.",
        ),
        (rb"<\?xml|<[a-z]+[ >]", "an XML document (a failed download?)", "Please download the VCF again and upload it."),
        (rb"[{\[]", "a JSON document", AS_VCF),
        (rb"BEGIN:VCARD", "a vCard of contacts (they share the ending .vcf)", AS_VCF),
        (rb"BEGIN:VCALENDAR", "a calendar", AS_VCF),
        (rb"(#.*\n)*Hugo_Symbol\t", "a MAF table, not VCF", "Please convert it with maf2vcf and upload the VCF."),
        (rb"##gff-version|##gtf|#!genome-", "a GFF file of genes", AS_VCF),
        (rb"##maf version", "a multiple alignment (MAF)", AS_VCF),
        (rb"track |browser |chr\w+\t\d+\t\d+(\t|\r?\n)(?![ACGTN.]+\t[ACGTN.])", "a BED file or browser track", AS_VCF),
        (rb"@(HD|SQ|RG|PG)\t", "a SAM file of aligned reads", "Please call variants first and upload the VCF."),
        (rb"@[^\n]*\n[ACGTN]+\r?\n\+", "a FASTQ file of reads", "Please call variants first and upload the VCF."),
        (rb">[^\n]*\n[A-Z*\-]+\s", "a FASTA file of sequence", "Please call variants first and upload the VCF."),
        (
            rb"(#[^\n]*\n)*(# ?)?\"?rsid\"?[\t,]\"?chrom",
            "a raw genotype file of a consumer test, not VCF",
            "Please convert it to VCF (bcftools convert --tsv2vcf).",
        ),
        (rb"#?\"?chrom\"?,\"?pos", "a comma-separated table, not VCF", "Please save it with tabs between the columns."),
        (
            rb"## ENSEMBL VARIANT EFFECT PREDICTOR|(##[^\n]*\n)*#Uploaded_variation\t",
            "the table that Ensembl VEP writes, not VCF",
            "Please upload the VCF that VEP was given, or run VEP with --vcf.",
        ),
        (
            rb"\"?sample_?id\"?[\t;,]\"?range|[^\t\n]+\t1-16569;?\t",
            "a list of haplotypes for HaploGrep (HSD), not VCF",
            "Please upload the VCF that the polymorphisms are from.",
        ),
        (
            rb"\"?(ID|SampleID)\"?\t\"?Filter\"?\t\"?Pos\"?\t\"?Ref",
            "the text output of mutserve, not VCF",
            "Please run mutserve with an output whose name ends with .vcf.gz, and upload that.",
        ),
        (
            rb"chr\tstart\tend\tref\talt|[^\t\n #]+[\t ]\d+[\t ]\d+[\t ][ACGTN0-]+[\t ][ACGTN0-]+\s",
            "a table of ANNOVAR, not VCF",
            "Please upload the VCF that it was made of.",
        ),
        (
            rb"([A-Z0-9_.]+(\([^)\n]*\))?:)?[cgmnpr]\.[\w(*?]",
            "a list of HGVS names, not VCF",
            "Names like m.3243A>G can be typed in where a few variants are asked for; others have to be converted to VCF.",
        ),
        (rb"rs\d+\s", "a list of dbSNP identifiers, not VCF", "Please upload the VCF of the variants themselves."),
        (
            rb"\"##fileformat|(#[^\n]*\n)+\"[^\"\t\n]*\"\t",
            "a VCF whose fields are in quotes, as spreadsheets and R write them",
            "Please write it again without quotes (in R: quote=FALSE).",
        ),
        (
            rb"[^\t\n#]+\t\d+\t[^\t\n]*\t[ACGTN]+\t[^\t\n]+\t[^\t\n]*\t[^\t\n]*\t",
            "a VCF without its header",
            "Please cut it out together with the header: bcftools view, or tabix -h.",
        ),
        (rb"%!PS", "a PostScript document", AS_VCF),
        (rb"From: |MIME-Version:|Return-Path:", "an e-mail", AS_VCF),
    )
)


def table() -> dict[str, list[tuple[str, str, str]]]:
    """The two tables as JSON takes them, for who looks at a file before it is sent: first bytes in hexadecimal, and patterns."""
    return {
        "binaries": [(magic.hex(), what, hint) for magic, what, hint in BINARIES],
        "texts": [(pattern.pattern.decode(), what, hint) for pattern, what, hint in TEXTS],
    }


def check_text(head: bytes) -> None:
    """Raise InputError, saying what it is, if the (decompressed) beginning of the file is certainly no VCF."""
    for magic, what, hint in BINARIES:
        if head.startswith(magic):
            raise InputError(f"This file is {what}. {hint}")
    if head[257:262] == b"ustar":
        raise InputError("This file is a tar archive. Please unpack it and upload the VCF itself.")
    if len(head) >= 4 and (head[1:8:2].strip(b"\0") == b"" or head[0:8:2].strip(b"\0") == b"") and head.strip(b"\0"):
        raise InputError("This file is UTF-16 text. Please save it as plain text (UTF-8) and upload it again.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, what, hint in TEXTS:
        if pattern.match(text):
            raise InputError(f"This file is {what}. {hint}")
    if not head.strip(b"\0"):
        raise InputError(f"The file holds nothing but zero bytes: the upload or the copy failed. {AGAIN}")
