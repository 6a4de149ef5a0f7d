"""Small VCFs in the shapes that callers write, on the human mitochondrion: each shape with the quirks that it is known for.

A row is `POS ID REF ALT QUAL FILTER INFO FORMAT SAMPLE…`, with blanks for tabs. REF `@n` stands for the n bases of the "
"reference
there, `@` in ALT for the first of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

GT = "FORMAT GT 1 String"
DEPTHS = ("FORMAT AD R Integer", "FORMAT DP 1 Integer")


@dataclass(frozen=True)
class Shape:
    """What one caller writes."""

    version: str
    declared: tuple[str, ...]  # `INFO AF A Float`
    rows: tuple[str, ...]
    samples: str = "S1"
    contig: str = "chrM"
    lines: tuple[str, ...] = field(default=())  # further lines of the header


CALLERS: dict[str, Shape] = {
    "gatk-gvcf": Shape(
        "4.2",
        (GT, *DEPTHS, "FORMAT GQ 1 Integer", "FORMAT MIN_DP 1 Integer", "FORMAT PL G Integer", "FORMAT PGT 1 String",
         "FORMAT PID 1 String", "FORMAT PS 1 Integer", "FORMAT SB 4 Integer", "INFO END 1 Integer", "INFO MLEAC A Integer",
         "INFO MLEAF A Float", "INFO RAW_MQandDP 2 Integer"),
        (
            "1 b1 @1 <NON_REF> . . END=72 GT:DP:GQ:MIN_DP:PL 0/0:30:90:28:0,90,1350",
            "73 v1 @1 G,<NON_REF> 1200.6 . MLEAC=2,0;MLEAF=1.00,0.00;RAW_MQandDP=108000,30 "
            "GT:AD:DP:GQ:PL:SB 1/1:0,30,0:30:90:1240,90,0,1240,90,1240:0,0,16,14",
            "302 v2 @3 @,@CCC,<NON_REF> 90 . MLEAC=1,1,0 "
            "GT:AD:GQ:PGT:PID:PL:PS 1|2:2,9,7,0:80:0|1:302_AC_A:400,90,80,70,0,60,410,95,85,420:302",
        ),
        lines=("##GVCFBlock0-1=minGQ=0(inclusive),maxGQ=1(exclusive)", '##ALT=<ID=NON_REF,Description="Any other allele">'),
    ),
    "mutect2-mitochondria": Shape(
        "4.2",
        (GT, *DEPTHS, "FORMAT AF A Float", "FORMAT F1R2 R Integer", "FORMAT F2R1 R Integer", "FORMAT SB 4 Integer",
        "INFO DP 1 Integer",
         "INFO TLOD A Float", "INFO MBQ R Integer", "INFO RPA R Integer", "INFO RU 1 String", "INFO STR 0 Flag",
         "INFO AS_FilterStatus A String", "INFO AS_SB_TABLE 1 String"),
        (
            "302 m1 @2 @CC,@ . weak_evidence DP=900;MBQ=30,31,32;TLOD=9.7,812.4;RPA=7,8,6;RU=C;STR;"
            "AS_FilterStatus=weak_evidence,SITE;AS_SB_TABLE=1,2|3,4|5,6 GT:AD:AF:DP:F1R2:F2R1:SB "
            "0/1/2:9,30,861:0.033,0.957:900:4,15,400:5,15,461:4,5,440,451",
            "3243 m2 @1 G . PASS DP=812;MBQ=30,33;TLOD=1700;AS_FilterStatus=SITE GT:AD:AF:DP:F1R2:F2R1:SB "
            "0|1:500,312:0.384:812:250,150:250,162:1,2,3,4",
        ),
        lines=('##filtering_status="These calls have been filtered"', "##MutectVersion=2.2", "##normal_sample=N"),
    ),
    "deepvariant": Shape(
        "4.2",
        (GT, "FORMAT GQ 1 Integer", "FORMAT DP 1 Integer", "FORMAT AD R Integer", "FORMAT VAF A Float", "FORMAT PL G Integer"),
        (
            "152 d1 @1 C,A 40.5 PASS . GT:GQ:DP:AD:VAF:PL 1/2:12:40:1,20,19:0.5,0.475:40,20,15,18,0,12",
            "263 d2 @1 G 0 RefCall . GT:GQ:DP:AD:VAF:PL ./.:9:30:27,3:0.1:0,9,30",
        ),
    ),
    "freebayes": Shape(
        "4.2",
        (GT, "FORMAT DP 1 Integer", "FORMAT AD R Integer", "FORMAT RO 1 Integer", "FORMAT QR 1 Integer", "FORMAT AO A Integer",
         "FORMAT QA A Integer", "FORMAT GL G Float", "INFO AO A Integer", "INFO TYPE A String", "INFO CIGAR A String",
         "INFO RO 1 Integer"),
        (
            "8860 f1 @4 @1,G 5000 . AO=40,12;TYPE=del,snp;CIGAR=1M3D,1X3M;RO=2 "
            "GT:DP:AD:RO:QR:AO:QA:GL 1/2:54:2,40,12:2:70:40,12:1400,400:-100.5,-20.25,-10.125,-90,0,-80",
            "8993 f2 @1 G 100.123456789 . AO=9;TYPE=snp;CIGAR=1X;RO=9 GT:DP:AD:RO:QR:AO:QA:GL 0/1:18:9,9:9:300:9:310:-20,0,-20",
        ),
    ),
    "strelka": Shape(
        "4.1",
        ("INFO SOMATIC 0 Flag", "INFO QSS 1 Integer", "INFO SGT 1 String", "FORMAT DP 1 Integer", "FORMAT AU 2 Integer",
         "FORMAT CU 2 Integer", "FORMAT GU 2 Integer", "FORMAT TU 2 Integer", "FORMAT TAR 2 Integer"),
        ("3243 s1 @1 G . PASS SOMATIC;QSS=90;SGT=AA->AG DP:AU:CU:GU:TU 90:90,91:0,0:0,0:0,0 80:40,41:0,0:40,40:0,0",),
        samples="NORMAL\tTUMOR",
    ),
    "dragen": Shape(
        "4.2",
        (GT, *DEPTHS, "FORMAT AF A Float", "FORMAT SQ A Float", "FORMAT F1R2 R Integer", "FORMAT F2R1 R Integer",
        "FORMAT PS 1 Integer",
         "INFO AC A Integer", "INFO AF A Float", "INFO AN 1 Integer", "INFO FractionInformativeReads 1 Float"),
        (
            "16189 g1 @1 C,G 60 PASS AC=1,1;AF=0.500,0.500;AN=2;FractionInformativeReads=1.000 "
            "GT:SQ:AD:AF:F1R2:F2R1:DP:PS 1|2:60.1,3.2:0,50,8:0.862,0.138:0,25,4:0,25,4:58:16189",
        ),
    ),
    "manta": Shape(
        "4.1",
        (GT, "FORMAT PR . Integer", "FORMAT SR . Integer", "INFO IMPRECISE 0 Flag", "INFO SVTYPE 1 String",
        "INFO SVLEN . Integer",
         "INFO END 1 Integer", "INFO CIPOS 2 Integer", "INFO CIEND 2 Integer", "INFO CIGAR A String", "INFO MATEID . String",
         "INFO HOMLEN . Integer", "INFO HOMSEQ . String"),
        (
            "8469 MantaDEL:1 @1 <DEL> 999 PASS "
            "END=13447;SVTYPE=DEL;SVLEN=-4977;CIPOS=0,13;CIEND=0,13;HOMLEN=13;HOMSEQ=ACCTCCCTCACCA GT:PR:SR 0/1:80,41:70,55",
            "9000 MantaBND:1:0 @1 @[chrM:14000[ 300 PASS SVTYPE=BND;MATEID=MantaBND:1:1;IMPRECISE GT:PR 0/1:10,9",
            "14000 MantaBND:1:1 @1 ]chrM:9000]@ 300 PASS SVTYPE=BND;MATEID=MantaBND:1:0;IMPRECISE GT:PR 0/1:10,9",
            "15000 MantaINS:1 @1 <INS> 200 PASS END=15000;SVTYPE=INS GT:PR:SR 0/1:5,5:3,9",
        ),
        lines=('##ALT=<ID=DEL,Description="Deletion">', '##ALT=<ID=INS,Description="Insertion">'),
    ),
    "delly": Shape(
        "4.2",
        (GT, "FORMAT GL G Float", "FORMAT RCL 1 Integer", "FORMAT CN 1 Integer", "INFO PRECISE 0 Flag", "INFO SVTYPE 1 String",
         "INFO CHR2 1 String", "INFO END 1 Integer", "INFO POS2 1 Integer", "INFO CT 1 String", "INFO CIPOS 2 Integer"),
        (
            "5000 INV1 @1 <INV> 600 LowQual PRECISE;SVTYPE=INV;END=6000;CT=3to3;CIPOS=-10,10 GT:GL:RCL:CN 0/1:-5,0,-9:100:2",
            "7000 BND1 @1 @]chrM:12000] 100 PASS SVTYPE=BND;CHR2=chrM;POS2=12000;END=7001;CT=3to3 GT:GL:RCL:CN "
            "0/1:-5,0,-9:100:2",
        ),
    ),
    "sniffles": Shape(
        "4.2",
        (GT, "FORMAT GQ 1 Integer", "FORMAT DR 1 Integer", "FORMAT DV 1 Integer", "INFO PRECISE 0 Flag", "INFO SVTYPE 1 String",
         "INFO SVLEN 1 Integer", "INFO END 1 Integer", "INFO SUPPORT 1 Integer", "INFO RNAMES . String",
         "INFO STDEV_LEN 1 Float"),
        (
            "3500 Sniffles2.DEL.1 N <DEL> 60 PASS PRECISE;SVTYPE=DEL;SVLEN=-700;END=4200;SUPPORT=20;RNAMES=a/1,b/2 "
            "GT:GQ:DR:DV 0/1:60:20:20",
            "6000 Sniffles2.INS.2 N ACGTTGCATTAC 50 PASS SVTYPE=INS;SVLEN=12;END=6000;SUPPORT=9 GT:GQ:DR:DV ./.:0:1:9",
            "9000 Sniffles2.BND.3 N N]chrM:12000] 40 GT SVTYPE=BND;SUPPORT=5 GT:GQ:DR:DV 0/0:10:30:5",
        ),
    ),
    "clair3": Shape(
        "4.2",
        (GT, "FORMAT GQ 1 Integer", "FORMAT DP 1 Integer", "FORMAT AD R Integer", "FORMAT AF A Float", "INFO F 0 Flag",
        "INFO P 0 Flag"),
        ("750 c1 @1 G,T 22.1 PASS P GT:GQ:DP:AD:AF 1/2:22:30:0,16,14:0.5333,0.4667",
        "1438 c2 @1 . 9 RefCall F GT:GQ:DP:AD:AF 0/0:9:30:28:0.06"),
    ),
    "glnexus": Shape(
        "4.2",
        (GT, "FORMAT RNC 2 Character", "FORMAT DP 1 Integer", "FORMAT AD R Integer", "FORMAT GQ 1 Integer",
        "FORMAT PL G Integer",
         "INFO AF A Float", "INFO AQ A Integer"),
        (
            "2706 a;b;c @1 G,C,T 50 . AF=0.5,0.25,0.1;AQ=50,40,30 GT:DP:AD:GQ:PL:RNC "
            "1/2:30:1,15,14,0:20:40,30,20,35,0,25,60,61,62,63:.. 3/3:9:0,0,0,9:9:9,9,9,9,9,9,9,9,9,0:.. ./.:.:.:.:.:MM",
        ),
        samples="A\tB\tC",
    ),
    "1000-genomes": Shape(
        "4.1",
        (GT, "INFO AC A Integer", "INFO AF A Float", "INFO AN 1 Integer", "INFO VT . String", "INFO END 1 Integer"),
        (
            "3010 k1 @1 A,<CN0> 100 fa AC=1,1;AF=0.4,0.2;AN=5;VT=S,M GT 1 2 0",
            "5178 k2 @1 A 100 PASS AC=1;AF=0.2;AN=5;VT=S GT 0|1 1|0 .",
        ),
        samples="HG1\tHG2\tHG3",
        contig="MT",
    ),
    "array": Shape(
        "4.3",
        (GT, "FORMAT BAF 1 Float", "FORMAT LRR 1 Float", "INFO ALLELE_A 1 Integer"),
        ("4216 rs1599988 @1 C . PASS ALLELE_A=1 GT:BAF:LRR 0:0.01:-0.2 1:0.99:0.1",
        "9055 200610-1 @1 . . PASS ALLELE_A=0 GT:BAF:LRR 0:0:. .:NaN:-Inf"),
        samples="chip_R01C01\tchip 2",
        contig="26",
    ),
    "vep-annotated": Shape(
        "4.2",
        (GT, "INFO AF A Float"),
        ("11778 e1 @1 A,C . PASS AF=0.5,0.1;CSQ=A|missense_variant|MODERATE,C|missense_variant|MODERATE GT 0|2",),
        lines=('##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. Format: '
               'Allele|Consequence|IMPACT">',),
    ),
    "snpeff-annotated": Shape(
        "4.1",
        (GT, "INFO DP 1 Integer"),
        ("11778 n1 @1 A . PASS DP=9;ANN=A|missense_variant|MODERATE|ND4;LOF=(ND4|ND4|1|1.00);NMD=(x) GT 1/1",),
        lines=('##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations: \'Allele | Annotation\' ">',
               '##INFO=<ID=LOF,Number=.,Type=String,Description="Predicted loss of function">'),
    ),
}  # fmt: skip


def text(shape: Shape, bases: Callable[[int, int], str]) -> str:
    """The file; `bases` gives so many bases of the reference from a 1-based position on."""
    made = [line.split() for line in shape.declared]
    header = [
        f"##fileformat=VCFv{shape.version}",
        *shape.lines,
        *(f'##{kind}=<ID={name},Number={number},Type={type_},Description="{name}">' for kind, name, number, type_ in made),
        f"##contig=<ID={shape.contig},length=16569>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + shape.samples,
    ]
    rows = []
    for row in shape.rows:
        fields = row.split(" ")
        position, first = int(fields[0]), bases(int(fields[0]), 1)
        if fields[2].startswith("@"):
            fields[2] = bases(position, int(fields[2][1:]))
        fields[3] = fields[3].replace("@1", first).replace("@", first)
        rows.append("\t".join([shape.contig, *fields]))
    return "\n".join([*header, *rows, ""])
