"""The session file: data is only appended, and the file can be read at any moment.

It is a sequence of frames, each with what happened since the one before, in a second at most. Integers are
little-endian.

    size  a frame
       8  mark: 89 "LGS1" 0d 0a 1a; the 1 is the version of this format
       4  length of the content in bytes, at the most 1 MiB
       4  CRC-32 of that length and the content
       n  content: records, deflated together (zlib), at the most 1 MiB of them

    size  a record
       8  moment, in ns of the monotonic clock
       1  kind, see ``Kind``
       4  length of the content in bytes
       n  content

Where no whole frame begins, a reader searches for the next mark: an incomplete end or a flipped bit loses its frame
only, and ``Kind.GAP`` takes the frame's place. Concatenated files are a valid file. The content names no file.
"""

import errno
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from livegen.errors import SessionError
from livegen.regular_file import read_regular

MARK = b"\x89LGS1\r\n\x1a"
_VERSION = 4  # its index in the mark
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<8sII")
_RECORD = struct.Struct("<qBI")
_LARGEST_FRAME = 2**20
_FULL_FRAME = 2**19  # of records, before they are deflated
_LARGEST_FILE = 2**30
_LARGEST_CONTENT = 2**30  # inflated, in memory; ours have a tenth of it
_RECORD_BYTES = 128  # that a record takes in memory beside its content


class Kind(IntEnum):
    """The kinds of records, each with its content."""

    OPENED = 0  # the recording livegen and the time: JSON
    PLAYER = 1  # the player has played: a MIDI message
    MACHINE = 2  # livegen has sent: a MIDI message
    BEGUN = 3  # an engine was started: empty
    TOLD = 4  # sent to the engine: a frame
    SAID = 5  # received from the engine: a frame
    ENDED = 6  # the engine has ended: empty
    GAP = 7  # something is missing here: empty


@dataclass(frozen=True, slots=True)
class Record:
    """Something happened at a moment, in ns of the monotonic clock."""

    at_ns: int
    kind: Kind
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Session:
    """The readable content of a session file."""

    records: tuple[Record, ...]
    damaged: int = 0  # places where something is missing
    lost: int = 0  # bytes that are missing there


def encode_frames(records: Iterable[Record]) -> bytes:
    """Encode records as frames; ValueError for a record larger than half a MiB."""
    frames, content = [], bytearray()
    for record in records:
        packed = _RECORD.pack(record.at_ns, record.kind, len(record.content)) + record.content
        if len(packed) > _FULL_FRAME:
            raise ValueError(f"a record of {len(packed)} bytes is larger than {_FULL_FRAME}")
        if len(content) + len(packed) > _FULL_FRAME:
            frames.append(_frame(bytes(content)))
            content.clear()
        content += packed
    return b"".join((*frames, _frame(bytes(content)) if content else b""))


def read_session(path: Path) -> Session:
    """All whole frames of a file; SessionError when the file is not a session."""
    try:
        content = read_regular(path, _LARGEST_FILE)
    except FileNotFoundError:
        raise SessionError(f"{path}: no such file; to list the sessions: livegen session list") from None
    except OSError as error:
        hint = "; livegen writes no session of that size" if error.errno == errno.EFBIG else ""
        raise SessionError(f"{path}: cannot be read: {error.strerror}{hint}") from None
    return decode_session(content, str(path))


def decode_session(content: bytes, where: str) -> Session:
    """The records in the ``content`` of a file called ``where``; SessionError as ``read_session``."""
    records: list[Record] = []
    damaged = lost = size = 0
    for found in _frames(content):
        if isinstance(found, int):
            damaged, lost = damaged + 1, lost + found
            records.append(Record(records[-1].at_ns if records else 0, Kind.GAP))
            size += _RECORD_BYTES
        else:
            records += found.records
            size += found.size
        if size > _LARGEST_CONTENT:
            raise SessionError(
                f"{where}: inflates to more than {_LARGEST_CONTENT >> 20} MB, as no session of ours does"
            )
    if not any(record.kind is not Kind.GAP for record in records):
        _refuse_what_is_none(content, where)
    return Session(tuple(records), damaged, lost)


def _refuse_what_is_none(content: bytes, where: str) -> None:
    if content[: len(MARK)] == MARK[: len(content)]:
        return  # nothing was written yet
    begins, ends = MARK[:_VERSION], MARK[_VERSION + 1 :]
    if content.startswith(begins) and content[_VERSION + 1 :].startswith(ends):
        version = content[_VERSION : _VERSION + 1].decode("ascii", "replace")
        raise SessionError(f"{where}: the session has format {version}; this livegen reads format 1")
    raise SessionError(f"{where}: not a livegen session; to list the sessions: livegen session list")


def _frame(records: bytes) -> bytes:
    content = zlib.compress(records)
    length = _LENGTH.pack(len(content))
    return _HEAD.pack(MARK, len(content), zlib.crc32(content, zlib.crc32(length))) + content


@dataclass(frozen=True, slots=True)
class _Frame:
    records: list[Record]
    size: int  # bytes in memory


def _frames(content: bytes) -> Iterator[_Frame | int]:
    """The records of each whole frame, or the number of bytes without one."""
    at = lost = 0
    while at < len(content):
        end, frame = _whole_frame(content, at)
        if frame is None:
            end = content.find(MARK, at + 1)
            end = len(content) if end < 0 else end
            lost += end - at
        else:
            if lost:
                yield lost
            lost = 0
            yield frame
        at = end
    if lost:
        yield lost


def _whole_frame(content: bytes, at: int) -> tuple[int, _Frame | None]:
    """The end of the frame that begins at ``at``, and its records; None when no whole frame begins there."""
    if len(content) - at < _HEAD.size:
        return at, None
    mark, length, checksum = _HEAD.unpack_from(content, at)
    begin, end = at + _HEAD.size, at + _HEAD.size + length
    if mark != MARK or length > _LARGEST_FRAME or end > len(content):
        return at, None
    if zlib.crc32(content[begin:end], zlib.crc32(_LENGTH.pack(length))) != checksum:
        return at, None
    return end, _inflated(content[begin:end])


def _inflated(deflated: bytes) -> _Frame | None:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(deflated, _LARGEST_FRAME)
    except zlib.error:
        return None
    if not inflater.eof:
        return None
    records, at = [], 0
    while at < len(content):
        if len(content) - at < _RECORD.size:
            return None
        at_ns, kind, length = _RECORD.unpack_from(content, at)
        at += _RECORD.size + length
        if at > len(content):
            return None
        if kind in iter(Kind):
            records.append(Record(at_ns, Kind(kind), content[at - length : at]))
    return _Frame(records, len(content) + _RECORD_BYTES * len(records))
