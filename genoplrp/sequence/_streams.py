"""Text of a plain, gzip or bgzip file or of standard input, told apart by their first bytes, not by their names.

What lives here is common to all line formats (FASTA, BED); what a line means lives with its format.
"""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from genoplrp.errors import SequenceError

_LONGEST_FIRST_LINE = 1 << 20
_GZIP = b"\x1f\x8b"
_BGZIP_FLAGS = b"\x1f\x8b\x08\x04"
# The empty block that ends every bgzip file (SAM specification, section 4.1.2).
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_OTHER_ARCHIVES = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class _Source(io.RawIOBase):
    """Raw bytes of a borrowed stream; keeps the first ones, to tell the format, and the last ones, to tell the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.head = stream.read(512)
        self._pending = self.head
        self._tail = b""

    @property
    def is_bgzip(self) -> bool:
        return self.head.startswith(_BGZIP_FLAGS) and self.head[12:14] == b"BC"

    @property
    def has_bgzip_end(self) -> bool:
        return self._tail == _BGZIP_END

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._pending[: len(buffer)] or self._stream.read(len(buffer))
        self._pending = self._pending[len(chunk) :]
        self._tail = (self._tail + chunk[-len(_BGZIP_END) :])[-len(_BGZIP_END) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def read_lines(path: str | os.PathLike[str]) -> Generator[str, None, None]:
    """Lines of a plain, gzip or bgzip file, or of standard input for "-"; line ends of any system become newlines.

    Bytes that are no UTF-8 become U+FFFD. The first line is cut after 1 MiB: a binary file may have no line end at all
    and must not be read into memory in search of one. Standard input is left open.

    Raises
    ------
    SequenceError
        The file is missing, unreadable, in another archive format, or its gzip stream is corrupt or ends early. The
        last two are raised in place of the line that is damaged or missing.
    """
    name = describe(path)
    with ExitStack() as stack:
        source = _Source(_open_bytes(path, stack))
        for magic, archive in _OTHER_ARCHIVES.items():
            if source.head.startswith(magic):
                raise SequenceError(f"{name} is a {archive} archive; unpack it, or pack it with gzip or bgzip.")
        raw: io.BufferedIOBase = io.BufferedReader(source, 1 << 16)
        if source.head.startswith(_GZIP):
            raw = cast(io.BufferedIOBase, stack.enter_context(gzip.GzipFile(fileobj=raw)))
        text = stack.enter_context(io.TextIOWrapper(cast(BinaryIO, raw), encoding="utf-8-sig", errors="replace"))
        try:
            yield text.readline(_LONGEST_FIRST_LINE)
            yield from text
        except EOFError as error:
            raise SequenceError(_ends_early(name)) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise SequenceError(f"{name}: the gzip stream is corrupt ({error}); copy the file again.") from error
        if source.is_bgzip and not source.has_bgzip_end:
            # A cut between two blocks leaves valid gzip: only the missing end block tells that records are gone.
            raise SequenceError(_ends_early(name))


def describe(path: str | os.PathLike[str]) -> str:
    """How messages name a path."""
    return "standard input" if path == "-" else os.fspath(path)


def _open_bytes(path: str | os.PathLike[str], stack: ExitStack) -> BinaryIO:
    """The binary stream, closed by the stack if it is a file."""
    if path == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(path).open("rb"))
    except FileNotFoundError as error:
        raise SequenceError(f"{describe(path)}: no such file.") from error
    except IsADirectoryError as error:
        raise SequenceError(f"{describe(path)} is a folder; name a file in it.") from error
    except OSError as error:
        raise SequenceError(f"{describe(path)} cannot be read: {error.strerror}.") from error


def _ends_early(name: str) -> str:
    return (
        f"{name}: the gzip stream ends early, so records are missing; copy the file again, or wait until it is written."
    )
