"""Ardour on JACK, without its window: its transport sends MIDI clock, a track records."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mido

ARDOUR = shutil.which("ardour7-lua")  # Debian 12: ardour
_SCRIPT = Path(__file__).with_suffix(".lua")
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, order=True)
class Recorded:
    """A note of a take; the onset counts from the start of the transport."""

    onset_s: float
    pitch: int
    velocity: int
    duration_s: float


class Ardour:
    """A session with one armed MIDI track; its tempo never changes."""

    def __init__(self, name: str, folder: Path, tempo_bpm: float) -> None:
        """Start it: ``folder`` is made for the session, and must not be there yet."""
        self._name = name
        self._folder = folder
        self._tempo_bpm = tempo_bpm
        self._taken: set[Path] = set()
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder.parent / "config")}  # not the player's own settings
        with folder.with_suffix(".err").open("wb") as log:
            self._process = subprocess.Popen(
                [ARDOUR or "ardour7-lua", str(_SCRIPT), name, str(folder), str(tempo_bpm)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        self.said = self._answer()

    def send_clock_to(self, port: str) -> None:
        """Connect its MIDI clock to a JACK port."""
        self._order("connect", f"{self._name}:MIDI Clock out", port)

    def record_from(self, port: str) -> None:
        """Connect a JACK port to its track."""
        self._order("connect", port, f"{self._name}:take/midi_in 1")

    def roll(self) -> None:
        """Record from the beginning of the session; return when it does."""
        self._order("roll")

    def wait_until(self, beats: float) -> None:
        """Return when the transport is that far, in quarter notes from the beginning of the session."""
        self._order("until", str(beats))

    def stop(self) -> list[Recorded]:
        """Stop; what was recorded since the last ``roll``, by onset."""
        self._order("stop")
        new = set(self._folder.glob("interchange/*/midifiles/*.mid")) - self._taken
        self._taken |= new
        return sorted(note for path in new for note in read_take(path, self._tempo_bpm))

    def locate(self, beats: float) -> None:
        """Put the standing transport there."""
        self._order("locate", str(beats))

    def play(self) -> None:
        """Roll from where the transport is, without recording."""
        self._order("play")

    def close(self) -> None:
        """End it; the session stays in its folder."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # a client that JACK has closed may wait for ever
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _order(self, *words: str) -> None:
        assert self._process.stdin
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer == "done", f"{words}: {answer}"

    def _answer(self) -> str:
        assert self._process.stdout
        for line in self._process.stdout:  # Ardour's own lines are between ours
            if line.startswith("> "):
                return line[2:].strip()
        return "Ardour has ended"


@contextmanager
def ardour(folder: Path, tempo_bpm: float, name: str = "ardour") -> Iterator[Ardour]:
    """Start it on the default JACK server, and end it.

    JACK 1.9.21 may garble what two threads of a client ask for at the same time, as Ardour's do while they make a
    session, and then closes the client: so there is more than one attempt.
    """
    for attempt in range(_ATTEMPTS):
        running = Ardour(name, folder / f"ardour{attempt}", tempo_bpm)
        try:
            if running.said == "done":
                yield running
                return
        finally:
            running.close()
    raise AssertionError(running.said)


def read_take(path: Path, tempo_bpm: float) -> list[Recorded]:
    """The notes of a file from a session's folder ``midifiles``, first come first served.

    The file names no tempo. Its notes lie on a grid of 1,920 to the quarter note.
    """
    file = mido.MidiFile(path)
    seconds = 60 / tempo_bpm / file.ticks_per_beat
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    notes = []
    tick = 0
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity:
            sounding.setdefault(key, []).append((tick, message.velocity))
        elif sounding.get(key):
            begun, velocity = sounding[key].pop(0)
            notes.append(Recorded(begun * seconds, message.note, velocity, (tick - begun) * seconds))
    return sorted(notes)
