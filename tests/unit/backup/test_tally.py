"""Sums over the text of tables, whatever the blocks that it comes in."""

from __future__ import annotations

import zlib

import pytest

from seachange.backup.contents import TableContents
from seachange.backup.tally import Tally, TextSplitter, large_objects

TEXTS = [b"", b"1\ta\n2\tb\n", b"\\\\.\n\\\\.x\n", b"", b"\n\n\n", b"x\\\\.\n", b"\\N\n\\N\n"]


def _contents(text: bytes) -> TableContents:
    return TableContents(rows=text.count(b"\n"), bytes=len(text), checksum=f"crc32:{zlib.crc32(text):08x}", columns=("x",))


def _tally(*blocks: bytes) -> Tally:
    tally = Tally()
    for block in blocks:
        tally.add(block)
    return tally


def test_a_tally_does_not_depend_on_its_blocks() -> None:
    assert _contents(b"one\ntwo\n") == _tally(b"on", b"", b"e\ntwo", b"\n").contents(columns=("x",))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 1000])
def test_texts_are_told_apart_in_blocks_of_any_size(size: int) -> None:
    stream = b"".join(text + b"\\.\n" for text in TEXTS)
    splitter = TextSplitter()
    for at in range(0, len(stream), size):
        splitter.add(stream[at : at + size])

    assert [_contents(text) for text in TEXTS] == [tally.contents(columns=("x",)) for tally in splitter.finished]


def test_a_text_without_an_end_is_not_finished() -> None:
    splitter = TextSplitter()
    splitter.add(b"1\n\\.\n2\n\\.")

    assert [tally.contents(columns=()).rows for tally in splitter.finished] == [1]


def test_large_objects_are_summed_up_in_the_order_of_their_numbers() -> None:
    one, two = _tally(b"one"), _tally(b"two")

    assert large_objects({1: one, 2: two}) == large_objects({2: two, 1: one})
    assert large_objects({1: one, 2: two}) != large_objects({1: two, 2: one})
    assert (large_objects({}).count, large_objects({7: one, 9: two}).bytes) == (0, 6)
