"""Records of every kind, made of random numbers."""

import random

META = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##INFO=<ID=AF,Number=A,Type=Float,Description="f">
##INFO=<ID=AD,Number=R,Type=Integer,Description="d">
##INFO=<ID=XG,Number=G,Type=Integer,Description="g">
##INFO=<ID=DP,Number=1,Type=Integer,Description="d">
##INFO=<ID=DB,Number=0,Type=Flag,Description="f">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="p">
##FORMAT=<ID=VF,Number=A,Type=Float,Description="v">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="q">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	S1	S2
"""


def bases(dice: random.Random, most: int) -> str:
    return "".join(dice.choices("ACGT", k=dice.randint(0, most)))


def allele(dice: random.Random, ref: str) -> str:
    """Another allele: shortened, lengthened by a copy of what is there, or anything."""
    keep = dice.randint(1, len(ref))
    made = dice.choice((ref[:keep], ref + ref[-keep:], ref[:1] + bases(dice, 3) + ref[1:], bases(dice, 3) + ref[-1:]))
    return made if made != ref else ref + "A"


def numbers(dice: random.Random, count: int) -> str:
    return ",".join(str(dice.randint(0, 99)) for _ in range(count))


def record(dice: random.Random, sequence: str, position: int = 0) -> str:
    """A record of one to four alternative alleles, with a value of every kind."""
    position = position or dice.choice((1, 2, 300, 310, 513, 8270, 16180, dice.randint(1, 16_000)))
    ref = sequence[position - 1 : position - 1 + dice.choice((1, 1, 2, 5, 12))]
    alts = list(dict.fromkeys(allele(dice, ref) for _ in range(dice.randint(1, 4))))
    count = len(alts)
    genotypes = (count + 1) * (count + 2) // 2
    info = f"AF={numbers(dice, count)};DP=7;AD={numbers(dice, count + 1)};DB;XG={numbers(dice, genotypes)}"
    calls = []
    for copies in (2, 1):
        call = dice.choice("/|").join(dice.choice(("0", ".", str(dice.randint(0, count)))) for _ in range(copies))
        likelihoods = numbers(dice, genotypes if copies == 2 else count + 1)
        calls.append(f"{call}:{numbers(dice, count + 1)}:{likelihoods}:{numbers(dice, count)}:9")
    columns = ("MT", str(position), ".", ref, ",".join(alts), "50", ".", info, "GT:AD:PL:VF:GQ", *calls)
    return "\t".join(columns) + "\n"
