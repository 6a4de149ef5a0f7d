"""What the API takes and gives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.domain.jobs import Fault, Job, Status, Tier
from app.domain.keys import UUID
from app.domain.limits import BATCH_FILES, FILE_NAME, NOTE, TAG, TAGS
from app.explorer.expression import FIELDS, parse
from app.explorer.matching import SORTS
from app.explorer.query import Unknown
from app.explorer.record import WHOLE, Filter, Region
from app.services.saved import genes as split
from app.services.shares import MOST_PASSWORD


class NewJob(BaseModel):
    """A file to annotate."""

    model_config = ConfigDict(extra="forbid")

    file_name: str = Field(min_length=1, max_length=10_000)
    assembly: str = Field("", max_length=100, description="One of the assemblies that are offered; empty: the file decides.")
    batch: str = Field("", pattern=f"^({UUID})?$", description="Of files that are sent together: the `batch_id` of all of them.")
    batch_files: int = Field(
        0, strict=True, ge=0, le=BATCH_FILES.most, description="How many they are: the mail waits for as many."
    )


class PastedIn(BaseModel):
    """Variants as people write them."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        max_length=1_000_000,
        description="One a line: HGVS on the genome or in a transcript, alleles, SPDI, rsIDs, lines of a VCF.",
    )
    assembly: str = Field("", max_length=100, description="Assembly that the job is to name; empty: the first that is offered.")


class PastedFaultOut(BaseModel):
    """A line, from 1, that is not understood."""

    model_config = ConfigDict(from_attributes=True)

    line: int
    text: str
    reason: str


class PastedOut(BaseModel):
    """A VCF of what was understood, and the lines that were not."""

    model_config = ConfigDict(from_attributes=True)

    vcf: str
    faults: list[PastedFaultOut]


class Again(BaseModel):
    """How a failed job is run again."""

    model_config = ConfigDict(extra="forbid")

    skip_bad: bool = Field(False, description="Set lines aside that are no records, if they are few (at most 20, or 1 %).")


class LabelsIn(BaseModel):
    """What a job is called and what its owner says of it. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    file_name: str | None = Field(None, min_length=1, max_length=FILE_NAME.most, description="The new name.")
    tags: list[Annotated[str, Field(min_length=1, max_length=TAG.most)]] | None = Field(
        None, max_length=TAGS.most, description="All of its tags."
    )
    note: str | None = Field(None, max_length=NOTE.most, description="A note; empty: none.")


class LineFaultOut(BaseModel):
    """A line of the file that is no record."""

    line: int
    column: str
    reason: str
    text: str


class Keyed(BaseModel):
    """A request that may be repeated."""

    idempotency_key: str = Field("", max_length=200)


class JobOut(BaseModel):
    """A job as its owner sees it. Times are milliseconds since 1970, sizes bytes."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    status: Status
    tier: Tier
    file_name: str
    tags: list[str]
    note: str
    batch: str
    assembly: str
    bundle: str
    size: int
    created_at: int
    submitted_at: int | None
    started_at: int | None
    finished_at: int | None
    phase: str
    records: int
    percent: int
    fault: Fault | None
    message: str
    line: int | None
    faults: list[LineFaultOut] = Field(description="The first twenty lines that are no records.")
    skippable: int = Field(description="Lines without which the file could be annotated; 0 if that is not the way.")
    skip_bad: bool
    set_aside: int = Field(description="Lines that were set aside.")
    result_size: int

    @field_validator("tags", mode="before")
    @classmethod
    def _sorted(cls, given: Any) -> Any:
        return sorted(given) if isinstance(given, frozenset) else given

    @field_validator("faults", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return json.loads(given or "[]") if isinstance(given, str) else given


class JobQuery(BaseModel):
    """Which part of the list, newest first."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=500, description="Text in the name, tags or note, in small letters or large.")
    tag: str = Field("", max_length=TAG.most, description="A tag that they have.")
    batch: str = Field("", pattern=f"^({UUID})?$", description="The batch that they were sent in.")
    state: Literal["", "waiting", "running", "completed", "archived", "failed", "cancelled", "unfinished"] = Field(
        "", description="How far they are; `unfinished` are those that wait or run."
    )
    limit: int = Field(20, ge=1, le=100, description="Jobs on a page.")
    before: str = Field("", pattern="^([0-9a-f-]{36})?$", description="The `next` of the page before.")


class BatchOut(BaseModel):
    """A new batch: each job of it names its id. It takes jobs for a day."""

    batch_id: str


class CountsOut(BaseModel):
    """How many jobs are in each state, as `state` of the list names them, among the newest thousand."""

    waiting: int
    running: int
    completed: int
    archived: int
    failed: int
    cancelled: int
    counted: int = Field(description="Jobs that were counted; a thousand: there may be more.")


class JobsOut(BaseModel):
    """A page of jobs, newest first. `next` is the `before` of the page that follows, null at the end.

    A search looks at a thousand jobs at most: it may find few, or none, and still have a `next`.
    """

    jobs: list[JobOut]
    next: str | None


class PartOut(BaseModel):
    """A part of a reference: where it comes from, in which version. `date` is that of its newest source, or empty."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    version: str
    date: str
    licence: str


class ReferenceOut(BaseModel):
    """A reference that jobs may name, and its parts; without version and parts where they cannot be had just now."""

    assembly: str
    bundle: str
    version: str
    parts: list[PartOut]


class ReferencesOut(BaseModel):
    """All references that are offered, in the order in which a file is compared with them."""

    references: list[ReferenceOut]


class LimitsOut(BaseModel):
    """What the plan allows."""

    model_config = ConfigDict(from_attributes=True)

    max_upload_bytes: int
    unfinished_jobs: int
    daily_submissions: int
    archives: bool


class AccountOut(BaseModel):
    """Whose token this is."""

    user_id: str
    name: str
    email: str
    plan: str
    limits: LimitsOut


class ShareIn(BaseModel):
    """A read-only link to a result."""

    model_config = ConfigDict(extra="forbid")

    days: Literal[1, 7, 30, 90] = Field(7, description="How long it is good for.")
    password: str = Field("", max_length=MOST_PASSWORD, description="Wanted from who opens it; empty: none.")


class ShareOut(BaseModel):
    """A new link. It is shown this once; `digest` revokes it."""

    url: str
    digest: str


class TokenOut(BaseModel):
    """A token by what is kept of it. Times are seconds since 1970."""

    digest: str
    name: str
    scope: str
    created: int
    expires_at: int


class TokensOut(BaseModel):
    """All tokens of the account."""

    tokens: list[TokenOut]


class UploadOut(BaseModel):
    """A new job and how to upload its file: a multipart POST of `fields`, then `file`, to `url`. Then submit the job."""

    job: JobOut
    url: str
    fields: dict[str, str]


def job_out(job: Job) -> dict[str, Any]:
    """Returns what the API says of a job, as JSON takes it: what a JobOut would be written as, which need not be made first."""
    values = dict(zip(_JOB_FIELDS, _job_values(job), strict=True))
    values["tags"], values["faults"] = sorted(job.tags), json.loads(job.faults) if job.faults else []
    return values


_JOB_FIELDS = tuple(JobOut.model_fields)
_job_values = attrgetter(*_JOB_FIELDS)


REGION = r"([!-9;-~]+(?::[!-9;-~]*)*?)(?::([0-9,]{1,13})(-([0-9,]{1,13})?)?)?"
"""A contig, which may have colons in its name, and a position or a range."""


class VariantFilter(BaseModel):
    """What is looked for in a result. Everything that is given must be true of a variant."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(
        "",
        max_length=1000,
        description="One box for a variant, place or gene as people write it: `m.3243A>G`, `MT:3000-3500`, `p.Arg340His`, "
        "`NM_…:c.…`, an rsID, genes by symbol, Ensembl or HGNC id, a consequence, a filter, or text.",
    )
    where: str = Field(
        "",
        max_length=500,
        description="A filter over columns, as `impact>=MODERATE and not frequency>=0.001`; fields are "
        + ", ".join(FIELDS)
        + ".",
    )
    region: str = Field(
        "",
        max_length=200,
        description="A contig, a position or a range of both, such as `MT:3200-3300`.",
        json_schema_extra={"pattern": f"^ *({REGION})? *$"},
    )
    gene: str = Field("", max_length=100, description="Symbol of a gene.")
    consequence: str = Field("", max_length=100, description="The most severe one: a Sequence Ontology term.")
    impact: Literal["", "HIGH", "MODERATE", "LOW", "MODIFIER"] = Field("", description="Class of the most severe consequence.")
    known: bool = Field(False, description="Only variants that are known in a disease.")
    frequency: float | None = Field(None, ge=0, le=1, description="AF at most; variants without one are kept.")
    text: str = Field("", max_length=200, description="Text anywhere in the record, in small letters or large.")

    genes: str = Field(
        "",
        max_length=1000,
        description="A panel: symbols, Ensembl or HGNC ids with blanks, commas or lines between them; any of them.",
        json_schema_extra={"pattern": "^[A-Za-z0-9 _.,;:-]*$"},
    )
    panel: str = Field(
        "", max_length=60, description="The name of a panel that you keep, or `Mitochondrial disease`; any of its genes."
    )

    @field_validator("q", "where", "region", "gene", "consequence", "text", "genes", "panel", mode="before")
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return value.strip(" ") if isinstance(value, str) else value

    @field_validator("region")
    @classmethod
    def _regular(cls, value: str) -> str:
        if value and not re.fullmatch(REGION, value):
            raise ValueError("write a contig, MT:3243 or MT:3200-3300")
        return value

    def filter(self, kept: Mapping[str, str]) -> Filter:
        """What is looked for, as the explorer takes it; `kept` has the user's panels by name. Raises Refused, Unknown."""
        given = self.model_dump(include=ASKED - {"region", "q", "where", "genes", "panel"})
        if self.panel and self.panel not in kept:
            raise Unknown(f"There is no panel of the name {self.panel}. There are: {', '.join(kept) or 'none'}.")
        panel = split(f"{kept.get(self.panel, '')} {self.genes}")
        where = parse(self.where) if self.where else None
        return Filter(region=self._region(), search=self.q, where=where, panel=panel, **given)

    def _region(self) -> Region | None:
        found = re.fullmatch(REGION, self.region)
        if not found:
            return None
        contig, begin, ranged, end = found.groups()
        first = min(_position(begin), WHOLE) if begin else 1
        last = _position(end) if end else WHOLE if ranged or not begin else first
        return Region(contig, first, max(first, min(last, WHOLE)))

    def asked(self) -> dict[str, str]:
        """What is asked, as the query of an address, without where in the answer."""
        given = self.model_dump(include=ASKED, exclude_defaults=True)
        return {name: "true" if value is True else str(value) for name, value in given.items()}


ASKED = set(VariantFilter.model_fields)


class VariantQuery(VariantFilter):
    """What is looked for, in which order, and which page of it."""

    sort: str = Field("position", pattern=f"^-?({'|'.join(SORTS)})$", description="What it is sorted by; `-` turns it round.")
    cursor: str = Field("", pattern="^[0-9a-f]{0,15}$", description="The `next` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Variants on a page.")

    @property
    def at(self) -> int | None:
        """The cursor as a virtual offset; None for the first page."""
        return int(self.cursor, 16) if self.cursor else None


class SavedOut(BaseModel):
    """What you keep to ask of any result, by name."""

    filters: dict[str, str] = Field(description="Filters: each the query of an address, as `/variants` takes it.")
    panels: dict[str, str] = Field(description="Gene panels: symbols, Ensembl or HGNC ids with blanks between them.")


class SavedIn(BaseModel):
    """A filter or a panel to be kept."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=60, description="What it is called; what had this name before is replaced.")
    text: str = Field(max_length=6000, description="The query, as `where=impact%3DHIGH&sort=gene`; of a panel its genes.")


class TranscriptOut(BaseModel):
    """What a variant does in one transcript."""

    model_config = ConfigDict(from_attributes=True)

    consequence: str = Field(description="Sequence Ontology terms, the most severe first.")
    impact: str
    gene: str
    gene_id: str
    transcript: str
    biotype: str
    strand: str
    exon: str = Field(description="Its number and how many there are, as in 3/7.")
    intron: str
    dna: str = Field(description="HGVS name in the transcript: c., or n. where it makes no protein.")
    protein: str = Field(description="HGVS name of the change of the protein: p.")
    amino_acids: str
    codons: str
    cdna_position: str = Field(description="In the transcript, and how long that is, as in 154/956.")
    cds_position: str
    protein_position: str
    distance: str = Field(description="Bases to the transcript; empty within it.")
    canonical: bool
    mane: str = Field(description="Select or Plus Clinical, where the transcript is one of MANE's.")
    mane_transcript: str = Field(description="The matching transcript of RefSeq or Ensembl; 1 where the models do not name it.")
    incomplete: str = Field(description="cds_start_NF, cds_end_NF: ends of the coding sequence that the models do not know.")


class VariantOut(BaseModel):
    """One allele of a result."""

    model_config = ConfigDict(from_attributes=True)

    place: str = Field(description="Where in the result it stands; the last part of its own address.")
    contig: str
    position: int
    identifier: str
    ref: str
    alt: str
    type: str
    quality: str
    filters: str
    samples: int
    consequence: str
    impact: str
    gene: str
    transcript: str = Field(description="The transcript that gene, consequence and impact are of.")
    hgvs_genomic: str = Field(description="HGVS name on the contig: g., or m. on the mitochondrion.")
    hgvs_coding: str = Field(description="HGVS name in `transcript`: c. or n.")
    hgvs_protein: str = Field(description="HGVS name of the change of its protein: p.")
    flags: list[str] = Field(description="Words of GAS_FLAG, which docs/engine.md explains.")
    old_record: str = Field(description="CHROM|POS|REF|ALT|number: the record that it was in, if that was split or moved.")
    rsid: str
    known: str
    significance: str = Field(description="What is known of it in a disease, in one word.")
    stars: int | None = Field(description="ClinVar's review status: 0 to 4 stars.")
    frequency: float | None = Field(description="In the group of people that has it most often, or in all.")
    matters: str = Field(description="Its class among those of `what_matters` in the summary; empty if it is in none.")
    transcripts: list[TranscriptOut]
    info: dict[str, str]


class VariantAloneOut(VariantOut):
    """One allele with the values of its samples, by sample and by the names that FORMAT gives them; a thousand at most."""

    genotypes: dict[str, dict[str, str]]


class VariantsOut(BaseModel):
    """A page of variants. `next` is the `cursor` of what follows, null at the end.

    One page looks through a bounded part of the result: it may have few variants, or none, and still a `next`.
    """

    variants: list[VariantOut]
    next: str | None
    total: int | None = Field(description="How many are wanted; null where only reading them all would tell.")
    first: int = Field(description="How many of them come before this page.")
    understood: str = Field(description="How `q` was understood.")
    hint: str = Field(description="What may be meant, where nothing was found.")
    looked: int = Field(description="Records that were looked at for this page.")
    share: float = Field(description="How much of what was asked for is behind this page, 0 to 1.")


def _position(text: str) -> int:
    return max(1, int(text.replace(",", "") or 1))
