"""Sums over text that passes by in blocks: bytes, rows and a digest of a table, and of all large objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seachange.backup.contents import LargeObjects, TableContents

__all__ = ["Tally", "TextSplitter", "large_objects"]

# A row cannot look like this: COPY writes a backslash as two.
_MARK = b"\\.\n"
_BETWEEN = b"\n" + _MARK


class Tally:
    """Bytes, lines and a running digest.

    CRC-32 finds what happens to data by accident and costs a tenth of SHA-256; against intent there are the digests of files.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._rows = 0
        self._crc = 0
        self._update = _crc32()

    def add(self, block: bytes) -> None:
        """Count a block of text."""
        self.bytes += len(block)
        self._rows += block.count(b"\n")
        self._crc = self._update(block, self._crc)

    @property
    def checksum(self) -> str:
        """The digest, with the name of its method."""
        return f"crc32:{self._crc:08x}"

    def contents(self, *, columns: tuple[str, ...]) -> TableContents:
        """Return what a table holds whose text was counted.

        :param columns: the columns in the text.
        """
        return TableContents(rows=self._rows, bytes=self.bytes, checksum=self.checksum, columns=columns)


class TextSplitter:
    r"""Texts of COPY one after the other, each ended by a line ``\.``; ``finished`` has a tally for each that is complete."""

    def __init__(self) -> None:
        self.finished: list[Tally] = []
        self._current = Tally()
        # What may be the beginning of a mark; a line break before the first line makes the first mark one like the others.
        self._kept = b"\n"
        self._borrowed = 1

    def add(self, block: bytes) -> None:
        """Take the next block."""
        text = self._kept + block
        while (at := text.find(_BETWEEN)) >= 0:
            self._count(text[: at + 1])
            self.finished.append(self._current)
            self._current = Tally()
            text, self._borrowed = b"\n" + text[at + len(_BETWEEN) :], 1
        keep = next(size for size in range(len(_BETWEEN) - 1, -1, -1) if text.endswith(_BETWEEN[:size]))
        self._count(text[: len(text) - keep])
        self._kept = text[len(text) - keep :]

    def _count(self, text: bytes) -> None:
        if text:
            self._current.add(text[self._borrowed :])
            self._borrowed = 0


def large_objects(found: Mapping[int, Tally]) -> LargeObjects:
    """Sum up large objects, in the order of their numbers.

    :param found: the bytes of each, counted.
    """
    total = Tally()
    for number, tally in sorted(found.items()):
        total.add(f"{number} {tally.bytes} {tally.checksum}\n".encode())
    return LargeObjects(count=len(found), bytes=sum(tally.bytes for tally in found.values()), checksum=total.checksum)


def _crc32() -> Callable[[bytes, int], int]:
    from isal import isal_zlib

    return isal_zlib.crc32
