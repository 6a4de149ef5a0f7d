"""Labels of transcripts, and what is beside them, say what whole transcripts and the caller say."""

from app.engine.bundles import manifest
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import csq, hgvs, pick
from app.engine.consequence.allele import Allele, Change, Run, allele
from app.engine.consequence.annotation import AlleleAnnotator
from app.engine.consequence.caller import Consequence, alike, apart, around, consequence, mask_at
from app.engine.consequence.labels import Labels
from app.engine.consequence.spliced import spliced
from app.engine.consequence.terms import INTRON

_ONE = Allele(Change(1, b"A", b"C"), Run(0, 0), "C", "SNV")


def test_a_label_is_what_an_entry_has_of_a_whole_transcript(nuclear: manifest.Bundle, rcrs: manifest.Bundle) -> None:
    seen = 0
    for bundle in (nuclear, rcrs):
        transcripts = Transcripts.open(bundle.path(bundle.transcripts))
        labels = Labels(transcripts)
        for row in range(len(transcripts)):
            label, transcript = labels[row], transcripts[row]
            said = Consequence(transcript, INTRON, intron="1/2", hgvsc=f"{label.numbering}5+1A>C", hgvsp="p.Gly1Asp")
            names = f"{label.identifier}:{said.hgvsc}|{label.protein}:{said.hgvsp}"
            text = f"C{csq.worded(INTRON)}{label.before}||1/2|{names}|||||||1|{label.middle}SNV|{label.behind}||1:g.1A>C"
            assert csq.entry(said, _ONE, 1, "1:g.1A>C") == text
            assert label.order + pick.ranked(INTRON) == pick.order(said)
            assert label.numbering == ("c." if transcript.coding_start else "n.")
            assert f"GAS_TRANSCRIPT={transcript.identifier}" in label.flat and f"GAS_GENE={label.gene};" in label.flat
            seen += 1
    assert seen > 40


def test_what_is_beside_a_transcript_is_said_as_the_caller_says_it(nuclear: manifest.Bundle) -> None:
    """Insertions around the first gene, up to beyond the distance."""
    answers, distance = AlleleAnnotator(nuclear, 100), 100
    transcript = answers._transcripts[0]
    bases = memoryview(answers._sequence.view("1"))  # type: ignore[arg-type]
    places = [*range(transcript.start - distance - 5, transcript.start + 3), *range(transcript.end - 3, transcript.end + 110)]
    for place in places:
        ref = bytes(bases[place - 1 : place])
        key = (b"%d" % place, ref, ref + b"CC" if ref != b"C" else ref + b"AA")
        one = allele(place, ref, key[2], bases)
        found = consequence(transcript, one, bases, distance)
        tags = answers.of("1", [key])[key].tags.decode()
        assert (f"|{transcript.identifier}|" in tags) == (found is not None)
        if found is not None and found.distance >= 0 and apart(transcript.start, transcript.end, around(one)):
            assert csq.entry(found, one, 1, csq.escaped(f"1:{hgvs.genomic(one, bases)}")) in tags


def test_spellings_are_alike_only_where_the_caller_says_the_same_of_each(nuclear: manifest.Bundle) -> None:
    answers, distance = AlleleAnnotator(nuclear, 20), 20
    transcript = answers._transcripts[0]
    judged = {True: 0, False: 0}
    for place in (*range(transcript.start - 40, transcript.start + 5), *range(transcript.end - 5, transcript.end + 40)):
        for left, right in ((1, 0), (0, 1), (4, 3)):
            one = Allele(Change(place, b"", b"A"), Run(left, right), "A", "insertion")
            masks = {mask_at(spliced(transcript), one.change.moved(bases), distance) for bases in range(-left, right + 1)}
            known = alike(transcript.start, transcript.end, around(one), distance)
            judged[known] += 1
            assert len(masks) == 1 or not known
    assert min(judged.values()) > 20
