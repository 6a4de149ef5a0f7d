"""Seeds and mutations for files that are almost VCFs."""

import bz2
import gzip
import io
import lzma
import random
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence

from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END

Step = Callable[[bytes, random.Random], bytes]

META = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=AD,Number=R,Type=Integer,Description="Depths">
##INFO=<ID=DB,Number=0,Type=Flag,Description="Known">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=GENE,Number=.,Type=String,Description="Gene">
##FILTER=<ID=q10,Description="Low">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=GQ,Number=1,Type=Float,Description="Quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
"""
SITES = META + (
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "MT\t73\trs1\tA\tG\t50\tPASS\tDP=10;AF=0.5;DB\n"
    "MT\t263\t.\tA\tG,C\t50.5\tq10\tDP=10;AF=0.5,0.1;AD=1,2,3\n"
    "MT\t3460\t.\tG\tA\t.\t.\tGENE=MT-ND1,x;DP=3\n"
    "MT\t8270\t.\tCACCCCCTCT\tC\t99\tPASS\tDP=1\n"
    "MT\t9000\tsv\tA\t<DEL>\t.\tPASS\tEND=9100\n"
    "MT\t16183\t.\tA\tAC,*\t.\tPASS\t.\n"
)
SAMPLES = META + (
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2\n"
    "MT\t73\trs1\tA\tG\t50\tPASS\tDP=10\tGT:AD:GQ:PL\t0/1:3,4:20:1,0,2\t1|1:0,9:99.5:9,8,0\n"
    "MT\t263\t.\tA\tG,C\t50\tPASS\tDP=10;AF=0.5,0.1\tGT:AD:PL\t1/2:3,4,5:1,2,3,4,5,6\t./.:.:.\n"
    "MT\t3460\t.\tG\tA\t.\t.\tDB\tGT:DP\t1:7\t.\n"
    "MT\t9000\t.\tA\tA[MT:9100[\t.\tPASS\t.\tGT\t0/1\t0/0\n"
    "MT\t10000\t.\tG\t<NON_REF>\t.\tPASS\tEND=10100\tGT:DP\t0/0:3\t0/0:4\n"
)
STRUCTURAL = """##fileformat=VCFv4.5
##contig=<ID=chrM,length=16569>
##ALT=<ID=DEL,Description="Deletion">
##ALT=<ID=CNV:TR,Description="Tandem repeat">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="Claim">
##INFO=<ID=RN,Number=A,Type=Integer,Description="Repeats">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="Local alleles">
##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="Local depths">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="Length of block">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1
chrM\t73\t.\tA\t<*>\t.\tPASS\t.\tGT:LEN\t0/0:20
chrM\t3460\t.\tG\tA,C,<*>\t50\tPASS\t.\tGT:LAA:LAD\t/0/1:1:10,5
chrM\t8270\t.\tC\t<DEL>,<DUP>\t.\tPASS\tSVLEN=9,20;SVCLAIM=D,DJ\tGT\t1/2
chrM\t9000\t.\tA\t<CNV:TR>\t.\tPASS\tSVLEN=30;RN=2\tGT\t|0|1
chrM\t9500\tb1\tT\tT]chrM:9700]\t.\tPASS\tSVTYPE=BND\tGT\t0/1
chrM\t9600\t.\tC\t<INV>\t.\tPASS\tEND=9700;SVTYPE=INV\tGT\t0/1
"""
OLD = """##format=VCFv3.3
##INFO=DP,1,Integer,"Depth"
##FILTER=q10,"Low"
##FORMAT=GT,1,String,"Genotype"
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1
MT\t73\t.\tA\tG\t50\t0\tDP=10\tGT\t0/1
MT\t3460\t.\tG\tIAC\t50\tq10\tDP=10\tGT\t1/1
MT\t8270\t.\tC\tD2\t50\t0\tDP=10\tGT\t0|1
"""
SEEDS = (
    SITES.encode(),
    SAMPLES.encode(),
    SITES.replace("\n", "\r\n").encode(),
    SITES.replace("MT\t", "chrM\t").encode(),
    STRUCTURAL.encode(),
    OLD.encode(),
)
_TOKENS = (
    '\t|\n|\r|\r\n| |;|=|,|:|.|/|<|>|[|]|*|-|"|#|##|\0|%|0|-1|1e400|99999999999999999999|2147483648|-2147483648|nan|inf|<DEL>|'
    "<NON_REF>|<*>|A[MT:1[|N|R|acgt|GT|DP=|=;=|;;|\t\t|0/1/1/0|MT|chrM|NC_012920.1|chr1|GAS_CSQ=x|BCSQ=a,b|Number=|Type=|"
    "##INFO=<ID=DP>|##contig=<ID=MT,length=5>|##fileformat=VCFv4.3\n|#CHROM\tPOS|Float|16569|16570|END=1|END=16570|SVLEN=-5|"
    "é|\u2028|\u00a0|\ufeff|<GASx41>|,,|PASS|q10|PASS;q10|LAA|1,2,3,4|./.|&|'|\\|\x1a|\x0c|\x7f"
)
TOKENS = (*(token.encode() for token in _TOKENS.split("|")), b"|", b"9|9", b"\xff", b"\xef\xbb\xbf", b"A" * 3000, b"MT\t" * 50)
_TEXTS = (
    '%PDF-1.7\n|GIF89a|{\\rtf1|<!DOCTYPE html><html>|<?xml |{"a": 1}|[1]|BAM\x01|CRAM\x03|BCF\x02\x02|BCF\x02\x01\x10\0\0\0|'
    "BCF\x04|TBI\x01|CSI\x01|>chrM\nACGT\n|@r\nACGT\n+\nIIII\n|@HD\tVN:1.6\n|chrM\t1\t5\n|##gff-version 3\n|##gvf-version 1.07\n|"
    "Hugo_Symbol\tx\n|# rsid\tchromosome\tposition\tgenotype\nrs1\tMT\t73\tG\n|CHROM,POS,ID,REF\n|PK\x03\x04|Rar!\x1a\x07|BZh9|"
    "|" + "\0" * 100
)
_BYTES = (
    *(b"\x89PNG\r\n\x1a\n", b"\x1f\x8b", b"\x1f\x8b\x08", b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0"),
    *(b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x9d\x90", b"\xff\xfe\0\0", b"\xff\xd8\xff"),
)
ALIENS = (*(text.encode() for text in _TEXTS.split("|")), *_BYTES)
NUMBERS = tuple(b"0 -1 00 1e9 2147483647 2147483648 4294967296 999999999999999999999999999999 16569 16570 1.5 NaN +1".split())


def mutate(dice: random.Random, seeds: Sequence[bytes] = SEEDS, binaries: Sequence[bytes] = ()) -> bytes:
    """One file that was damaged in one to five places, sometimes written or compressed otherwise, sometimes damaged after that.

    `binaries` are uncompressed BCF files, damaged as what they are.
    """
    if binaries and dice.random() < 0.08:
        return _binary(dice.choice(binaries), dice)
    if dice.random() < 0.02:
        return dice.choice(ALIENS) + dice.choice((b"", dice.choice(seeds), dice.randbytes(dice.randrange(300))))
    data = dice.choice(seeds)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        data = dice.choice(STEPS)(data, dice)
    return dice.choice(WRAPS)(data, dice) if dice.random() < 0.35 else data


def _binary(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        data = dice.choice((_flip, _flip, _truncate, _delete, _insert_token))(data, dice)
    wrapped = dice.choice((lambda: data, lambda: gzip.compress(data, 1), lambda: bgzf.compress(data) + BGZF_END))()
    return _damage(wrapped, dice) if dice.random() < 0.2 else wrapped


def _at(data: bytes, dice: random.Random) -> int:
    return dice.randrange(len(data) + 1)


def _flip(data: bytes, dice: random.Random) -> bytes:
    place = _at(data, dice)
    return data[:place] + bytes([dice.randrange(256)]) + data[place + 1 :]


def _delete(data: bytes, dice: random.Random) -> bytes:
    place = _at(data, dice)
    return data[:place] + data[place + dice.choice((1, 1, 2, 5, 30)) :]


def _truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: _at(data, dice)]


def _repeat(data: bytes, dice: random.Random) -> bytes:
    start, end = sorted((_at(data, dice), _at(data, dice)))
    return data[:end] + data[start:end] + data[end:]


def _insert_token(data: bytes, dice: random.Random) -> bytes:
    place = _at(data, dice)
    return data[:place] + dice.choice(TOKENS) + data[place:]


def _damage(data: bytes, dice: random.Random) -> bytes:
    return dice.choice((_truncate, _flip, _insert_token, _delete, _repeat))(data, dice)


def _lines(data: bytes, header: bool) -> tuple[list[bytes], list[int]]:
    """All lines, and which of them are of the header or else records."""
    lines = data.split(b"\n")
    return lines, [index for index, line in enumerate(lines) if line and line.startswith(b"#") == header]


def _in_line(step: Step, header: bool = False) -> Step:
    """The same change, but in one record, or one line of the header."""

    def change(data: bytes, dice: random.Random) -> bytes:
        lines, chosen = _lines(data, header)
        if chosen:
            index = dice.choice(chosen)
            lines[index] = step(lines[index], dice)
        return b"\n".join(lines)

    return change


def _replace_field(line: bytes, dice: random.Random) -> bytes:
    fields = line.split(b"\t")
    fields[dice.randrange(len(fields))] = dice.choice((dice.choice(TOKENS), dice.choice(fields), b""))
    return b"\t".join(fields)


def _swap_fields(line: bytes, dice: random.Random) -> bytes:
    fields = line.split(b"\t")
    first, second = dice.randrange(len(fields)), dice.randrange(len(fields))
    fields[first], fields[second] = fields[second], fields[first]
    return b"\t".join(fields)


def _add_or_drop_field(line: bytes, dice: random.Random) -> bytes:
    fields = line.split(b"\t")
    place = dice.randrange(len(fields))
    fields[place : place + dice.choice((0, 1))] = dice.choice(([], [dice.choice(TOKENS)], fields[place:]))
    return b"\t".join(fields)


def _spaces(line: bytes, dice: random.Random) -> bytes:
    return line.replace(b"\t", dice.choice((b" ", b"  ", b",", b";", b"\t\t", b" \t")), dice.choice((1, -1)))


def _number(data: bytes, dice: random.Random) -> bytes:
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return data
    found = dice.choice(numbers)
    return data[: found.start()] + dice.choice(NUMBERS) + data[found.end() :]


def _long(line: bytes, dice: random.Random) -> bytes:
    place = _at(line, dice)
    filler = dice.choice((b"A", b"G,", b"x=1;", b"0/1\t", b"/1", b";", b",", b":", b"N", b"1,"))
    return line[:place] + filler * dice.choice((300, 5000, 70_000)) + line[place:]


def _order(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    match dice.randrange(6):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            lines.insert(first, lines[second])
        case 2:
            del lines[first]
        case 3:
            lines = lines * 2
        case 4:
            records = [line for line in lines if line and not line.startswith(b"#")]
            dice.shuffle(records)
            lines = [line for line in lines if line.startswith(b"#")] + records + [b""]
        case _:
            lines = [
                line
                for line in lines
                if not line.startswith(dice.choice((b"##", b"##INFO", b"##FORMAT", b"##contig", b"#CHROM", b"#")))
            ]
    return b"\n".join(lines)


def _all_lines(data: bytes, dice: random.Random) -> bytes:
    """The same column added to every line, or everything between some character and another."""
    addition = dice.choice((b"\t", b" ", b"\t.", b"\tS9", b"\t\t\t", b"\r", b";"))
    start = dice.choice((b"#CHROM", b"MT", b"#", b""))
    return b"\n".join(line + addition if line.startswith(start) else line for line in data.split(b"\n"))


def _alias(data: bytes, dice: random.Random) -> bytes:
    names = (b"chrM", b"M", b"NC_012920.1", b"chrMT", b"mt", b"<MT>", b"1", b"chr1", b"MT:1", b"NC_001807", b"MT,", b'"MT"')
    return data.replace(b"MT\t", dice.choice(names) + b"\t", dice.choice((1, 2, -1)))


def _case(line: bytes, dice: random.Random) -> bytes:
    return dice.choice((bytes.lower, bytes.upper, bytes.swapcase, bytes.title))(line)


def _recode(codec: str) -> Step:
    return lambda data, _: data.decode("utf-8", "replace").encode(codec, "replace")


def _gzip(data: bytes, dice: random.Random) -> bytes:
    cut = _at(data, dice)
    members = dice.choice(((data,), (data[:cut], data[cut:]), (b"", data), (data, b"")))
    return b"".join(gzip.compress(member, 1, mtime=0) for member in members)


def _bgzip(data: bytes, dice: random.Random) -> bytes:
    cut = _at(data, dice)
    return dice.choice(
        (
            bgzf.compress(data) + BGZF_END,
            bgzf.compress(data[:cut]) + bgzf.compress(data[cut:]) + BGZF_END,
            bgzf.compress(data[:cut]) + BGZF_END + bgzf.compress(data[cut:]) + BGZF_END,
            bgzf.compress(data),
        )
    )


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.vcf", data)
    return out.getvalue()


def _tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("a.vcf")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


STEPS: tuple[Step, ...] = (
    *(_flip, _delete, _truncate, _insert_token, _repeat, _order, _order, _all_lines, _alias, _number, _number),
    *map(_in_line, (_replace_field, _replace_field, _replace_field, _insert_token, _insert_token, _insert_token, _swap_fields)),
    *map(_in_line, (_add_or_drop_field, _spaces, _number, _number, _long, _case, _delete, _flip)),
    *(_in_line(step, header=True) for step in (_insert_token, _delete, _number, _case, _flip, _spaces, _repeat)),
)


def _trailing(data: bytes, dice: random.Random) -> bytes:
    return _bgzip(data, dice) + dice.choice((b"\0" * 40, b"garbage", b"\n"))


def _line_ends(data: bytes, dice: random.Random) -> bytes:
    return data.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\n\r"))).strip(dice.choice((b"", b"\r\n")))


def _marked(data: bytes, dice: random.Random) -> bytes:
    return dice.choice((bytes, gzip.compress, bgzf.compress))(b"\xef\xbb\xbf" + data)


def _otherwise(data: bytes, dice: random.Random) -> bytes:
    return dice.choice((bz2.compress, lzma.compress, zlib.compress, _zip, _tar, lambda data: gzip.compress(gzip.compress(data))))(
        data
    )


WRAPS: tuple[Step, ...] = (
    *(_gzip, _gzip, _bgzip, _bgzip, _bgzip, _line_ends, _line_ends, _marked, _trailing, _otherwise),
    *(lambda data, dice: _damage(_gzip(data, dice), dice), lambda data, dice: _damage(_bgzip(data, dice), dice)),
    *map(_recode, ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7")),
)
