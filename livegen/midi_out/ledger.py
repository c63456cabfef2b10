"""Every note that sounds, in a small memory-mapped file that outlives the process.

A note is recorded *before* its note-on is sent and removed *after* its note-off was sent: after a ``kill -9`` at any
moment, the next start finds every note that may be sounding. The note-offs of those notes are *pending*: they stay in
the file until they have been sent for as long as a receiver may take to come back. Everything is written twice, so
that a flipped bit leaves no note hanging.
"""

import errno
import mmap
import os
import struct
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from livegen.errors import FolderError, LivegenError, RunningError
from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    HOLD_2_PEDAL,
    SOFT_PEDAL,
    SOSTENUTO_PEDAL,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    PitchBend,
    is_beginning,
)
from livegen.log_line import WarningLine
from livegen.private_folder import NotOursError, make_private

_CHANNELS = 16
_PITCHES = 128
_HEADER = struct.Struct("<8sq")  # magic, process id
_MAGIC = b"livegen3"
_NOTES = _CHANNELS * _PITCHES
_SOUNDING = _HEADER.size  # one count per (channel, pitch)
_PENDING = _SOUNDING + _NOTES  # the same, left behind by a process that was killed
_HELD = _PENDING + _NOTES  # one per channel and lasting control
_CONTROLS: tuple[int | None, ...] = (SUSTAIN_PEDAL, None, SOSTENUTO_PEDAL, SOFT_PEDAL, HOLD_2_PEDAL)  # None: the bend
_HELD_CELLS = len(_CONTROLS) * _CHANNELS  # append new controls: files of before have fewer
_DOWN, _LEFT_DOWN, _UNKNOWN = 1, 2, 4  # bits of such a cell: down; its end is pending; its state is unknown
_MOST_PENDING = 256  # notes: neither a player nor a network leaves more; a file with more is damaged
_UNCONFIRMED = _HELD + _HELD_CELLS  # one per note and control: its end was sent, but its arrival is unconfirmed
_TO_UNCONFIRMED = _UNCONFIRMED - _SOUNDING  # from a note's first cell to this one
_NEW = 2  # 1: older; 0: confirmed
_END = _UNCONFIRMED + _NOTES + _HELD_CELLS
_COPY = _END - _SOUNDING  # from each cell to its copy; unconfirmed cells have none
_SIZE = _END + _TO_UNCONFIRMED
_NO_NOTES = bytes(_NOTES)
_ALL_CONFIRMED = bytes(_NOTES + _HELD_CELLS)
_OLDER = bytes((0, *range(255)))
_LOCKED_BYTE = 1 << 20  # past the end: a lock on Windows also stops reading


class Ledger:
    """Counts per (channel, pitch). Owner: the holder of the player's lock.

    A note-off is unconfirmed until ``confirm_delivery`` has been called twice: if the receiver turns out to be gone,
    or this process is killed, the note-off may not have arrived.
    """

    def __init__(self, cells: bytearray | mmap.mmap) -> None:
        self._cells = cells

    def move_to(self, cells: bytearray | mmap.mmap) -> None:
        """Go on in these cells, of a new file; to be called between two messages."""
        cells[_HEADER.size : _SIZE] = self._cells[_HEADER.size : _SIZE]
        self._cells = cells

    def add(self, other: "Ledger") -> None:
        """Add what sounds and what is pending in another ledger, as far as it is not here."""
        for cell in range(_SOUNDING, _UNCONFIRMED):
            if found := other._cells[cell]:
                self._write(cell, self._cells[cell] | found if cell >= _HELD else max(self._cells[cell], found))
        for cell in range(_UNCONFIRMED, _END):
            self._cells[cell] = max(self._cells[cell], other._cells[cell])

    def clear_sounding(self) -> None:
        """Nothing sounds any more, and all that was sent has arrived; what is pending stays."""
        self._cells[_SOUNDING:_PENDING] = self._cells[_SOUNDING + _COPY : _PENDING + _COPY] = _NO_NOTES
        for cell in range(_HELD, _UNCONFIRMED):
            self._write(cell, self._cells[cell] & ~_DOWN)
        self._cells[_UNCONFIRMED:_END] = _ALL_CONFIRMED

    def counts(self) -> bytes:
        """How often each note sounds: one byte for each of 128 pitches on each of 16 channels."""
        return bytes(self._cells[_SOUNDING:_PENDING])

    def leaves(self, event: Event) -> None:
        """Record what the event begins; to be called before the event is sent."""
        match event:
            case NoteOn(pitch, _, channel):
                cell = _SOUNDING + channel * _PITCHES + pitch
                self._write(cell, min(self._cells[cell] + 1, 255))
            case _ if is_beginning(event) and (held := _held_cell(event)):
                self._write(held, self._cells[held] | _DOWN)

    def has_left(self, event: Event) -> None:
        """Remove what the event ends; to be called after the event was sent."""
        match event:
            case NoteOff(pitch, channel):
                cell = _SOUNDING + channel * _PITCHES + pitch
                self._write(cell, max(self._cells[cell] - 1, 0))
                self._cells[cell + _TO_UNCONFIRMED] = _NEW
            case _ if not is_beginning(event) and (held := _held_cell(event)) and self._cells[held] & _DOWN:
                self._write(held, self._cells[held] & ~_DOWN)
                self._cells[held - _NOTES + _TO_UNCONFIRMED] = _NEW

    def confirm_delivery(self) -> None:
        """The receiver is there: what was sent before the previous call has arrived."""
        unconfirmed = self._cells[_UNCONFIRMED:_END]
        if unconfirmed != _ALL_CONFIRMED:
            self._cells[_UNCONFIRMED:_END] = unconfirmed.translate(_OLDER)

    def sounding(self) -> tuple[NoteOff, ...]:
        """One note-off for every note-on that has none yet."""
        counts = self.counts()
        if counts == _NO_NOTES:
            return ()
        return tuple(
            NoteOff(cell % _PITCHES, cell // _PITCHES) for cell, count in enumerate(counts) for _ in range(count)
        )

    def held(self) -> tuple[ControlChange | PitchBend, ...]:
        """The events that lift every pressed pedal and centre every pitch bend."""
        cells = bytes(self._cells[_HELD:_UNCONFIRMED])
        return tuple(_lift(index) for index, cell in enumerate(cells) if cell & _DOWN)

    def lasting(self) -> tuple[Event, ...]:
        """The events that end each sounding note, each pressed pedal and each pitch bend."""
        return (*self.sounding(), *self.held())

    def note_offs(self) -> tuple[Event, ...]:
        """All events that silence the output: note-offs, pedals, controls on the channels in use, then bends."""
        notes, held = self.sounding(), self.held()
        silence = tuple(_silence(ending.channel for ending in (*notes, *held)))
        bends = (lift for lift in held if isinstance(lift, PitchBend))
        pedals = (lift for lift in held if isinstance(lift, ControlChange) and lift not in silence)
        return (*notes, *pedals, *silence, *bends)

    def mark_pending_off(self) -> None:
        """Everything that sounds becomes pending: its note-offs could not be delivered."""
        self._heal()
        for cell in range(_NOTES):
            pending_offs = max(self._cells[_PENDING + cell], self._cells[_SOUNDING + cell])
            if pending_offs:
                self._write(_PENDING + cell, pending_offs)
                self._write(_SOUNDING + cell, 0)
        for cell in range(_HELD, _UNCONFIRMED):
            if self._cells[cell] & _DOWN:
                self._write(cell, self._cells[cell] & ~_DOWN | _LEFT_DOWN)
        self._mark_unconfirmed_pending()
        self._cells[_UNCONFIRMED:_END] = _ALL_CONFIRMED
        self._mend()

    def mark_pending(self, endings: Iterable[Event], lasting_elsewhere: Collection[Event]) -> None:
        """These endings become pending, because their output is gone, and so do those that are unconfirmed.

        A pedal or a bend among ``lasting_elsewhere`` still lasts at the other outputs.
        """
        for ending in endings:
            match ending:
                case NoteOff(pitch, channel):
                    place = channel * _PITCHES + pitch
                    self._write(_PENDING + place, min(self._cells[_PENDING + place] + 1, 255))
                    self._write(_SOUNDING + place, max(self._cells[_SOUNDING + place] - 1, 0))
                case _ if held := _held_cell(ending):
                    down = _DOWN if ending in lasting_elsewhere else 0
                    self._write(held, self._cells[held] & ~_DOWN | _LEFT_DOWN | down)
        self._mark_unconfirmed_pending()

    def _mark_unconfirmed_pending(self) -> None:
        for place, unconfirmed_for in enumerate(self._cells[_UNCONFIRMED:_END]):
            if unconfirmed_for and place < _NOTES:
                self._write(_PENDING + place, max(self._cells[_PENDING + place], 1))
            elif unconfirmed_for:
                self._write(_PENDING + place, self._cells[_PENDING + place] | _LEFT_DOWN)

    def _mend(self) -> None:
        """Where the file is damaged, pend the controls that silence each channel, in place of a flood of note-offs."""
        is_flood = sum(self._cells[_PENDING:_HELD]) > _MOST_PENDING
        if is_flood:
            self._forget_pending()
        for cell in range(_HELD, _UNCONFIRMED):
            if is_flood or self._cells[cell] > _LEFT_DOWN:
                self._write(cell, _UNKNOWN)

    def pending_offs(self) -> tuple[Event, ...]:
        """The pending note-offs and control changes, except of notes and controls that have begun again."""
        cells = bytes(self._cells[_PENDING:_HELD])
        notes = [
            NoteOff(cell % _PITCHES, cell // _PITCHES)
            for cell, count in enumerate(cells if cells != _NO_NOTES else ())
            for _ in range(count)
            if not self._cells[_SOUNDING + cell]
        ]
        unknown = self._lifts(_UNKNOWN)
        silence = tuple(_silence(lift.channel for lift in unknown if isinstance(lift, ControlChange)))
        return (*notes, *self._lifts(_LEFT_DOWN), *silence, *(lift for lift in unknown if lift not in silence))

    def pending_before(self, event: Event) -> tuple[NoteOff, ...]:
        """The pending note-offs of the note that this event begins again: they must be sent first."""
        if not isinstance(event, NoteOn):
            return ()
        cell = event.channel * _PITCHES + event.pitch
        count = 0 if self._cells[_SOUNDING + cell] else self._cells[_PENDING + cell]
        return (NoteOff(event.pitch, event.channel),) * count

    def clear_pending(self) -> None:
        """Nothing is pending any more."""
        self._forget_pending()
        for cell in range(_HELD, _UNCONFIRMED):
            self._write(cell, self._cells[cell] & _DOWN)

    def repaid(self, endings: Iterable[Event]) -> None:
        """These pending endings were sent. A note that has begun again stays pending until it ends."""
        for ending in endings:
            match ending:
                case NoteOff(pitch, channel):
                    self._write(_PENDING + channel * _PITCHES + pitch, 0)
                case _ if held := _held_cell(ending):
                    self._write(held, self._cells[held] & _DOWN)

    @property
    def is_owing(self) -> bool:
        """Is anything pending, be it of notes and controls that have begun again?"""
        return self._cells[_PENDING:_HELD] != _NO_NOTES or any(
            cell & ~_DOWN for cell in self._cells[_HELD:_UNCONFIRMED]
        )

    def _forget_pending(self) -> None:
        self._cells[_PENDING:_HELD] = self._cells[_PENDING + _COPY : _HELD + _COPY] = _NO_NOTES

    def _write(self, cell: int, value: int) -> None:
        self._cells[cell] = self._cells[cell + _COPY] = value

    def _heal(self) -> None:
        """Where a cell and its copy differ, a bit was lost: keep the higher, for an extra note-off does no harm."""
        if self._cells[_SOUNDING:_UNCONFIRMED] == self._cells[_END:_SIZE]:
            return
        for cell in range(_SOUNDING, _UNCONFIRMED):
            self._write(cell, max(self._cells[cell], self._cells[cell + _COPY]))

    def _lifts(self, state: int) -> tuple[ControlChange | PitchBend, ...]:
        """The events that lift the controls in that state, except those that are down again."""
        cells = bytes(self._cells[_HELD:_UNCONFIRMED])
        return tuple(_lift(index) for index, cell in enumerate(cells) if cell == state)


def _held_cell(event: Event) -> int | None:
    """The cell of a lasting control; None for any other event."""
    match event:
        case ControlChange(number, _, channel) if number in _CONTROLS:
            return _HELD + _CONTROLS.index(number) * _CHANNELS + channel
        case PitchBend(_, channel):
            return _HELD + _CONTROLS.index(None) * _CHANNELS + channel
    return None


def _lift(index: int) -> ControlChange | PitchBend:
    """The event that lifts the control of the cell with this index."""
    place, channel = divmod(index, _CHANNELS)
    number = _CONTROLS[place]
    return PitchBend(0, channel) if number is None else ControlChange(number, 0, channel)


def _silence(channels: Iterable[int]) -> Iterator[ControlChange]:
    """The controls that end all that sounds on these channels, once for each."""
    for channel in sorted(set(channels)):
        yield from (ControlChange(number, 0, channel) for number in (SUSTAIN_PEDAL, ALL_NOTES_OFF, ALL_SOUND_OFF))


def blank_cells() -> bytearray:
    """A ledger's cells in memory, with nothing in them."""
    return bytearray(_SIZE)


def blank_ledger() -> Ledger:
    """A ledger in memory only, for a player that need not survive its process."""
    return Ledger(blank_cells())


def ledger_folder() -> Path:
    """The folder of ledgers: a service's own, else the runtime folder, else the state folder (XDG base directories)."""
    if service := os.environ.get("RUNTIME_DIRECTORY"):  # systemd.exec(5); a link of systemd's, with a dynamic user
        return Path(service.split(":")[0]).resolve()
    folder = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_STATE_HOME")
    return (Path(folder) if folder else Path.home() / ".local" / "state") / "livegen"


def make_ledger_folder(folder: Path) -> None:
    """Make the folder of ledgers, or narrow its permissions; OSError as ``make_private``.

    Others may pass through a service's folder to its status file, and read nothing else there.
    """
    make_private(folder, 0o711 if os.environ.get("RUNTIME_DIRECTORY") else 0o700)


@contextmanager
def keep_ledger(name: str, folder: Path, say: Callable[[str], None]) -> Iterator[Ledger]:
    """As ``open_ledger``; where the file cannot be written, ``say`` reports it, and the ledger is in memory only."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(open_ledger(name, folder))
        except (RunningError, FolderError):
            raise
        except LivegenError as error:
            say(
                WarningLine(
                    f"{error}; the list of sounding notes is kept in memory only: after a power cut, notes may hang"
                )
            )
            ledger = blank_ledger()
        yield ledger


@contextmanager
def open_ledger(name: str, folder: Path) -> Iterator[Ledger]:
    """The ledger of the ports called ``name``, locked; the note-offs that a killed process left unsent are pending.

    RunningError when another process has locked it, FolderError in a folder that could be another user's, LivegenError
    where it cannot be written.
    """
    with open_cells(name, folder) as cells:
        ledger = Ledger(cells)
        ledger.mark_pending_off()
        yield ledger


@contextmanager
def open_cells(name: str, folder: Path) -> Iterator[mmap.mmap]:
    """The cells of a ledger's file, locked; errors as ``open_ledger``."""
    path = ledger_path(name, folder)
    with ExitStack() as stack:
        try:
            make_ledger_folder(folder)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            file = stack.enter_context(os.fdopen(handle, "r+b", buffering=0))
            if not _lock(file):
                raise RunningError(_already_running(name, file))
            cells = stack.enter_context(_map(file))
        except NotOursError as error:
            raise FolderError(f"{folder}: {error.strerror}") from None
        except OSError as error:
            raise LivegenError(f"{path}: cannot keep the list of sounding notes here: {error.strerror}") from None
        yield cells


def ledger_path(name: str, folder: Path) -> Path:
    """The file of the ledger of the ports called ``name``."""
    return folder / f"{name}.ledger"


def map_ledger(path: Path) -> Ledger:
    """The ledger in that file, in a folder that is locked by other means; OSError where it cannot be written.

    What was left unsent there is pending.
    """
    ledger = Ledger(map_cells(path))
    ledger.mark_pending_off()
    return ledger


def map_cells(path: Path) -> mmap.mmap:
    """The cells in that file, which is made where it is not there; OSError where it cannot be written."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        return _map(file)


def _map(file: BinaryIO) -> mmap.mmap:
    _lay_out(file)
    return mmap.mmap(file.fileno(), _SIZE)


def _lay_out(file: BinaryIO) -> None:
    """Write the whole file once, in place: a full disk fails here, and not with a signal at the first note."""
    content = _with_new_controls(file.read(_SIZE + 1))
    is_ours = len(content) == _SIZE  # else of another version, or no ledger; a damaged header is accepted
    cells = content[_HEADER.size :] if is_ours else b""
    file.seek(0)
    whole = _HEADER.pack(_MAGIC, os.getpid()) + cells.ljust(_SIZE - _HEADER.size, b"\0")
    if file.write(whole) < _SIZE:  # a hole: on a full disk, writing there would kill us
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    file.truncate(_SIZE)


def _with_new_controls(content: bytes) -> bytes:
    """Convert the content of a ledger of before to the current layout: it had cells for fewer controls."""
    known, rest = divmod(len(content) - _HEADER.size - 5 * _NOTES, 3 * _CHANNELS)
    if rest or not 0 < known < len(_CONTROLS):
        return content
    held, unconfirmed = 2 * _NOTES + known * _CHANNELS, 3 * _NOTES + 2 * known * _CHANNELS  # where these cells ended
    cells, new = content[_HEADER.size :], bytes((len(_CONTROLS) - known) * _CHANNELS)
    return b"".join(
        (content[: _HEADER.size], cells[:held], new, cells[held:unconfirmed], new, cells[unconfirmed:], new)
    )


def _already_running(name: str, file: BinaryIO) -> str:
    header = file.read(_HEADER.size)
    process = f" (process {_HEADER.unpack(header)[1]})" if len(header) == _HEADER.size else ""
    return f"livegen is already running as '{name}'{process}; stop it, or give this one another name: --name {name}-2"


def _lock(file: BinaryIO) -> bool:
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        lock, flags = msvcrt.locking, msvcrt.LK_NBLCK
        arguments = (file.fileno(), flags, 1)
    else:
        import fcntl

        lock, flags = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
        arguments = (file.fileno(), flags)
    try:
        lock(*arguments)
    except OSError:
        return False
    finally:
        file.seek(0)
    return True
