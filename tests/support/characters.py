"""Texts for tests of properties."""

from hypothesis import strategies as st

ANY = st.characters(exclude_categories=["Cs"])
"""Every character that UTF-8 has. Hypothesis's own default is the same, but tries the codec on each of a million code points
first: 2.5 s of CPU for every process of a fresh clone."""
