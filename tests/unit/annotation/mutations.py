"""Seeds and mutations for files that are almost VCFs."""

import gzip
import random

from app.annotation import bgzf
from app.annotation.source import BGZF_END

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
SEEDS = (SITES.encode(), SAMPLES.encode(), SITES.replace("\n", "\r\n").encode(), SITES.replace("MT\t", "chrM\t").encode())
TOKENS = (
    *(
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b" ",
        b";",
        b"=",
        b",",
        b":",
        b".",
        b"/",
        b"|",
        b"<",
        b">",
        b"[",
        b"]",
        b"*",
        b"-",
        b'"',
        b"#",
        b"##",
        b"\0",
    ),
    *(
        b"\xff",
        b"\xc3\xa9",
        b"%",
        b"0",
        b"-1",
        b"1e400",
        b"99999999999999999999",
        b"2147483648",
        b"nan",
        b"<DEL>",
        b"<NON_REF>",
        b"A[MT:1[",
        b"N",
    ),
    *(
        b"R",
        b"acgt",
        b"GT",
        b"DP=",
        b"=;=",
        b";;",
        b"\t\t",
        b"0/1/1/0",
        b"9|9",
        b"MT",
        b"chrM",
        b"GAS_CSQ=x",
        b"BCSQ=a|b",
        b"Number=",
        b"Type=",
    ),
    *(
        b"##INFO=<ID=DP>",
        b"##contig=<ID=MT,length=5>",
        b"#CHROM\tPOS",
        b"Float",
        b"16569",
        b"16570",
        b"A" * 3000,
        b"\xef\xbb\xbf",
    ),
)


def mutate(dice: random.Random) -> bytes:
    """One file that was damaged in one to four places, sometimes compressed, sometimes damaged after that."""
    data = dice.choice(SEEDS)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        data = dice.choice(STEPS)(data, dice)
    wrap = dice.random()
    if wrap < 0.1:
        data = gzip.compress(data, mtime=0)
    elif wrap < 0.2:
        data = bgzf.compress(data) + BGZF_END
    if wrap < 0.2 and dice.random() < 0.3:
        data = dice.choice((_truncate, _flip, _insert_token))(data, dice)
    return data


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


def _insert_token(data: bytes, dice: random.Random) -> bytes:
    place = _at(data, dice)
    return data[:place] + dice.choice(TOKENS) + data[place:]


def _records(data: bytes) -> tuple[list[bytes], list[int]]:
    lines = data.split(b"\n")
    return lines, [index for index, line in enumerate(lines) if line and not line.startswith(b"#")]


def _replace_field(data: bytes, dice: random.Random) -> bytes:
    lines, records = _records(data)
    if not records:
        return data
    index = dice.choice(records)
    fields = lines[index].split(b"\t")
    fields[dice.randrange(len(fields))] = dice.choice((dice.choice(TOKENS), dice.choice(fields), b""))
    lines[index] = b"\t".join(fields)
    return b"\n".join(lines)


def _insert_in_field(data: bytes, dice: random.Random) -> bytes:
    lines, records = _records(data)
    if not records:
        return data
    index = dice.choice(records)
    lines[index] = _insert_token(lines[index], dice)
    return b"\n".join(lines)


def _lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    match dice.randrange(4):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            lines.insert(first, lines[second])
        case 2:
            del lines[first]
        case _:
            lines = lines * 2
    return b"\n".join(lines)


STEPS = (_flip, _delete, _truncate, _insert_token, _replace_field, _replace_field, _insert_in_field, _insert_in_field, _lines)
