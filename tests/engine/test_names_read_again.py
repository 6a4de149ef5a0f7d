"""The names that the engine gives changes in transcripts lead back to the same changes, where people paste them."""

from collections.abc import Callable

import pytest

from app.engine.consequence.csq_fields import parsed
from app.engine.consequence.hgvs import numbered
from app.engine.consequence.spliced import Spliced
from app.explorer.pasted import convert
from app.explorer.transcript_places import Counted, NoPlace
from tests.support.annotated import Annotated
from tests.support.explored import many
from tests.support.made_up_gene import made_up


def test_pasted_names_in_transcripts_are_the_same_variants(run: Callable[..., Annotated]) -> None:
    names = {}
    for row in (entry for record in run(many(300)).records for entry in entries(record[7])):
        if row["HGVSc"]:
            names[row["HGVSc"]] = row["HGVSg"]
    assert len(names) > 200 and any("del" in name for name in names)
    assert sum(name.startswith(("ENST00000361681", "MT-TE", "MT-TP")) for name in names) > 5, "some on the other strand"
    again = convert("\n".join(names))
    assert again.faults == []
    assert {row["HGVSg"] for record in run(again.vcf).records for row in entries(record[7])} == set(names.values())


def entries(info: str) -> list[dict[str, str]]:
    return [entry for field in info.split(";") if field.startswith("CSQ=") for entry in parsed(field[4:])]


@pytest.mark.parametrize("strand", [1, -1])
def test_every_place_of_a_transcript_with_introns_is_found_again(strand: int) -> None:
    _, transcript = made_up(strand)
    counted = Counted(Spliced(transcript))
    places = [numbered(counted.model, position) for position in range(transcript.start, transcript.end + 1)]
    assert any("+" in place for place in places) and any(place.startswith("*") for place in places)
    assert [counted.span("c", place, place) for place in places] == [
        (position, position) for position in range(transcript.start, transcript.end + 1)
    ]
    first, last = places[:2][::strand]
    assert counted.span("c", first, last) == (transcript.start, transcript.start + 1)
    assert counted.bases("AAC") == ("AAC" if strand > 0 else "GTT")
    with pytest.raises(NoPlace):
        counted.span("c", "-9999", "-9999")
