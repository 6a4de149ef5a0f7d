"""Gene models of GENCODE and RefSeq in the dialect of Ensembl, the one that the rest of the engine reads."""

_NAMES = {  # attribute of Ensembl: what others call it, the first that there is
    b"gene": {b"Name": (b"Name", b"gene_name", b"gene"), b"biotype": (b"biotype", b"gene_biotype", b"gene_type")},
    b"transcript": {b"biotype": (b"biotype", b"transcript_biotype", b"transcript_type")},
}


def ensembl(line: bytes, genes: dict[bytes, bytes]) -> bytes:
    """A line of GFF3 with the ids, names and biotypes of Ensembl.

    `genes` collects the genes, which come first: a transcript for each, which is put before a coding sequence that has none.
    """
    fields = line.rstrip(b"\r\n").split(b"\t")
    if len(fields) != 9 or b"=gene:" in fields[8] or b"=transcript:" in fields[8]:
        return line
    given = dict(item.strip().partition(b"=")[::2] for item in fields[8].split(b";") if item.strip())
    own, parent = given.pop(b"ID", b""), given.pop(b"Parent", b"")
    renamed: dict[bytes, bytes] = {}
    if own and not parent and fields[2].endswith(b"gene"):
        name, biotype = own.removeprefix(b"gene-"), given.get(b"gene_biotype", b"protein_coding")
        of_all = b"ID=transcript:%b;Parent=gene:%b;biotype=%b" % (name, name, biotype)
        genes[own] = b"\t".join((*fields[:2], b"transcript", *fields[3:8], of_all)) + b"\n"
        kind, renamed[b"ID"] = b"gene", b"gene:" + name
    elif parent in genes and fields[2] == b"CDS":  # RefSeq's mitochondrion
        before, genes[parent] = genes[parent], b""
        attributes = b"Parent=transcript:" + parent.removeprefix(b"gene-")
        return before + b"\t".join((*fields[:8], attributes)) + b"\n"
    elif own and parent in genes and fields[2] != b"exon":
        kind, renamed[b"ID"], renamed[b"Parent"] = b"transcript", _transcript(own), b"gene:" + parent.removeprefix(b"gene-")
    elif parent and parent not in genes:
        kind, renamed[b"ID"], renamed[b"Parent"] = b"", own, b",".join(map(_transcript, parent.split(b",")))
    else:
        return line
    for name, names in _NAMES.get(kind, {}).items():
        renamed[name] = next((given[name] for name in names if name in given), b"")
    attributes = b";".join(b"%b=%b" % item for item in renamed.items() if item[1])
    return b"\t".join((*fields[:8], attributes)) + b"\n"


def _transcript(name: bytes) -> bytes:
    return b"transcript:" + name.removeprefix(b"rna-")
