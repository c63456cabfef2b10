"""A stage for whole performances: the daemon, a player and a receiver, each a process of its own, on JACK."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import NoteOff, NoteOn, Timed, from_bytes, to_bytes

_VOICE = str(Path(__file__).with_name("jack_voice.py"))
LIVEGEN = (sys.executable, "-c", "from livegen.cli import main; main()")
_SCRIPTED = (sys.executable, str(Path(__file__).with_name("scripted_daemon.py")))
_LOOK_S = 0.005
OWN_FOLDERS = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")  # not those of whoever runs the tests

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Played:
    """A note of a log; ``end_ns`` is None while it sounds."""

    onset_ns: int
    end_ns: int | None
    pitch: int
    velocity: int
    channel: int


def wait_for(poll: Callable[[], Found | None], what: str, patience_s: float = 20) -> Found:
    """What ``poll`` finds, as soon as it finds something."""
    until = time.monotonic() + patience_s
    while not (found := poll()):
        assert time.monotonic() < until, f"waited {patience_s} s for {what}"
        time.sleep(_LOOK_S)
    return found


class Voice:
    """A player or a receiver."""

    def __init__(self, what: str, name: str, folder: Path, other: str) -> None:
        self.name = name
        self.path = folder / f"{name}.log"
        self._process = subprocess.Popen(
            [sys.executable, _VOICE, what, name, str(self.path), other],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def play(self, score: Sequence[tuple[float, Sequence[int]]]) -> None:
        """Play (delay in ms, bytes) one after the other; return when it has been played."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(score) + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def events(self) -> list[Timed]:
        """Everything so far; a line that is just being written comes later."""
        text = self.path.read_text(encoding="ascii") if self.path.exists() else ""
        return self.parse(text[: text.rfind("\n") + 1])

    @staticmethod
    def parse(text: str) -> list[Timed]:
        """The events of whole lines of a log."""
        read = ((int(line.split()[0]), from_bytes(bytes.fromhex(line.split()[1]))) for line in text.splitlines())
        return [Timed(at_ns, event) for at_ns, event in read if event is not None]

    def close(self) -> None:
        """End it; its log is whole."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self.kill()

    def kill(self) -> None:
        """As if by the plug."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class Daemon:
    """A running ``livegen jam``, its command ``within`` another's, such as one that shuts it in; it plays 'bach'.

    Another model plays if ``options`` name one, or a settings file.

    With ``script`` its engine is a scripted one. ``home`` is where its own files go.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *options: str,
        script: str | None = None,
        home: Path | None = None,
        within: Sequence[str] = (),
        livegen: Sequence[str] = LIVEGEN,
    ) -> None:
        named = () if {"--model", "--config"} & set(options) else ("--model", "bach")
        command = (*_SCRIPTED, script, name) if script else (*livegen, "jam", "--name", name, *named, *options)
        self.begun_ns = now_ns()
        self.log = folder / f"{name}.out"
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [*within, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    **dict.fromkeys(OWN_FOLDERS, str(home or folder)),
                    "PYTHONUNBUFFERED": "1",
                    "PYTHONFAULTHANDLER": "1",
                },
            )
        self._begin = begin

    def lines(self) -> list[str]:
        """What it has said since its start."""
        return self.log.read_bytes()[self._begin :].decode().splitlines()

    def wait_for_line(self, part: str) -> str:
        """The first line with ``part`` in it."""
        return wait_for(lambda: next((line for line in self.lines() if part in line), None), part)

    def engine_pid(self) -> int | None:
        """The process id of its engine, not of a spare: the one that was started first."""
        return next(iter(self.engine_pids()), None)

    def engine_pids(self) -> list[int]:
        """The process ids of its engine and its spare, in the order of their starts."""
        return self._children("engine")

    def synth_pid(self) -> int:
        """The process id of its FluidSynth."""
        return self._children("fluidsynth")[0]

    def _children(self, word: str) -> list[int]:
        found = subprocess.run(
            ["ps", "-ww", "--ppid", str(self.process.pid), "--sort=start_time", "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(line.split()[0]) for line in found.stdout.splitlines() if word in line]

    def kill(self) -> None:
        """As if by the plug."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As by Ctrl-C; its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


class Stage:
    """All three; the player is connected to the daemon, and the daemon to the receiver, unless it does so itself."""

    def __init__(self, name: str, folder: Path, start: Callable[[], Daemon], *, is_named: bool) -> None:
        self._start = start
        self.daemon = start()
        with ExitStack() as half_made:  # of which nothing is left either
            half_made.callback(self.daemon.kill)
            self.daemon.wait_for_line("listening at")
            self.player = Voice("play", f"{name}-player", folder, f"{name}:in")
            half_made.callback(self.player.close)
            self.receiver = Voice("hear", f"{name}-receiver", folder, "" if is_named else f"{name}:out")
            half_made.pop_all()

    def restart(self) -> None:
        """Kill the daemon, and start it again at once."""
        self.daemon.kill()
        self.daemon = self._start()


@contextmanager
def stage(
    name: str,
    folder: Path,
    *options: str,
    script: str | None = None,
    is_named: bool = False,
    within: Sequence[str] = (),
) -> Iterator[Stage]:
    """Set it up, engine ready; at the end nothing of it is left. ``is_named``: the daemon knows the receiver's port."""

    def start() -> Daemon:
        return Daemon(name, folder, *options, script=script, within=within)

    made = Stage(name, folder, start, is_named=is_named)
    with ExitStack() as stack:
        for close in (made.player.close, made.receiver.close, lambda: made.daemon.kill()):
            stack.callback(close)
        made.daemon.wait_for_line("loaded")
        yield made


def melody(pitches: Sequence[int], beat_ms: float = 300) -> list[tuple[float, list[int]]]:
    """A score with one note a beat, a little detached."""
    score: list[tuple[float, list[int]]] = []
    for pitch in pitches:
        score.append((beat_ms * 0.1 if score else 0, list(to_bytes(NoteOn(pitch, 80)))))
        score.append((beat_ms * 0.9, list(to_bytes(NoteOff(pitch)))))
    return score


def notes(events: Sequence[Timed]) -> list[Played]:
    """Note-ons paired with their note-offs, first come first served, by onset."""
    sounding: dict[tuple[int, int], list[Timed]] = {}
    played = []
    for timed in events:
        match timed.event:
            case NoteOn(pitch, _, channel):
                sounding.setdefault((channel, pitch), []).append(timed)
            case NoteOff(pitch, channel) if sounding.get((channel, pitch)):
                begun = sounding[channel, pitch].pop(0)
                played.append(Played(begun.at_ns, timed.at_ns, pitch, begun.event.velocity, channel))
    for (channel, pitch), begun_notes in sounding.items():
        played += [Played(begun.at_ns, None, pitch, begun.event.velocity, channel) for begun in begun_notes]
    return sorted(played, key=lambda note: (note.onset_ns, note.pitch))


def hanging(events: Sequence[Timed]) -> Counter[tuple[int, int]]:
    """(channel, pitch) → how many note-ons have had no note-off of their own."""
    return Counter((note.channel, note.pitch) for note in notes(events) if note.end_ns is None)


def wait_for_chord(receiver: Voice, after_ns: int) -> int:
    """Wait until at least two notes that began after that moment sound together; when the first of them began."""
    return wait_for_notes(receiver, 2, after_ns)


def wait_for_notes(receiver: Voice, count: int, after_ns: int) -> int:
    """Wait until so many notes that began after that moment sound together; when the first of them began."""

    def poll() -> int | None:
        sounding = [n for n in notes(receiver.events()) if n.end_ns is None and n.onset_ns > after_ns]
        return sounding[0].onset_ns if len(sounding) >= count else None

    return wait_for(poll, f"{count} notes together")


def silence_ms(events: Sequence[Timed], killed_ns: int) -> float:
    """From a kill to the last note-off of the notes that sounded at that moment."""
    sounding = [n for n in notes(events) if n.onset_ns <= killed_ns and (n.end_ns is None or n.end_ns > killed_ns)]
    assert all(note.end_ns for note in sounding)
    return max(((note.end_ns or 0) - killed_ns for note in sounding), default=0) / NS_PER_MS


def wait_for_quiet(receiver: Voice, quiet_ms: float = 1_500) -> None:
    """Wait until nothing has come for a while and nothing sounds."""

    def poll() -> bool:
        events = receiver.events()
        return bool(events) and now_ns() - events[-1].at_ns > quiet_ms * NS_PER_MS and not hanging(events)

    wait_for(poll, "the end of the answer", patience_s=60)


def report(title: str, **figures: list[float]) -> None:
    """The figures of an acceptance run, for whoever runs it with ``-s``."""
    for name, values in figures.items():
        p50, p99 = percentile(values, 50), percentile(values, 99)
        sys.stdout.write(f"\n{title}: {name} p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {max(values):.1f} ms")


def percentile(values: list[float], percent: float) -> float:
    """The smallest of the values that this share of them does not exceed (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def is_running(pid: int) -> bool:
    """Is there such a process, and has it not ended?"""
    found = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] not in ("", "Z")
