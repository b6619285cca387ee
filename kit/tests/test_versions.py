"""Versions: what orders the states of an aggregate."""

from hypothesis import given
from hypothesis import strategies as st

from kit.versions import NEW, Version

VERSIONS = st.builds(Version, st.integers(0, 2**23 - 1), st.integers(0, 2**40 - 1))


@given(VERSIONS, VERSIONS)
def test_a_rank_is_a_64_bit_number_that_compares_as_the_version_does(one: Version, other: Version) -> None:
    assert (one < other) == (one.rank < other.rank)
    assert Version.from_rank(one.rank) == one
    assert 0 <= one.rank < 2**63


def test_each_save_is_one_more_and_a_new_generation_begins_anew_above_all_before() -> None:
    first = NEW.next(1)
    assert first == Version(1, 1)
    assert first.next(1) == Version(1, 2)
    assert first.next(1).next(2) == Version(2, 1)
    assert Version(1, 2**40 - 1) < Version(2, 1)
