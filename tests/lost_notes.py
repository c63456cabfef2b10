"""Notes that arrive or are lost at a JACK server without real-time priority, while both cores are busy.

    tests/in_own_shm .venv-dev/bin/python -m tests.lost_notes --notes 2000

A native player (``jack_partner.c``) plays to livegen and to a native receiver, the control, at once, beside stress-ng.
Before that it measures what livegen takes of a core while nobody plays. It exits with 0 if livegen lost no more than
the control.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from livegen.clock import NS_PER_S, now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from tests.conftest import start_jack, stop_jack, tidy_jack
from tests.starved import read_status, stress
from tests.support.jack_partner import Partner, build_partner, wait_until
from tests.support.jack_stage import Daemon

_NAME = "starved"  # as tests.starved reads its status
_IDLE_S = 15.0
_PATIENCE_S = 180.0


def play(partner: Partner, count: int, chance: random.Random) -> None:
    """So many notes, some of them together, 20 to 40 ms apart."""
    for _ in range(count):
        pitch = chance.randrange(36, 96)
        partner.send(to_bytes(NoteOn(pitch, 80)))
        time.sleep(chance.uniform(0.01, 0.02))
        partner.send(to_bytes(NoteOff(pitch)))
        time.sleep(chance.uniform(0.01, 0.02))


def ran_s(process: int) -> float:
    """Seconds of a core that a process has taken, all its threads together."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / NS_PER_S


def idle_percent(daemon: Daemon) -> float:
    """Of a core, in the port process, while nobody plays."""
    before, begun_ns = ran_s(daemon.process.pid), now_ns()
    time.sleep(_IDLE_S)
    return round(100 * (ran_s(daemon.process.pid) - before) * NS_PER_S / (now_ns() - begun_ns), 2)


def measure(folder: Path, count: int, workers: int, livegen: str) -> dict[str, float]:
    """Play, count and compare."""
    program = build_partner(folder)
    partner, control = Partner(program, "partner"), Partner(program, "control")
    daemon = Daemon(_NAME, folder, livegen=(livegen,))
    try:
        wait_until(lambda: any(line.startswith("loaded") for line in daemon.lines()), "an engine", _PATIENCE_S)
        alone = idle_percent(daemon)
        partner.connect("partner:play", f"{_NAME}:in")
        partner.connect("partner:play", "control:hear")
        partner.connect(f"{_NAME}-out:out", "partner:hear")
        time.sleep(1)
        connected = idle_percent(daemon)
        with stress(workers):
            play(partner, count, random.Random(1))
            time.sleep(5)
        wait_until(lambda: len(partner.sent) >= 2 * count, "all of it sent", _PATIENCE_S)
        time.sleep(2)
        sent = sum(message[0] & 0xF0 == 0x90 for _, message in partner.sent)
        at_control = sum(message[0] & 0xF0 == 0x90 for _, message in control.heard)
        heard = read_status(folder)["notes_in"]
    finally:
        daemon.kill()
        partner.kill()
        control.kill()
    return {
        "sent": sent,
        "lost_by_livegen": sent - heard,
        "lost_by_control": sent - at_control,
        "idle_alone_percent": alone,
        "idle_connected_percent": connected,
    }


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.lost_notes", description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=2_000)
    parser.add_argument("--frames", type=int, default=64, help="a period of JACK (64)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of stress-ng; 0: none")
    parser.add_argument("--livegen", default="", help="another build's command")
    given = parser.parse_args()
    if any(shutil.which(tool) is None for tool in ("jackd", "gcc", "stress-ng")):
        parser.error("jackd, gcc or stress-ng is not installed (Debian: jackd2, libjack-jackd2-dev, gcc, stress-ng)")
    os.environ["JACK_DEFAULT_SERVER"] = f"livegen-lost-{os.getpid()}"
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    os.environ["LIVEGEN_DAEMON__REALTIME"] = "false"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        server = start_jack(folder / "jackd.log", frames=given.frames, is_realtime=False)
        try:
            livegen = given.livegen or str(Path(sys.executable).with_name("livegen"))
            found = measure(folder, given.notes, given.workers, livegen)
        finally:
            stop_jack(server)
            tidy_jack(folder / "jackd.log")
    sys.stdout.write(f"{json.dumps(found)}\n")
    return int(found["lost_by_livegen"] > found["lost_by_control"])


if __name__ == "__main__":
    sys.exit(main())
