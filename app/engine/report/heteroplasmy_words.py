"""What the summary says of heteroplasmy, in words, for pages and mails."""

from collections.abc import Mapping
from html import escape
from typing import Any

HEADING = "The mitochondrion"
TITLES = ("Sample", "Homoplasmic", "Heteroplasmic", "Share of the reads")


def levels(sample: Mapping[str, Any]) -> str:
    """The median of the heteroplasmic levels, with the lowest and the highest."""
    if sample["median_level"] is None:
        return "not given" if sample["heteroplasmic"] else ""
    lowest, middle, highest = (f"{100 * sample[name]:.3g}" for name in ("lowest_level", "median_level", "highest_level"))
    return f"{middle} %" if lowest == highest else f"{lowest} to {highest} %, median {middle} %"


def hint(said: Mapping[str, Any]) -> str:
    """How the numbers are to be read."""
    least = f"{100 * said['homoplasmic_from']:.3g} %"
    sentences = [f"Homoplasmic: {least} of a sample's reads or more have the allele; without a share, its genotype decides."]
    if said["not_passed"]:
        sentences.append(f"Not counted: {said['not_passed']:,} of {said['records']:,} alleles, which did not pass the filters.")
    if said["samples_left_out"]:
        sentences.append(f"Further samples are not listed: {said['samples_left_out']:,}.")
    return " ".join(sentences)


def lines(said: Mapping[str, Any]) -> list[str]:
    """A line for a mail about a file of one sample; none about others."""
    if not said or len(said["samples"]) != 1:
        return []
    [one] = said["samples"]
    return [f"Mitochondrion: {one['homoplasmic']:,} homoplasmic and {one['heteroplasmic']:,} heteroplasmic alleles"]


def html(said: Mapping[str, Any]) -> list[str]:
    """The part of the self-contained page; nothing where there is nothing to say."""
    if not said:
        return []
    first, *others = TITLES
    head = f'<th scope="col">{first}</th>' + "".join(f'<th scope="col" class="n">{title}</th>' for title in others)
    rows = "".join(
        f'<tr><th scope="row">{escape(one["sample"])}</th><td class="n">{one["homoplasmic"]:,}</td>'
        f'<td class="n">{one["heteroplasmic"]:,}</td><td class="n">{levels(one)}</td></tr>'
        for one in said["samples"]
    )
    return [
        f"<h2>{HEADING}</h2>",
        f'<div class="scroll" tabindex="0" role="region" aria-label="{HEADING}">'
        f'<table class="list"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
        f'<p class="quiet">{hint(said)}</p>',
    ]
