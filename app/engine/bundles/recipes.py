"""What a recipe of a reference bundle has to say, checked before anything is downloaded."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.engine.bundles.tags import TAGS
from app.engine.consequence.genetic_code import NUMBERS

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")]
Words = Annotated[str, Field(pattern=r'^[^"\\\n]+$')]
RESERVED_PARTS = {"sequence", "genes"}
RESERVED_TAGS = {column.tag for column in TAGS}


def _tag(name: str) -> str:
    """An INFO tag that a track may add."""
    if not re.fullmatch(r"GAS_[A-Z0-9_]+", name) or name in RESERVED_TAGS:
        raise ValueError("a tag is called GAS_ and more, in capitals, and not like one of the engine's own")
    return name


def _code(number: int) -> int:
    """The number of a genetic code."""
    if number not in NUMBERS:
        raise ValueError(f"NCBI has no genetic code {number}")
    return number


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecipeSource(_Part):
    """A file that is downloaded, and how it is known to be the right one."""

    url: Annotated[str, Field(pattern=r"^https?://.+/[^/]+$")] = ""
    urls: list[Annotated[str, Field(pattern=r"^https?://.+/[^/]+$")]] = []
    sha256: str = ""
    md5: str = ""
    version: str = ""
    licence: str = ""

    @model_validator(mode="after")
    def _somewhere(self) -> "RecipeSource":
        if bool(self.url) == bool(self.urls):
            raise ValueError("give either `url` or `urls`")
        return self


class RecipeColumn(_Part):
    """A column of a source that becomes a tag of results."""

    tag: Annotated[str, AfterValidator(_tag)]
    source: str | int = Field(alias="from")
    number: Annotated[str, Field(pattern=r"^([1-9]|\.)$")]
    type: Literal["Integer", "Float", "String"]
    description: Words
    meaning: Literal["text", "list", "stars", "frequency", "failed", "number"] = Field("text", alias="as")
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z]*$")] = ""


class RecipeTrack(RecipeSource):
    """A source of values by place or allele."""

    id: Name
    title: Words
    format: Literal["vcf", "bed", "ucsc", "genes"]
    place: dict[Literal["chrom", "start", "end"], int] = {}
    without: list[str] = []
    index: str = ""
    gene: str = "gene"
    where: dict[str, str] = {}
    optional: bool = False
    columns: Annotated[list[RecipeColumn], Field(min_length=1)]

    @model_validator(mode="after")
    def _columns_exist(self) -> "RecipeTrack":
        if any(isinstance(column.source, str) != (self.format in ("vcf", "genes")) for column in self.columns):
            raise ValueError(
                "`from` is an INFO tag (or ID or FILTER) of a vcf, the name of a column of genes, "
                "and the number of a column of all others"
            )
        if self.id in RESERVED_PARTS:
            raise ValueError(f"a track is not called {self.id}")
        return self


class Scaffolds(_Part):
    """How UCSC calls the scaffolds of the assembly: its style, and the scaffolds that belong to each chromosome."""

    style: Literal["hg38", "hg19"]
    placed: dict[str, list[str]] = {}


class Recipe(_Part):
    """All that a bundle is built from."""

    id: Name
    version: Name
    title: Words
    assembly: Words
    sequence: RecipeSource
    genes: RecipeSource
    aliases: dict[str, list[str]] = {}
    codes: dict[str, Annotated[int, AfterValidator(_code)]] = {}
    scaffolds: Scaffolds | None = None
    distance: Annotated[int, Field(ge=0, le=1_000_000)] = 5000
    tracks: list[RecipeTrack] = []

    @model_validator(mode="after")
    def _once(self) -> "Recipe":
        ids, tags = [track.id for track in self.tracks], [column.tag for track in self.tracks for column in track.columns]
        if len(set(ids)) < len(ids) or len(set(tags)) < len(tags):
            raise ValueError("two tracks have the same id or tag")
        return self


PUBLISHED = Path(__file__).parent / "published"
"""Recipes that are part of the release."""


def named(recipe: str) -> Path:
    """The file of a recipe, given by its path or, of those in `PUBLISHED`, by its name; ValueError if there is none."""
    for path in (Path(recipe), PUBLISHED / f"{recipe}.toml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in PUBLISHED.glob("*.toml")))
    raise ValueError(f"There is no recipe {recipe}: give the path of one, or the name of one of these: {known}.")


def read(path: Path) -> dict[str, Any]:
    """The recipe in a file; ValueError with a sentence for each thing that is wrong."""
    try:
        described = tomllib.loads(path.read_text())
        Recipe.model_validate(described)
        return described
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}" for fault in error.errors()]
        raise ValueError(f"The recipe {path} cannot be used. {'; '.join(faults)}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"The recipe {path} cannot be read: {error}.") from None


def parts(path: Path) -> list[str]:
    """The parts that a recipe has; ValueError as for `read`."""
    return ["sequence", "genes", *(track["id"] for track in read(path).get("tracks", ()))]
