"""livegen on PipeWire, by PipeWire's own JACK library: it answers, cables come and go, processes are killed.

    python -m tests.pipewire --times 20

It starts a PipeWire of its own, without a session of anybody (Debian: pipewire, wireplumber, pipewire-jack, dbus). A
native player and receiver (``jack_partner.c``) plays and keeps a strict ledger; cables are put in by pw-link. First a
phrase is answered, and keys are harmonised; then what ``tests.cables`` does: connections are taken out in mid-note,
the receiver and livegen are killed. It exits with 0 if no note was left, and none ended later than 500 ms after its
cable.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from livegen.midi_ports.systems import VARIABLE
from tests import cables
from tests.support.jack_partner import build_partner, wait_until

_TOOLS = ("dbus-daemon", "pipewire", "wireplumber", "pw-link", "pw-jack", "jack_lsp", "gcc")
_PATIENCE_S = 20.0
_KINDS = ("virtual", "named", "keys", "named_keys", "killed", "process")


class LinkedBench(cables.Bench):
    """Its cables are PipeWire's links."""

    def cable(self, source: str, target: str, *, is_on: bool = True) -> int:
        """Put a cable in, or take it out; the moment at which it was done."""
        wait_until(lambda: link(source, target, is_on=is_on), f"a link from {source} to {target}", _PATIENCE_S)
        return now_ns()


def link(source: str, target: str, *, is_on: bool) -> bool:
    """Is the link there, or gone, now?"""
    done = subprocess.run(
        ["pw-link", *([] if is_on else ["-d"]), source, target], capture_output=True, text=True, check=False
    )
    return done.returncode == 0 or "File exists" in done.stderr


@contextmanager
def server(folder: Path, **_: bool) -> Iterator[None]:
    """A PipeWire of its own; whoever is started within this finds it in JACK's place, as under pw-jack."""
    runtime = folder / "pipewire"
    runtime.mkdir(mode=0o700)
    library = subprocess.run(
        ["pw-jack", "sh", "-c", "echo $LD_LIBRARY_PATH"], capture_output=True, text=True, check=True
    )
    os.environ |= {
        "PIPEWIRE_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
        "LD_LIBRARY_PATH": library.stdout.strip(),
        VARIABLE: "system",
        **dict.fromkeys(("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(runtime)),
    }
    with ExitStack() as stack:
        start(stack, runtime, "dbus-daemon", "--session", "--nofork", f"--address=unix:path={runtime}/bus")
        wait_until((runtime / "bus").exists, "D-Bus", _PATIENCE_S)
        start(stack, runtime, "pipewire")
        wait_until((runtime / "pipewire-0").exists, "PipeWire", _PATIENCE_S)
        start(stack, runtime, "wireplumber")
        wait_until(is_driven, "a driver", _PATIENCE_S)
        yield


def start(stack: ExitStack, folder: Path, *command: str) -> None:
    """Start it; it ends with the stack."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    stack.callback(process.wait, _PATIENCE_S)
    stack.callback(process.terminate)


def is_driven() -> bool:
    """Does a JACK client get in?"""
    return subprocess.run(["jack_lsp"], capture_output=True, check=False, timeout=_PATIENCE_S).returncode == 0


def answers(bench: cables.Bench, times: int) -> Iterator[float]:
    """Phrases; from the end of each to the first note that answers, in ms."""
    for _ in range(times):
        begun_ns = bench.play_phrase()
        ended_ns = now_ns()
        wait_until(lambda: cables.is_answered(bench.partner, begun_ns), "an answer", 30)  # noqa: B023
        yield (now_ns() - ended_ns) / NS_PER_MS
        wait_until(lambda: is_quiet(bench), "the end of the answer", 60)


def chords(bench: cables.Bench, times: int) -> Iterator[float]:
    """Keys; from each to the first note that sounds with it, in ms."""
    chance = random.Random(1)
    for _ in range(times):
        pitch = chance.randrange(64, 77)
        pressed_ns = now_ns()
        bench.partner.send(to_bytes(NoteOn(pitch, 80)))
        wait_until(lambda: +bench.partner.sounding, "a chord", 30)
        yield (now_ns() - pressed_ns) / NS_PER_MS
        time.sleep(0.3)
        bench.partner.send(to_bytes(NoteOff(pitch)))
        bench.partner.silent_ms(now_ns())


def is_quiet(bench: cables.Bench) -> bool:
    """Does nothing sound, and has nothing come for a while?"""
    return not +bench.partner.sounding and now_ns() - bench.partner.heard[-1][0] > 1_500 * NS_PER_MS


def play(role: str, times: int, place: Path, program: Path) -> bool:
    """Play to this role; is it well?"""
    folder = place / role
    folder.mkdir()
    took: list[float] = []
    with server(folder):
        bench = LinkedBench(folder, program, "--role", role)
        try:
            bench.connect(("in", "out"))
            took += sorted((answers if role == "respond" else chords)(bench, times))
            bench.partner.silent_ms(now_ns(), 60)
        finally:
            bench.close()
    sounding, strays = sum(bench.partner.sounding.values()), bench.partner.strays
    sys.stdout.write(
        f"{role}: {len(took)} of {times}, p50 {took[len(took) // 2]:.1f} ms, max {took[-1]:.1f} ms; "
        f"{sounding} hanging, {strays} strays\n"
    )
    return len(took) == times and not sounding


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.pipewire", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", choices=("respond", "harmonise", *_KINDS), action="append")
    given = parser.parse_args(arguments)
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        parser.error(
            f"{', '.join(missing)} not installed (Debian: pipewire, wireplumber, pipewire-jack, dbus, jackd2, gcc)"
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        program = build_partner(folder)
        well = []
        for kind in given.only or ("respond", "harmonise", *_KINDS):
            os.environ["LIVEGEN_PORTS__THRU"] = "on" if kind in _KINDS else "off"
            if kind in _KINDS:
                well.append(cables.run(kind, given.times, folder, program, server, LinkedBench))
            else:
                well.append(play(kind, given.times, folder, program))
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
