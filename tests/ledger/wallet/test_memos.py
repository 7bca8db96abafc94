"""Change memos and words: what is written comes back, and anything else is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.ledger.wallet.memos import MEMO_BYTES, NO_MEMO, ChangeMemo, words_memo, words_of


def memos() -> st.SearchStrategy[ChangeMemo]:
    amounts = st.integers(0, 2**62 - 1)
    indices = st.lists(st.integers(0, 2**40 - 2), min_size=1, max_size=16).map(tuple)
    return st.builds(
        ChangeMemo, st.sampled_from((1, 2, 3)), indices, amounts, amounts, st.binary(min_size=30, max_size=30)
    )


@given(memos())
def test_a_change_memo_comes_back(memo: ChangeMemo) -> None:
    data = memo.encode()
    assert len(data) == MEMO_BYTES
    assert ChangeMemo.decode(data) == memo


@given(st.binary(max_size=200))
def test_any_bytes_are_a_memo_or_nothing(data: bytes) -> None:
    found = ChangeMemo.decode(data)
    assert found is None or found.encode() == data
    assert len(words_of(data).encode()) < MEMO_BYTES


def test_padding_has_no_memo() -> None:
    assert ChangeMemo.decode(NO_MEMO) is None
    assert words_of(NO_MEMO) == ""


def test_words_come_back_and_long_ones_are_refused() -> None:
    assert words_of(words_memo("for the bread ☕")) == "for the bread ☕"
    assert words_of(words_memo("")) == ""
    with pytest.raises(ValueError, match="127"):
        words_memo("x" * 128)


def test_words_of_strangers_do_not_reach_the_terminal_raw() -> None:
    assert words_of(words_memo("\x1b[2J")) == ""
