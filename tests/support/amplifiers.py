"""Files that are small when compressed and ask for much: one token over and over, in every place of the grammar of a VCF."""

from collections.abc import Callable, Iterator

META = "##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n"
TAGS = (
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n##INFO=<ID=X,Number=.,Type=String,Description="x">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">\n##FORMAT=<ID=PL,Number=G,Type=Integer,Description="l">\n'
)
SITES = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
CALLS = SITES.rstrip("\n") + "\tFORMAT\tS\n"
HEAD, CALLED = META + TAGS + SITES, META + TAGS + CALLS
RECORD = "MT\t3460\t.\tG\tA\t.\t.\tDP=1\n"

Made = Callable[[int], Iterator[str]]


def _of(before: str, token: str, behind: str, *, head: str = HEAD, before_head: bool = False) -> Made:
    """A token so many times, between two texts: an `@` in it stands for the number of the repetition."""

    def made(count: int) -> Iterator[str]:
        yield "" if before_head else head
        yield before
        for first in range(0, count, 10_000):
            numbers = range(first, min(first + 10_000, count))
            yield "".join(token.replace("@", str(n)) for n in numbers) if "@" in token else token * len(numbers)
        yield behind

    return made


def _in_header(before: str, token: str, behind: str) -> Made:
    return _of(META + before, token, behind + "\n" + TAGS + SITES + RECORD, before_head=True)


PLACES: dict[str, Made] = {
    "header lines": _in_header("", "##x=1\n", ""),
    "header lines of their own": _in_header("", "##x@=1\n", ""),
    "one header line": _in_header("##x=", "a", ""),
    "declarations of INFO": _in_header("", '##INFO=<ID=T@,Number=1,Type=Integer,Description="d">\n', ""),
    "one declaration over and over": _in_header("", '##INFO=<ID=T,Number=1,Type=Integer,Description="d">\n', ""),
    "filters": _in_header("", '##FILTER=<ID=q@,Description="d">\n', ""),
    "contigs of the header": _in_header("", "##contig=<ID=c@,length=9>\n", ""),
    "attributes": _in_header("##contig=<ID=c", ",a=b", ">"),
    "attributes in quotes": _in_header("##INFO=<ID=Q,Number=1,Type=Integer", ',a="b"', ">"),
    "quotes": _in_header('##INFO=<ID=Q,Number=1,Type=Integer,Description="', '"', '">'),
    "backslashes": _in_header('##INFO=<ID=Q,Number=1,Type=Integer,Description="', "\\", '">'),
    "header lines that run together": _in_header("", '##FILTER=<ID=q,Description="d">', ""),
    "angle brackets": _in_header("##x=", "<", ""),
    "samples": _of(META + SITES.rstrip("\n") + "\tFORMAT", "\ts@", "\n", before_head=True),
    "columns": _of(META + SITES.rstrip("\n"), "\tINFO", "\n", before_head=True),
    "name of a contig": _of("", "c", "\t1\t.\tG\tA\t.\t.\t.\n"),
    "digits of a position": _of("MT\t", "1", "\t.\tG\tA\t.\t.\t.\n"),
    "identifiers": _of("MT\t3460\t", "a;", "b\tG\tA\t.\t.\t.\n"),
    "identifiers of their own": _of("MT\t3460\t", "a@;", "b\tG\tA\t.\t.\t.\n"),
    "bases of REF": _of("MT\t3460\t.\t", "G", "\tA\t.\t.\t.\n"),
    "unknown bases of REF": _of("MT\t1\t.\t", "N", "\tA\t.\t.\t.\n"),
    "bases of ALT": _of("MT\t3460\t.\tG\t", "A", "\t.\t.\t.\n"),
    "alleles": _of("MT\t3460\t.\tG\t", "A,", "C\t.\t.\t.\n"),
    "symbolic alleles": _of("MT\t3460\t.\tG\t", "<DEL>,", "<DUP>\t.\t.\t.\n"),
    "a symbolic allele": _of("MT\t3460\t.\tG\t<DEL", ":A", ">\t.\t.\tEND=4000\n"),
    "a breakend": _of("MT\t3460\t.\tG\tG[", "M", ":12[\t.\t.\t.\n"),
    "digits of a quality": _of("MT\t3460\t.\tG\tA\t", "1", "\t.\t.\n"),
    "names of filters": _of("MT\t3460\t.\tG\tA\t.\t", "q;", "q\t.\n"),
    "names of filters of their own": _of("MT\t3460\t.\tG\tA\t.\t", "q@;", "q\t.\n"),
    "tags": _of("MT\t3460\t.\tG\tA\t.\t.\t", "DP=1;", "DP=2\n"),
    "tags of their own": _of("MT\t3460\t.\tG\tA\t.\t.\t", "T@=1;", "DP=2\n"),
    "flags of their own": _of("MT\t3460\t.\tG\tA\t.\t.\t", "T@;", "DP=2\n"),
    "values of a tag": _of("MT\t3460\t.\tG\tA\t.\t.\tX=", "1,", "1\n"),
    "values an allele": _of("MT\t3460\t.\tG\tA,C\t.\t.\tAF=", "1,", "1\n"),
    "a value": _of("MT\t3460\t.\tG\tA\t.\t.\tX=", "a", "\n"),
    "digits of END": _of("MT\t3460\t.\tG\t<DEL>\t.\t.\tEND=", "1", "\n"),
    "lengths": _of("MT\t3460\t.\tG\t<DEL>\t.\t.\tSVLEN=", "1,", "1\n"),
    "spaces": _of("MT\t3460\t.\tG\tA\t.\t.\tX=a", " ", "b\n"),
    "semicolons": _of("MT\t3460\t.\tG\tA\t.\t.\tX=a", ";", "\n"),
    "tabs": _of("MT\t3460\t.\tG\tA\t.\t.\t.", "\t", "\n"),
    "keys of FORMAT": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT", ":DP", "\t0/1\n", head=CALLED),
    "keys of FORMAT of their own": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT", ":K@", "\t0/1\n", head=CALLED),
    "values of a sample": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT\t0/1", ":1", "\n", head=CALLED),
    "depths": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT:AD\t0/1:1", ",1", "\n", head=CALLED),
    "likelihoods": _of("MT\t3460\t.\tG\tA,C\t.\t.\t.\tGT:PL\t0/1:1", ",1", "\n", head=CALLED),
    "ploidy": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT\t0", "/1", "\n", head=CALLED),
    "digits of a genotype": _of("MT\t3460\t.\tG\tA\t.\t.\t.\tGT\t", "0", "/1\n", head=CALLED),
    "records": _of("", RECORD, ""),
    "records of their own": _of("", "MT\t3460\tid@\tG\tA\t.\t.\tX=v@\n", ""),
    "records on contigs of their own": _of(RECORD * 5, "c@\t3460\t.\tG\tA\t.\t.\t.\n", ""),
    "insertions at one place": _of("", "MT\t3460\t.\tG\tGA\t.\t.\t.\n", ""),
    "structural variants": _of("", "MT\t100\t.\tG\t<DEL>\t.\t.\tEND=16500\n", ""),
    "blank lines": _of(RECORD, "\n", ""),
    "comments": _of(RECORD, "#c\n", ""),
    "second headers": _of(RECORD, '##INFO=<ID=S@,Number=1,Type=Integer,Description="d">\n', ""),
    "lines that are no records": _of(RECORD, "x\n", ""),
    "records without an end": _of("", "MT", ""),
    "carriage returns": _of(RECORD, "\r", "\n"),
    "zero bytes": _of(RECORD, "\0", "\n"),
}
"""By place: what makes a text with so many repetitions, in pieces."""


def copied(count: int) -> Iterator[str]:
    """A record of many alleles, each of which takes all of a long value with it."""
    yield HEAD + "MT\t3460\t.\tG\t"
    yield ",".join("G" + "ACGT" * (n % 7) + "ACGTTGCA"[n % 8] * (n // 7 + 1) for n in range(200))
    yield "\t.\t.\tX=" + "a" * count + "\n"


def alleles(count: int) -> Iterator[str]:
    """Records of as many alleles as a record may have, one after the other."""
    yield HEAD
    for _ in range(count // 9000 + 1):
        yield "MT\t3460\t.\tG\t" + "A,C,T," * 2999 + "A\t.\t.\t.\n"


PLACES["alleles of many records"] = alleles
PLACES["a value that goes with many alleles"] = copied
