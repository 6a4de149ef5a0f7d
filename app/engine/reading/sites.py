"""Where a record lies and which alleles it has: position and REF checked, every allele with the problems that it has."""

import re

from app.engine.bundles.manifest import Bundle, Contig
from app.engine.consequence.structural import kind as structural_kind
from app.engine.errors import InputError, RecordError
from app.engine.formats import vcf
from app.engine.formats.fasta import Sequences
from app.engine.formats.vcf import INDEXABLE
from app.engine.limits import Limits
from app.engine.reading import assembly
from app.engine.reading.alleles import expand_old, problem
from app.engine.reading.contigs import ContigNames, is_circular, is_name, written
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import NAMED, Header
from app.engine.reading.values import shown, text

_POSITION = re.compile(rb"[0-9]{1,10}").fullmatch
_BASES = re.compile(rb"[ACGT]+").fullmatch
# what can be said of an allele; every other word is the reason, for GAS_FLAG, why it has no consequence
PLAIN, SILENT, STRUCTURAL = "plain", "silent", "structural"
TELOMERE, ORIGIN = "telomere", "origin"
_OF_AN_ASSEMBLY = re.compile(rb"<[^<>\s,]+>").fullmatch  # a contig of the file that ##assembly names (VCF 4.3, 1.6.1)
_UNAMBIGUOUS = re.compile(rb"[ACGT]+").fullmatch
_OLD_ALLELE = rb"(?:I[ACGTNacgtn]+|D[1-9][0-9]{0,8}|[ACGTNacgtn]+)"
_OLD_ALLELES = re.compile(rb"(?=.*[ID])%b(?:,%b)*" % (_OLD_ALLELE, _OLD_ALLELE)).fullmatch


class SiteChecks:
    """Judges the first five columns of the records of one file."""

    def __init__(
        self, header: Header, bundle: Bundle, sequences: Sequences, limits: Limits, notes: Diagnostics, names: dict[bytes, str]
    ) -> None:
        self.header, self.bundle, self.sequences, self.limits, self.notes = header, bundle, sequences, limits, notes
        self.contigs = ContigNames(bundle, header.contigs)
        self.names = dict(names)  # contig as the file calls it: as the bundle does
        self.mismatches: int
        self.first_mismatch: str
        self.unknown_contig_records: int
        self.first_stranger: InputError | None
        self.begin()
        self.learned: dict[bytes, tuple[str, int]] = {}  # names seen for the first time: contig, line
        self._preferred = {contig: name for name, contig in self.names.items()}

    def begin(self) -> None:
        """Counts from zero what speaks against the assembly."""
        self.restore((0, "", 0, None))

    def evidence(self) -> tuple[int, str, int, InputError | None]:
        """What the records so far say against the assembly, to be restored if the next one turns out to be no record."""
        return self.mismatches, self.first_mismatch, self.unknown_contig_records, self.first_stranger

    def restore(self, counted: tuple[int, str, int, InputError | None]) -> None:
        """Takes back what was counted since `evidence` was asked for."""
        self.mismatches, self.first_mismatch, self.unknown_contig_records, self.first_stranger = counted

    def preferred(self, contig: Contig, name: bytes) -> bytes:
        """The name under which the file spoke of this contig first; of one that comes now, as it can be written."""
        return self._preferred.get(contig.name) or written(name, contig)

    def contig(self, fields: list[bytes], number: int) -> Contig:
        """The contig of the record; checks that the position is on it."""
        spelled = fields[0].strip()
        if not spelled:
            raise RecordError(f"Line {number}: the CHROM column is empty.", number, "CHROM")
        contig, name = self.contigs.find(spelled), spelled
        if contig is None:
            if _OF_AN_ASSEMBLY(name):
                name = b"%b_assembly" % name[1:-1]
                self.notes.add("contig_renamed", number, f"{text(spelled)} → {text(name)}")
            contig = self._stranger(name, number)
        elif (name := written(spelled, contig)) != fields[0]:
            self.notes.add("contig_renamed", number, f"{text(fields[0])} → {text(name)}")
        preferred = self._preferred.setdefault(contig.name, name)
        if preferred != name:
            self.notes.add("contig_renamed", number, f"{text(name)} → {text(preferred)}")
        elif name not in self.names:
            self.names[name] = contig.name
            self.learned[name] = contig.name, number
        fields[0] = preferred
        if not _POSITION(fields[1]):
            raise RecordError(f"Line {number}: POS is {shown(fields[1])}, expected a whole number.", number, "POS")
        fields[1] = b"%d" % int(fields[1])
        if int(fields[1]) > contig.length + (
            contig.length < INDEXABLE
        ):  # one beyond the last base is a telomere (VCF 4.5, 1.6.1)
            raise RecordError(
                f"Line {number}: {text(name)}:{int(fields[1])} lies beyond the end of {contig.name} ({contig.length} bases). "
                "Was the file called against another assembly?",
                number,
                "POS",
            )
        return contig

    def _stranger(self, name: bytes, number: int) -> Contig:
        """A contig that the reference does not have, such as a decoy or an HLA allele; its length is what the header says."""
        self.limits.name(NAMED["contig"], name, number)
        if name.startswith(b'"'):
            raise RecordError(
                f"Line {number}: fields are in quotes. Please write the file again without them (in R: quote=FALSE).",
                number,
                "CHROM",
            )
        if not is_name(name) and not assembly.is_other_assembly(name, self.header):
            raise RecordError(f"Line {number}: {shown(name)} cannot be the name of a contig.", number, "CHROM")
        if not is_name(name) or assembly.is_other_assembly(name, self.header) or len(self.names) > self.limits.contigs:
            raise assembly.unknown_contig(name, self.header, self.bundle, number)
        self.unknown_contig_records += 1
        self.first_stranger = self.first_stranger or assembly.unknown_contig(name, self.header, self.bundle, number)
        self.notes.add("unknown_contig", number, text(name))
        return Contig(name.decode(), min(self.header.contigs.get(name) or INDEXABLE, INDEXABLE))

    def alleles(self, fields: list[bytes], contig: Contig, number: int) -> list[str]:
        """Mends REF and ALT in place. Returns what can be said of each of the alternative alleles. Raises InputError."""
        known = contig.name in self.bundle.names
        telomere = not 1 <= int(fields[1]) <= contig.length
        if known and not telomere and _OLD_ALLELES(fields[4]):
            expand_old(fields, lambda start, end: self.sequences.get(contig.name, start, end))
            self.notes.add("allele_notation", number)
        ref, alts = fields[3], fields[4].split(b",")
        if fault := problem(ref, alts):
            raise RecordError(f"Line {number}: {fault}", number, fault.split(" ", 1)[0])
        if not (ref.isupper() and all(alt.isupper() or not alt.isalpha() for alt in alts)):
            self.notes.add("lower_case", number)
            ref, alts = ref.upper(), [alt.upper() if alt.isalpha() else alt for alt in alts]
        if ref in alts:
            self.notes.add("same_as_ref", number, f"line {number}: {text(ref[:40])}")
        if len(set(alts)) < len(alts):
            self.notes.add("duplicate_alt", number, f"line {number}: {text(fields[4][:40])}")
        start = int(fields[1]) - 1
        over = start + len(ref) > contig.length and not telomere
        if over and not (known and is_circular(contig) and self._goes_round(contig, start, ref)):
            raise RecordError(
                f"Line {number}: REF reaches beyond the end of {contig.name} ({contig.length} bases). "
                "Was the file called against another assembly?",
                number,
                "REF",
            )
        strange = (
            "unknown_contig" if not known else TELOMERE if telomere else self._compared(fields[0], contig, start, ref, number)
        )
        if telomere or (over and not strange):
            strange = strange or ORIGIN
            self.notes.add(strange, number, f"line {number}: {text(fields[0])}:{start + 1}")
        fields[3], fields[4] = ref, b",".join(alts)
        self._check_end(fields, contig, start, number)
        return [self._verdict(ref, alt, strange, number) for alt in alts]

    def _compared(self, name: bytes, contig: Contig, start: int, ref: bytes, number: int) -> str:
        """What is strange about a REF: nothing if it is what the reference has there."""
        if start + len(ref) > contig.length:
            return ""  # it goes round
        bases = self.sequences.get(contig.name, start, start + len(ref))
        if bases == ref:
            return ""
        if not _UNAMBIGUOUS(ref) and _agree(ref, bases):
            return "ambiguous"
        self.mismatches += 1
        seen = f"{name.decode()}:{start + 1} has {text(ref[:12])} in the file and {text(bases[:12])} in the reference"
        self.first_mismatch = self.first_mismatch or f"line {number}, {seen}"
        self.notes.add("ref_mismatch", number, f"line {number}: {seen}")
        return "ref_mismatch"

    def _goes_round(self, contig: Contig, start: int, ref: bytes) -> bool:
        """Whether a REF is what a circular contig has at its end and then at its beginning."""
        over = start + len(ref) - contig.length
        if over > contig.length:
            return False
        return _agree(ref, self.sequences.get(contig.name, start, contig.length) + self.sequences.get(contig.name, 0, over))

    def _check_end(self, fields: list[bytes], contig: Contig, start: int, number: int) -> None:
        """Notes an end beyond that of the contig. Raises InputError for one that no index can hold."""
        named, end = _end(fields[7], start, fields[4])
        if end > contig.length:
            where = f"line {number}: {named}={end} lies beyond the end of {contig.name} ({contig.length} bases)"
            if end >= INDEXABLE:
                raise RecordError(f"{where[0].upper()}{where[1:]}. Was the file called against another assembly?", number, "INFO")
            self.notes.add("end_beyond", number, where)

    def _verdict(self, ref: bytes, alt: bytes, strange: str, number: int) -> str:
        if _BASES(alt):
            if strange == "ambiguous":
                self.notes.add(strange, number, f"line {number}: REF {text(ref[:20])}")
            return strange or (PLAIN if alt != ref else SILENT)
        if alt.startswith(b"<"):
            self.limits.name("a symbolic allele", alt.strip(b"<>"), number)
        code = (
            "spanning_deletion"
            if alt == b"*"
            else "reference_block"
            if alt in (b".", b"<*>", b"<NON_REF>", b"<X>")
            else "ambiguous"
            if alt.isalpha()
            else STRUCTURAL
            if structural_kind(alt)
            else "symbolic"
        )
        self.notes.add(code, number, "" if alt == b"." else f"line {number}: {text(alt[:40])}")
        if code in (STRUCTURAL, "symbolic") and strange not in ("unknown_contig", "ref_mismatch"):
            return code
        if code == "ambiguous":
            return code
        return SILENT if alt == b"." or strange in ("", "ambiguous") else strange


def _agree(ref: bytes, bases: bytes) -> bool:
    """Whether a REF with ambiguous bases may be these: N says nothing (VCF 4.5, 1.6.1), other codes are not compared."""
    return len(ref) == len(bases) and all(one == base or one not in b"ACGT" for one, base in zip(ref, bases, strict=True))


def _end(info: bytes, start: int, alts: bytes) -> tuple[str, int]:
    """The furthest position that the record claims, and by which tags; readers take SVLEN for symbolic alleles."""
    end = vcf.end(info)
    symbolic = alts.startswith(b"<") or b",<" in alts
    by_length = max((start + 1 + size for size in vcf.sizes(info)), default=0) if symbolic else 0
    return ("POS+SVLEN", by_length) if by_length > end else ("END", end)
