"""A session to be looked at afterwards: a daemon with a real engine, ports in memory, and a player."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_S, now_ns
from livegen.daemon.daemon import run_daemon
from livegen.daemon.ports import MemoryPorts
from livegen.daemon.status_file import Figures
from livegen.events import ControlChange, Event, NoteOff, NoteOn, ProgramChange, Timed, Transport
from livegen.recording.tracks import Who
from livegen.settings import load
from tests.support.jack_stage import hanging

PHRASE = (67, 69, 71, 72, 71, 69)
BEAT_S = 0.15
_LOOK_S = 0.01
_PATIENCE_S = 30
_ANSWER_S = 5  # in which an answer has begun


@dataclass
class Recital:
    """What a player does at a daemon, and what is heard of it."""

    ports: MemoryPorts = field(default_factory=MemoryPorts)
    machine: list[Timed] = field(default_factory=list)
    is_ready: threading.Event = field(default_factory=threading.Event)
    lines: list[str] = field(default_factory=list)

    def phrase(self) -> None:
        """Play one."""
        for pitch in PHRASE:
            self.ports.input.play(NoteOn(pitch, 80))
            time.sleep(BEAT_S * 0.8)
            self.ports.input.play(NoteOff(pitch))
            time.sleep(BEAT_S * 0.2)

    def play(self, event: Event) -> None:
        """Play it now."""
        self.ports.input.play(event)

    def ask(self) -> None:
        """Play phrases until one is answered: on a busy machine a chord can be late, and is then left out."""
        until, begun = time.monotonic() + _PATIENCE_S, self._onsets()
        while self._onsets() == begun:
            assert time.monotonic() < until, "no phrase is answered"
            self.phrase()
            again = time.monotonic() + _ANSWER_S
            while self._onsets() == begun and time.monotonic() < again:
                time.sleep(_LOOK_S)

    def wait_for_rest(self) -> None:
        """Until the machine has been silent for a second."""

        def is_silent() -> bool:
            sent = list(self.machine)
            return bool(sent) and not hanging(sent) and now_ns() - sent[-1].at_ns > NS_PER_S

        self._wait(is_silent, "a rest")

    def kill_engine(self) -> None:
        """As by ``kill -9``; until there is another one."""
        killed = self._wait(engines, "an engine")[0]
        os.kill(killed, signal.SIGKILL)
        self._wait(lambda: [pid for pid in engines() if pid != killed], "another engine")

    def observe(self, who: Who, timed: Timed) -> None:
        if who == "machine":
            self.machine.append(timed)

    def say(self, line: str) -> None:
        self.lines.append(line)
        if line.startswith("ready"):
            self.is_ready.set()

    def _onsets(self) -> int:
        return sum(isinstance(timed.event, NoteOn) for timed in list(self.machine))

    def _wait(self, poll: Callable[[], Any], what: str) -> Any:
        until = time.monotonic() + _PATIENCE_S
        while not (found := poll()):
            assert time.monotonic() < until, f"waited for {what}"
            time.sleep(_LOOK_S)
        return found


def recital(folder: Path, program: Callable[[Recital], None], **sections: dict[str, Any]) -> tuple[Recital, Figures]:
    """Record what ``program`` does at a daemon into ``folder``."""
    busy = {"realtime": False, "silence_ms": 5_000}  # a test's machine is busy
    daemon = {**busy, **sections.get("daemon", {}), "record": str(folder)}
    settings = load(None, {"ports": {"system": "memory"}, **sections, "daemon": daemon})
    made, stop = Recital(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run_daemon, settings, say=made.say, stop=stop, observe=made.observe, memory=made.ports)
        try:
            assert made.is_ready.wait(_PATIENCE_S), made.lines
            program(made)
        finally:
            stop.set()
            figures = future.result(_PATIENCE_S)
        return made, figures


def engines() -> list[int]:
    """The engines' processes that this process has started."""
    command = ["ps", "-ww", "--ppid", str(os.getpid()), "--sort=start_time", "-o", "pid=,stat=,args="]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(line.split()[0]) for line in found if "engine_worker" in line and "Z" not in line.split()[1]]


def answers(count: int = 1) -> Callable[[Recital], None]:
    """So many phrases, each answered."""

    def program(on: Recital) -> None:
        for _ in range(count):
            on.ask()
            on.wait_for_rest()

    return program


def killed_in_mid_answer(count: int = 3) -> Callable[[Recital], None]:
    """The engine is killed while it answers, again and again."""

    def program(on: Recital) -> None:
        for _ in range(count):
            on.ask()
            on.kill_engine()
        on.ask()
        on.wait_for_rest()

    return program


def interrupted(on: Recital) -> None:
    """An answer is interrupted by a note, and the next one by a panic."""
    on.ask()
    on.ask()
    on.play(Transport.RESET)
    on.ask()


def played_along(on: Recital) -> None:
    """Phrases at a machine that plays while we play."""
    for _ in range(3):
        on.phrase()
    time.sleep(1)


def left_alone(on: Recital) -> None:
    """Nobody plays for some seconds, then somebody touches a key."""
    time.sleep(5)
    on.ask()


def under_the_hands(on: Recital) -> None:
    """Knobs, another role and another model in mid-music."""
    on.ask()
    for value in range(0, 128, 8):
        on.play(ControlChange(1, value))
    on.play(ProgramChange(1))
    on.phrase()
    time.sleep(1)
    on.play(ProgramChange(2))
    time.sleep(2)
    on.play(ProgramChange(0))
    on.ask()
