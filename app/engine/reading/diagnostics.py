"""What was repaired in an input and what was passed through: counted, with the first line where it was seen."""

from dataclasses import dataclass, field
from typing import Any

from app.engine.reading.values import cut

# code: (kind, what the log says). A repair changed the text, a flag left records without consequence or is odd, info is harmless.
CODES: dict[str, tuple[str, str]] = {
    "bom": ("repair", "UTF-8 byte-order mark removed"),
    "crlf": ("repair", "Windows or old Macintosh line endings converted"),
    "no_newline": ("repair", "the end of the last line was missing"),
    "no_samples": ("repair", "FORMAT column without samples left out of the header"),
    "blank_lines": ("repair", "blank lines removed"),
    "no_fileformat": ("repair", 'the first line is not "##fileformat=VCF…"; VCFv4.2 assumed'),
    "old_version": ("repair", "VCF 3.x converted to 4.2"),
    "unknown_version": ("repair", "a version of VCF that is not known (yet) read as 4.5"),
    "version_raised": ("repair", "genotypes with a leading separator: read as VCF 4.4"),
    "header_line_dropped": ("repair", "malformed header lines dropped"),
    "declared_twice": ("repair", "tags declared twice in the header; the first declaration kept"),
    "declaration_repaired": ("repair", "incomplete or invalid declarations in the header completed"),
    "undeclared": ("repair", "undeclared INFO, FORMAT or FILTER tags declared"),
    "retyped": ("repair", "tags whose values contradict their declaration declared anew"),
    "wrong_count": (
        "repair",
        "tags with another number of values than declared: declared with any number",
    ),
    "not_split": ("repair", "values that are not one for each allele: not split, in their records alone"),
    "read_as_reserved": ("repair", "tags declared with any number of values read as the specification (or usage) has them"),
    "run_together": ("repair", "header lines that stood on one line separated"),
    "contigs_added": ("repair", "contig lines added to the header"),
    "contig_alias": ("repair", "contig names mapped to those of the reference (and restored in the result)"),
    "contig_renamed": ("repair", "several names of one contig unified"),
    "unsorted": ("repair", "records were not sorted by position; sorted"),
    "lower_case": ("repair", "lower-case alleles upper-cased"),
    "trailing_tab": ("repair", "empty columns at the end of lines removed"),
    "format_dropped": ("repair", "FORMAT column removed, for there are no samples"),
    "missing_format": ("repair", "records without FORMAT and samples filled with missing values"),
    "controls": ("repair", "control characters replaced by underscores"),
    "encoding": ("repair", "text that is not UTF-8 converted from Windows-1252"),
    "earlier_run": ("repair", "annotations of an earlier run of GAS replaced"),
    "kept_as": ("repair", "annotations of another program kept under another name"),
    "duplicate_info": ("repair", "INFO tags that stand twice in a record: the first kept"),
    "spaces": ("repair", "spaces in FILTER and in INFO values replaced by underscores"),
    "comment_lines": ("repair", "comment lines among the records removed"),
    "empty_info": ("repair", "empty INFO entries removed"),
    "filter_zero": ("repair", "FILTER 0 of VCF 3.x read as PASS"),
    "allele_notation": ("repair", "insertions and deletions in the notation of VCF 3.x rewritten"),
    "id_repaired": ("repair", "empty ID, QUAL, FILTER or INFO columns read as missing, identifiers given twice written once"),
    "end_beyond": ("flag", "records whose END lies beyond the end of the contig"),
    "symbolic": ("flag", "symbolic alleles that do not say what they are passed through without consequence"),
    "unknown_contig": ("flag", "records on contigs that the reference does not have passed through without consequence"),
    "structural": ("info", "symbolic alleles and breakends (structural variants), with the consequences of their extent"),
    "ambiguous": ("flag", "alleles with IUPAC ambiguity codes passed through without consequence"),
    "assembly": ("flag", "the file is on another assembly than was chosen, and was annotated on its own"),
    "telomere": ("flag", "records at position 0 or one behind the last base (telomeres) passed through without consequence"),
    "origin": ("flag", "records that reach over the origin of a circular contig passed through without consequence"),
    "ref_mismatch": ("flag", "records whose REF disagrees with the reference passed through without consequence"),
    "same_as_ref": ("flag", "alternative alleles that are the reference itself passed through without consequence"),
    "duplicate_alt": ("info", "alternative alleles that a record names twice: each is written"),
    "reference_block": ("info", "reference blocks (gVCF) and sites without a variant passed through"),
    "no_such_allele": ("flag", "genotypes with an alternative allele where the record has none"),
    "spanning_deletion": ("info", "* alleles (deletions that begin upstream) passed through without consequence"),
    "local_alleles": ("info", "local-allele fields (LAA and friends) are not split with the alleles"),
    "tag_name": ("info", "tag names that the VCF specification does not allow kept"),
}


EXAMPLES = 5  # kept of each kind


@dataclass
class Note:
    """What is said once about a kind of thing, however often it was found."""

    count: int = 0
    line: int | None = None
    examples: list[str] = field(default_factory=list)


@dataclass
class Diagnostics:
    """Counts by code; `silent` while the same lines are read a second time."""

    found: dict[str, Note] = field(default_factory=dict)
    silent: bool = False

    def add(self, code: str, line: int | None = None, example: str = "", count: int = 1) -> None:
        """Counts `count` more of a kind of thing; keeps the line of the first, and the first few examples."""
        if self.silent:
            return
        assert code in CODES, code
        note = self.found.setdefault(code, Note(line=line))
        note.count += count
        example = cut(example)
        if example and len(note.examples) < EXAMPLES and example not in note.examples:
            note.examples.append(example)

    def merge(self, other: dict[str, Note]) -> None:
        """Add what was found in records that come later."""
        for code, note in other.items():
            mine = self.found.setdefault(code, Note(line=note.line))
            mine.count += note.count
            new = [example for example in note.examples if example not in mine.examples]
            mine.examples += new[: EXAMPLES - len(mine.examples)]

    def summary(self) -> list[dict[str, Any]]:
        """Returns all notes for the summary of a result, as JSON takes them."""
        return [
            {"code": code, "kind": kind, "message": text, "count": note.count, "line": note.line, "examples": note.examples}
            for code, (kind, text) in CODES.items()
            if (note := self.found.get(code))
        ]
