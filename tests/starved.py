"""An engine beside other work: how often it is started anew, how soon it reacts, how soon music is back after a death.

    tests/in_own_shm python -m tests.starved --livegen A/bin/livegen --livegen B/bin/livegen --minutes 15 --folder F

On a JACK server of its own, beside stress-ng (--workers processors' worth of it), each build in turn: visitors play to
the role 'accompany' for --minutes; then ``livegen bench reaction`` with --notes; then the engine is stopped (SIGSTOP)
--hangs times, and killed --kills times, while it harmonises a held key, and killed --pedals times while its pedal is
down in a solo of 'touch': each time once the spare is ready, if the build has one. A line of JSON for each build, in
the order given, also in FOLDER/figures.json; a line on stderr for each death.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed, to_bytes
from tests.conftest import start_jack, stop_jack, tidy_jack
from tests.support.jack_stage import (
    Daemon,
    Voice,
    hanging,
    melody,
    notes,
    percentile,
    wait_for,
)

_NAME = "starved"
_WORKERS_A_CORE = 2
_VOICES = 3
_PATIENCE_S = 120.0
_WITHOUT_SPARE_S = 5.0  # between two kills of a build that has none


class Log:
    """What a receiver has heard, read as it grows."""

    def __init__(self, receiver: Voice) -> None:
        self._path = receiver.path
        self._read = 0
        self.events: list[Timed] = []

    def since(self, at_ns: int) -> list[Timed]:
        """What has come since that moment."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        self.events += Voice.parse(whole.decode("ascii"))
        begin = len(self.events)
        while begin and self.events[begin - 1].at_ns > at_ns:
            begin -= 1
        return self.events[begin:]


@dataclass(frozen=True, slots=True)
class On:
    """What is on stage."""

    daemon: Daemon
    player: Voice
    receiver: Voice


@contextmanager
def playing(livegen: str, folder: Path, role: str, *options: str) -> Iterator[On]:
    """A daemon of this build, with a player and a receiver."""
    with ExitStack() as stack:
        daemon = Daemon(_NAME, folder, "--role", role, *options, livegen=(livegen,))
        stack.callback(daemon.kill)
        wait_for(lambda: any("listening at" in line for line in daemon.lines()), "ports", _PATIENCE_S)
        player = Voice("play", f"{_NAME}-player", folder, f"{_NAME}:in")
        stack.callback(player.close)
        receiver = Voice("hear", f"{_NAME}-receiver", folder, f"{_NAME}:out")
        stack.callback(receiver.close)
        wait_for(lambda: any(line.startswith("loaded") for line in daemon.lines()), "an engine", _PATIENCE_S)
        yield On(daemon, player, receiver)
        daemon.stop()


def visitors(livegen: str, folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """People come, play a while, and go."""
    chance = random.Random(seed)
    with playing(livegen, folder, "accompany") as on:
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until:
            pitches = [chance.randint(60, 79) for _ in range(chance.randint(4, 24))]
            on.player.play(melody(pitches, beat_ms=chance.choice((200, 300, 400))))
            time.sleep(chance.uniform(0.5, 5))
        time.sleep(2)
        status, lines = read_status(folder), on.daemon.lines()
        events = Log(on.receiver).since(0)
    return {
        "restarts": sum("starting it again" in line for line in lines),
        "notes": sum(isinstance(timed.event, NoteOn) for timed in events),
        "late_notes": status["late_note_ons"],
        "delivery_p99_ms": status["delivery_p99_ms"],
        "hanging": sum(hanging(events).values()),
    }


def reaction(livegen: str, folder: Path, count: int) -> dict[str, Any]:
    """What the build's own bench says."""
    command = [livegen, "bench", "reaction", "--notes", str(count), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(folder))
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    found = json.loads(done.stdout)
    return {key: found[key] for key in ("count", "first_note_ms", "all_voices_ms", "bare_round_trip_ms", "unanswered")}


def deaths(livegen: str, folder: Path, number: signal.Signals, count: int, seed: int) -> dict[str, Any]:
    """The engine is killed, or stopped, again and again, each time while a key is held that it harmonises."""
    chance, silences, returns, memory = random.Random(seed), [], [], {}
    with playing(livegen, folder, "harmonise") as on:
        log = Log(on.receiver)
        for _ in range(count):
            wait_until_guarded(on, folder)
            memory = memory or read_memory(on.daemon)
            pitch, struck_ns = chance.randint(62, 79), now_ns()
            on.player.play([(0, list(to_bytes(NoteOn(pitch, 80))))])
            wait_for(lambda since=struck_ns: voices(log.since(since)), "a harmony", _PATIENCE_S)
            time.sleep(chance.uniform(0, 0.5))
            engine = wait_for(on.daemon.engine_pid, "an engine", _PATIENCE_S)
            at_ns = now_ns()
            os.kill(engine, number)
            again_ns = wait_for(lambda since=at_ns: voices(log.since(since)), "the harmony again", _PATIENCE_S)
            returns.append((again_ns - at_ns) / NS_PER_MS)
            silences.append(silence_ms(log, struck_ns, at_ns))
            report(number.name, len(returns), count, silence_ms=silences[-1], music_again_ms=returns[-1])
            on.player.play([(0, list(to_bytes(NoteOff(pitch))))])
        time.sleep(2)
        lines, left = on.daemon.lines(), sum(hanging(log.since(0)).values())
    return {
        "count": count,
        "silence_ms": spread(silences),
        "music_again_ms": spread(returns),
        "hanging": left,
        "restarts": sum("starting it again" in line for line in lines),
        "memory_mib": memory,
    }


def pedal_deaths(livegen: str, folder: Path, count: int, seed: int) -> dict[str, Any]:
    """The engine is killed again and again in a solo of 'touch', each time while its pedal is down."""
    chance, silences, lifts = random.Random(seed), [], []
    with playing(livegen, folder, "solo", "--model", "touch") as on:
        log = Log(on.receiver)
        for _ in range(count):
            wait_until_guarded(on, folder)
            begun_ns = now_ns()
            wait_for(lambda since=begun_ns: is_pedal_down(log.since(since)), "a pedal that goes down", _PATIENCE_S)
            time.sleep(chance.uniform(0, 0.1))
            if not is_pedal_down(log.since(begun_ns)):
                wait_for(lambda since=begun_ns: is_pedal_down(log.since(since)), "the pedal again", _PATIENCE_S)
            engine = wait_for(on.daemon.engine_pid, "an engine", _PATIENCE_S)
            at_ns = now_ns()
            os.kill(engine, signal.SIGKILL)
            time.sleep(0.5)
            moved = [each for each in log.since(at_ns) if is_sustain(each)]
            lifts.append((moved[0].at_ns - at_ns) / NS_PER_MS if moved else inf)
            silences.append(silence_ms(log, begun_ns, at_ns))
            report("pedal", len(lifts), count, silence_ms=silences[-1], pedal_up_ms=lifts[-1])
        on.daemon.stop()
        time.sleep(1)
        events, lines = log.since(0), on.daemon.lines()
    return {
        "count": count,
        "pedal_up_ms": spread(lifts),
        "silence_ms": spread(silences),
        "hanging": sum(hanging(events).values()) + is_pedal_down(events),
        "restarts": sum("starting it again" in line for line in lines),
    }


def report(what: str, done: int, count: int, **figures: float) -> None:
    """A line on stderr for each death: a long run shows how far it is, and leaves figures where it is cut short."""
    text = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
    sys.stderr.write(f"{what} {done}/{count}: {text}\n")


def is_sustain(timed: Timed) -> bool:
    """It moves the sustain pedal."""
    return isinstance(timed.event, ControlChange) and timed.event.number == SUSTAIN_PEDAL


def is_pedal_down(events: Sequence[Timed]) -> bool:
    """Is the sustain pedal down after these events?"""
    moved = [each.event.value for each in events if is_sustain(each) and isinstance(each.event, ControlChange)]
    return bool(moved) and moved[-1] > 0


def voices(events: Sequence[Timed]) -> int | None:
    """When the first note of a harmony of three voices began."""
    onsets = [timed.at_ns for timed in events if isinstance(timed.event, NoteOn)]
    return onsets[0] if len(onsets) >= _VOICES else None


def silence_ms(log: Log, since_ns: int, at_ns: int) -> float:
    """From a death to the end of the last note that had begun after ``since_ns`` and sounded then."""
    sounding = [each for each in notes(log.since(since_ns)) if each.onset_ns <= at_ns]
    ends = [each.end_ns or now_ns() for each in sounding if each.end_ns is None or each.end_ns > at_ns]
    return max(((end_ns - at_ns) / NS_PER_MS for end_ns in ends), default=0.0)


def wait_until_guarded(on: On, folder: Path) -> None:
    """Until the spare is ready; for a while where the build has none."""
    time.sleep(1.5)  # the status is written once a second
    if "spare" in wait_for(lambda: read_status(folder), "a status", _PATIENCE_S):
        wait_for(lambda: read_status(folder).get("spare") == "ready", "a spare", _PATIENCE_S)
    else:
        time.sleep(_WITHOUT_SPARE_S)


def read_status(folder: Path) -> dict[str, Any]:
    """What ``livegen status`` reads; empty before there is one."""
    paths = list(folder.rglob(f"{_NAME}.status.json"))
    found: dict[str, Any] = json.loads(paths[0].read_text(encoding="utf-8")) if paths else {}
    return found


def read_memory(daemon: Daemon) -> dict[str, float]:
    """Memory of the port process and of its engines, shared pages divided, in MiB."""
    engines = daemon.engine_pids()
    names = ("port", "engine", *("spare",) * (len(engines) - 1))
    return {name: pss_mib(pid) for name, pid in zip(names, (daemon.process.pid, *engines), strict=True)}


def pss_mib(process: int) -> float:
    """Proportional set size."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("Pss:"))


def spread(values: list[float]) -> dict[str, float]:
    """The figures of a list."""
    return {name: round(percentile(values, of), 1) for name, of in (("p50", 50), ("p99", 99), ("max", 100))}


def environment(folder: Path) -> dict[str, str]:
    """Not the folders of whoever runs it."""
    return {**os.environ, "XDG_CACHE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@contextmanager
def stress(workers: int) -> Iterator[None]:
    """Other work, on all cores."""
    if not workers:
        yield
        return
    with subprocess.Popen(["stress-ng", "--cpu", str(workers), "--quiet"]) as process:
        try:
            yield
        finally:
            process.terminate()


def measure(livegen: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All that was asked for, of one build."""
    parts: dict[str, tuple[float, Callable[[], dict[str, Any]]]] = {
        "visitors": (given.minutes, lambda: visitors(livegen, folder / "visitors", given.minutes, given.seed)),
        "reaction": (given.notes, lambda: reaction(livegen, folder / "reaction", given.notes)),
        "hangs": (given.hangs, lambda: deaths(livegen, folder / "hangs", signal.SIGSTOP, given.hangs, given.seed)),
        "pedals": (given.pedals, lambda: pedal_deaths(livegen, folder / "pedals", given.pedals, given.seed)),
        "kills": (given.kills, lambda: deaths(livegen, folder / "kills", signal.SIGKILL, given.kills, given.seed)),
    }
    found: dict[str, Any] = {"livegen": livegen}
    for name, (amount, do) in parts.items():
        if amount:
            (folder / name).mkdir(parents=True)
            found[name] = do()
    return found


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.starved", description=__doc__.splitlines()[0])
    parser.add_argument("--livegen", action="append", required=True, help="a build's command; again for another")
    parser.add_argument("--folder", type=Path, required=True, help="a new folder for logs and figures")
    parser.add_argument("--minutes", type=float, default=15, help="of visitors (15); 0: none")
    parser.add_argument("--notes", type=int, default=1_000, help="of bench reaction (1000); 0: none")
    parser.add_argument("--hangs", type=int, default=20, help="engines that are stopped (20)")
    parser.add_argument("--kills", type=int, default=200, help="engines that are killed (200)")
    parser.add_argument("--pedals", type=int, default=50, help="engines that are killed with their pedal down (50)")
    workers = _WORKERS_A_CORE * (os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=workers, help=f"of stress-ng beside it ({workers}); 0: none")
    parser.add_argument("--frames", type=int, default=64, help="a period of JACK (64)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for tool in ("jackd", "stress-ng"):
        if shutil.which(tool) is None:
            parser.error(f"{tool} is not installed (Debian: jackd2, stress-ng)")
    given.folder.mkdir(parents=True)
    folder = given.folder.resolve()
    os.environ["JACK_DEFAULT_SERVER"] = f"livegen-starved-{os.getpid()}"
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    server = start_jack(folder / "jackd.log", frames=given.frames)
    try:
        with stress(given.workers), (folder / "figures.json").open("w", encoding="utf-8") as figures:
            for number, livegen in enumerate(given.livegen):
                line = json.dumps(measure(str(Path(livegen).absolute()), folder / str(number), given))
                figures.write(f"{line}\n")
                sys.stdout.write(f"{line}\n")
    finally:
        stop_jack(server)
        tidy_jack(folder / "jackd.log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
