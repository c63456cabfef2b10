"""Reads the tracks of a Standard MIDI File: what is not used is passed over, what cannot be read is named.

Of a damaged track the part before the damage is used. The count of tracks in the header and the lengths of the tracks
are only believed as far as the bytes agree with them. A wrapper before the header (RIFF, MacBinary) is passed over.
"""

from dataclasses import dataclass
from pathlib import Path

from livegen.errors import MidiFileError
from livegen.events import Event, Ticked, from_bytes
from livegen.music.key import Key
from livegen.regular_file import read_regular

_LARGEST = 16 << 20  # bytes of a file
_WRAPPER = 1024  # bytes in which the header has to begin
_HEADER, _TRACK = b"MThd", b"MTrk"
_META, _SYSEX = 0xFF, (0xF0, 0xF7)
_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of the system messages that have some
_NAME, _END_OF_TRACK, _TEMPO, _TIME_SIGNATURE = 0x03, 0x2F, 0x51, 0x58


@dataclass(frozen=True, slots=True)
class Tempo:
    """Microseconds per quarter from a tick on."""

    tick: int
    us: int


@dataclass(frozen=True, slots=True)
class TimeSignature:
    """The bar from a tick on: 6/8 is ``beats`` 6, ``unit`` 8; the rest is for a metronome."""

    tick: int
    beats: int
    unit: int
    clocks: int = 24  # MIDI clocks of a click
    thirty_seconds: int = 8  # of a quarter


@dataclass(frozen=True, slots=True)
class KeySignature:
    """The key from a tick on. It is written, and not read."""

    tick: int
    key: Key


Sign = Tempo | TimeSignature | KeySignature


@dataclass(frozen=True, slots=True)
class Track:
    """The events of a track in the order of the file, its signs, the tick where it ends, and its name, "" for none."""

    events: tuple[Ticked, ...]
    signs: tuple[Sign, ...]
    end: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class MidiContent:
    """What a file holds; ticks are the file's, ``quarter`` of them to the quarter. ``problems``: what was not read."""

    quarter: int
    tracks: tuple[Track, ...]
    problems: tuple[str, ...]

    @property
    def end(self) -> int:
        """The tick at which the file ends."""
        return max((track.end for track in self.tracks), default=0)


def read_tracks(path: Path) -> MidiContent:
    """The tracks of a type 0 or 1 file; MidiFileError for what is no such file."""
    content = _content(path)
    begin = content.find(_HEADER, 0, _WRAPPER)
    if begin < 0:
        raise MidiFileError(f"{path}: not a Standard MIDI File: it does not begin with MThd")
    header = content[begin + 8 : begin + 14]
    if len(header) < 6:
        raise MidiFileError(f"{path}: the file is truncated; export it again from its program")
    kind, announced, quarter = (int.from_bytes(header[at : at + 2]) for at in (0, 2, 4))
    if kind == 2:
        raise MidiFileError(f"{path}: the file is of type 2 (independent patterns); save it as type 0 or 1")
    if quarter >= 0x8000:
        raise MidiFileError(f"{path}: the file counts time in film frames (SMPTE); save it in ticks per quarter")
    if quarter == 0:
        raise MidiFileError(f"{path}: the file has a division of 0 ticks per quarter; export it again from its program")
    tracks, problems = _read_chunks(content, begin + 8 + max(6, int.from_bytes(content[begin + 4 : begin + 8])))
    if len(tracks) < announced:
        problems.append(f"the file has {len(tracks)} of the {announced} tracks that it announces")
    return MidiContent(quarter, tuple(tracks), tuple(problems))


def _content(path: Path) -> bytes:
    try:
        content = read_regular(path, _LARGEST)
    except FileNotFoundError:
        raise MidiFileError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = getattr(error, "strerror", None) or error
        raise MidiFileError(f"{path}: {reason}; give a Standard MIDI File of type 0 or 1") from None
    if not content:
        raise MidiFileError(f"{path}: the file is empty; give a Standard MIDI File of type 0 or 1")
    return content


def _read_chunks(content: bytes, at: int) -> tuple[list[Track], list[str]]:
    """All tracks from a place on; chunks of other names are passed over."""
    tracks: list[Track] = []
    problems: list[str] = []
    while 0 <= at < len(content) - 7:
        begin = at + 8
        end = begin + int.from_bytes(content[at + 4 : begin])
        after = end if _is_boundary(content, end) else content.find(_TRACK, begin)
        if content.startswith(_TRACK, at):
            reader = _TrackReader(content, begin, after if after >= 0 else len(content))
            tracks.append(reader.read())
            if reader.problem:
                problems.append(f"track {len(tracks)} {reader.problem}; what comes before is used")
            elif content.startswith(_TRACK, reader.at):
                after = reader.at
        at = after
    return tracks, problems


def _is_boundary(content: bytes, at: int) -> bool:
    """A chunk may end here: the name of another follows, or the end of the file, with a few bytes that say nothing."""
    name = content[at : at + 4]
    return at <= len(content) and (len(content) - at < 8 or (name.isascii() and name.isalnum()))


class _Damage(Exception):
    """What is wrong in a track."""


class _TrackReader:
    """Reads one track; owner of the place in it. ``problem`` says afterwards what was wrong."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        self._content, self.at, self._end = content, at, end
        self._events: list[Ticked] = []
        self._signs: list[Sign] = []
        self._tick = self._status = 0
        self._is_over = False
        self._name = self.problem = ""

    def read(self) -> Track:
        """The track up to its end, or up to what cannot be read."""
        try:
            while self.at < self._end and not self._is_over:
                tick = self._tick + self._number()
                self._read_event(tick)
                self._tick = tick
        except _Damage as damage:
            self.problem = str(damage)
        return Track(tuple(self._events), tuple(self._signs), self._tick, self._name)

    def _read_event(self, tick: int) -> None:
        status = self._bytes(1)[0]
        if status == _META:
            self._read_meta(tick, self._bytes(1)[0])
        elif status in _SYSEX:
            self._bytes(self._number())
        elif status >= 0xF0:
            self._bytes(_SYSTEM_DATA.get(status, 0))
        elif event := self._channel_event(status):
            self._events.append(Ticked(tick, event))

    def _channel_event(self, first: int) -> Event | None:
        """The event that begins with this byte; where a data byte stands, the last status counts again."""
        if first < 0x80:
            self.at -= 1
        else:
            self._status = first
        if not self._status:
            raise _Damage("has data without a status byte")
        data = self._bytes(1 if 0xC0 <= self._status < 0xE0 else 2)
        return from_bytes((self._status, *(min(byte, 127) for byte in data)))

    def _read_meta(self, tick: int, kind: int) -> None:
        data = self._bytes(self._number())
        if kind == _END_OF_TRACK:
            self._is_over = True
        elif kind == _NAME:
            self._name = self._name or data.decode("utf-8", "replace")
        elif kind == _TEMPO and len(data) == 3 and any(data):
            self._signs.append(Tempo(tick, int.from_bytes(data)))
        elif kind == _TIME_SIGNATURE and len(data) == 4 and data[0] and data[1] < 7:
            self._signs.append(TimeSignature(tick, data[0], 1 << data[1], data[2], data[3]))

    def _number(self) -> int:
        """A number of one to four bytes, seven bits in each."""
        value = 0
        for _ in range(4):
            byte = self._bytes(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise _Damage("has a number of more than four bytes")

    def _bytes(self, count: int) -> bytes:
        if self.at + count > self._end:
            raise _Damage("is truncated")
        self.at += count
        return self._content[self.at - count : self.at]
