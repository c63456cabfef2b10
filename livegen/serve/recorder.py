"""The session on disk: a standard MIDI file that can be read at every moment.

Type 1, three tracks: tempo (a fixed 120 bpm: the moments are what counts), player, machine. Each event is
encoded once, when it is recorded; a save writes those bytes to a file beside the recording and puts it in its
place. A new file is begun every ten minutes, so that a save stays cheap.
"""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from livegen.clock import NS_PER_S
from livegen.events import TICKS_PER_QUARTER, Event, NoteOff, NoteOn, Timed, to_bytes

Who = Literal["player", "machine"]

_TICKS_PER_S = 2 * TICKS_PER_QUARTER  # 120 bpm
_TEMPO = bytes.fromhex("00 ff 51 03 07 a1 20")  # 500,000 µs a quarter
_END_OF_TRACK = bytes.fromhex("00 ff 2f 00")
_FILE_NS = 600 * NS_PER_S
_SAVE_NS = NS_PER_S


class Recorder:
    """Owner of the files in ``folder``. One thread, off the path of a note."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._path: Path | None = None
        self._tracks: dict[Who, _Track] = {}
        self._begun_ns = 0
        self._saved_ns = 0
        self._is_failing = False
        self._is_dirty = False

    def record(self, who: Who, timed: Timed) -> None:
        """Append an event; it is on disk after the next save."""
        if not self._tracks:
            self._begun_ns = self._saved_ns = timed.at_ns
            self._tracks = {"player": _Track("player"), "machine": _Track("machine")}
        ticks = (timed.at_ns - self._begun_ns) * _TICKS_PER_S // NS_PER_S
        self._tracks[who].append(ticks, timed.event)
        self._is_dirty = True

    def wait_s(self, now_ns: int) -> float | None:
        """How long until the next save is due; None when there is nothing new to save."""
        return max(self._saved_ns + _SAVE_NS - now_ns, 0) / NS_PER_S if self._is_dirty else None

    def save(self, now_ns: int, *, is_last: bool = False) -> None:
        """Write what is new to disk, at most once a second; a full disk is said once, and tried again."""
        if not self._is_dirty or (now_ns - self._saved_ns < _SAVE_NS and not is_last):
            return
        self._saved_ns = now_ns
        try:
            self._write()
        except OSError as error:
            if not self._is_failing:
                self._say(f"{self._folder}: cannot record ({error.strerror}); playing on, trying again")
            self._is_failing = True
            return
        if self._is_failing:
            self._say(f"{self._path}: recording again")
        self._is_dirty = self._is_failing = False
        if now_ns - self._begun_ns >= _FILE_NS:
            self._path, self._tracks = None, {}

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._path is None:
            self._path = _free_path(self._folder)
        beside = self._path.with_suffix(".part")
        try:
            beside.write_bytes(self._file())
            beside.replace(self._path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def _file(self) -> bytes:
        header = _chunk(b"MThd", struct.pack(">HHH", 1, 1 + len(self._tracks), TICKS_PER_QUARTER))
        tracks = [track.as_bytes() for track in self._tracks.values()]
        return b"".join((header, _chunk(b"MTrk", _TEMPO + _END_OF_TRACK), *tracks))


class _Track:
    """The bytes of one track, growing, and the notes that sound at its end."""

    def __init__(self, name: str) -> None:
        self._bytes = bytearray(b"\x00\xff\x03" + _quantity(len(name)) + name.encode())
        self._ticks = 0
        self._sounding: dict[tuple[int, int], int] = {}

    def append(self, ticks: int, event: Event) -> None:
        delta = max(ticks - self._ticks, 0)
        self._ticks += delta
        self._bytes += _quantity(delta) + to_bytes(event)
        if isinstance(event, NoteOn | NoteOff):
            key = (event.channel, event.pitch)
            self._sounding[key] = max(self._sounding.get(key, 0) + (1 if isinstance(event, NoteOn) else -1), 0)

    def as_bytes(self) -> bytes:
        """The whole chunk; what still sounds ends here, so that the file has no hanging note either."""
        endings = (
            b"\x00" + to_bytes(NoteOff(pitch, channel))
            for (channel, pitch), count in self._sounding.items()
            for _ in range(count)
        )
        return _chunk(b"MTrk", bytes(self._bytes) + b"".join(endings) + _END_OF_TRACK)


def _free_path(folder: Path) -> Path:
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    names = (f"{stamp}{suffix}.mid" for suffix in ("", *(f"-{count}" for count in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">I", len(content)) + content


def _quantity(value: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the highest first (Standard MIDI Files 1.0)."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
