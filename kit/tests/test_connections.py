"""Pages of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.graphql.connections import PageRefusee, connection, decode_cursor, encode_cursor, page_size

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_a_cursor_gives_back_the_keys_it_was_made_of(keys: list[str]) -> None:
    assert decode_cursor(encode_cursor(*keys), length=len(keys)) == tuple(keys)


@given(TEXT)
def test_a_cursor_that_is_none_of_ours_is_refused_or_has_the_right_length(text: str) -> None:
    try:
        keys = decode_cursor(text, length=2)
    except PageRefusee:
        return
    assert keys is not None
    assert len(keys) == 2


def test_a_page_has_a_next_one_when_more_was_read_than_asked_for() -> None:
    page = connection(["a", "b", "c"], first=2, total=9, node=str.upper, cursor=encode_cursor)
    assert [edge.node for edge in page.edges] == ["A", "B"]
    assert page.page_info.has_next_page
    assert decode_cursor(page.page_info.end_cursor, length=1) == ("b",)
    assert page.total_count == 9


def test_an_empty_page_has_no_cursor() -> None:
    page = connection([], first=2, total=0, node=str, cursor=encode_cursor)
    assert page.page_info.end_cursor is None
    assert not page.page_info.has_next_page


@pytest.mark.parametrize("first", [0, -1, 101])
def test_a_page_size_out_of_bounds_is_refused(first: int) -> None:
    with pytest.raises(PageRefusee):
        page_size(first)
