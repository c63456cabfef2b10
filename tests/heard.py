"""What is heard of ``livegen jam --sound --thru``: a native client on JACK hears the MIDI and the sound of it.

    python -m tests.heard --notes 40 --phrases 5 --kills 5

At a JACK server of its own a native player plays keys, then phrases that are answered, and kills FluidSynth in
mid-note. It exits with 0 if every note was heard at most 15 ms from its MIDI, and the sound was back within 3 s.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from tests.cables import server
from tests.support.jack_partner import Partner, build_partner, moment, wait_until
from tests.support.jack_stage import Daemon, percentile

NAME = "heard"
_SOUND = "livegen-sound:left"
_LATEST_MS = 15.0
_BACK_MS = 3_000.0
_QUIET_S = 1.5  # the end of a note, its reverberation too
_LINE = (67, 67, 66, 64, 62, 67, 69, 71)  # Old Hundredth
_BEAT_S = 0.4


def play_key(partner: Partner, pitch: int, length_s: float) -> int:
    """Play one note; when it was sent."""
    begun_ns = moment()
    partner.send(to_bytes(NoteOn(pitch, 90)))
    time.sleep(length_s)
    partner.send(to_bytes(NoteOff(pitch)))
    return begun_ns


def first_delay_ms(partner: Partner, after_ns: int) -> float:
    """From the first note-on that was heard after that moment to the beginning of its sound."""

    def note_on() -> int | None:
        later = (at_ns for at_ns, heard in list(partner.heard) if at_ns >= after_ns and heard[0] & 0xF0 == 0x90)
        return next(later, None)

    wait_until(lambda: note_on() is not None, "a note-on", 30)
    on_ns = note_on() or 0
    wait_until(lambda: any(at_ns >= on_ns for at_ns in list(partner.loud)), "its sound", 2)
    return (next(at_ns for at_ns in partner.loud if at_ns >= on_ns) - on_ns) / NS_PER_MS


def own_keys(partner: Partner, count: int) -> list[float]:
    """Notes of one's own, one at a time: from each note-on at livegen's output to its sound."""
    delays_ms = []
    for number in range(count):
        begun_ns = play_key(partner, 48 + number * 7 % 36, 0.2)
        delays_ms.append(first_delay_ms(partner, begun_ns))
        time.sleep(_QUIET_S)
    return delays_ms


def answers(partner: Partner, count: int) -> list[float]:
    """Phrases: from the first note-on of each answer to its sound."""
    delays_ms = []
    for _ in range(count):
        for pitch in _LINE:
            play_key(partner, pitch, _BEAT_S * 0.9)
            time.sleep(_BEAT_S * 0.1)
        delays_ms.append(first_delay_ms(partner, moment()))
        _wait_for_silence(partner)
    return delays_ms


def _wait_for_silence(partner: Partner) -> None:
    while True:
        wait_until(lambda: not +partner.sounding, "the end of the answer", 60)
        time.sleep(_QUIET_S)
        if not +partner.sounding and partner.heard[-1][0] < now_ns() - _QUIET_S * NS_PER_S:
            return


def kills(partner: Partner, daemon: Daemon, count: int) -> list[float]:
    """FluidSynth is killed in mid-note: from there until keys that are played on are heard again."""
    gaps_ms = []
    for _ in range(count):
        partner.send(to_bytes(NoteOn(60, 90)))
        time.sleep(0.3)
        killed_ns = now_ns()
        os.kill(daemon.synth_pid(), signal.SIGKILL)
        partner.send(to_bytes(NoteOff(60)))
        while not any(at_ns > killed_ns for at_ns in list(partner.loud)):
            assert now_ns() < killed_ns + 20 * _BACK_MS * NS_PER_MS, "never back"
            play_key(partner, 64, 0.05)
            subprocess.run(["jack_connect", _SOUND, f"{partner.name}:ear"], capture_output=True, check=False)
            time.sleep(0.05)
        gaps_ms.append((next(at_ns for at_ns in partner.loud if at_ns > killed_ns) - killed_ns) / NS_PER_MS)
        _wait_for_silence(partner)
        time.sleep(6)  # it counts as a good start
    return gaps_ms


@contextmanager
def sounding(folder: Path, program: Path) -> Iterator[tuple[Daemon, Partner]]:
    """livegen with its sound, and a partner that plays to it and hears both."""
    with ExitStack() as stack:
        daemon = Daemon(NAME, folder, "--sound", "--thru")
        stack.callback(daemon.kill)
        for part in ("loaded", "sound: FluidSynth plays"):
            daemon.wait_for_line(part)
        partner = Partner(program, "partner")
        stack.callback(partner.kill)
        cables = (("partner:play", f"{NAME}:in"), (f"{NAME}-out:out", "partner:hear"), (_SOUND, "partner:ear"))
        for source, target in cables:
            assert partner.connect(source, target) == 0, f"{source} is not connected to {target}"
        time.sleep(0.5)
        yield daemon, partner


def main() -> bool:
    """Run it, print the figures, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=40)
    parser.add_argument("--phrases", type=int, default=5)
    parser.add_argument("--kills", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, server(Path(place), waits=False):
        folder = Path(place)
        program = build_partner(folder)
        with sounding(folder, program) as (daemon, partner):
            found = {"answers": (answers(partner, asked.phrases), _LATEST_MS)}
            found["back after a kill"] = kills(partner, daemon, asked.kills), _BACK_MS
            status = daemon.stop()
        os.environ["LIVEGEN_PLAY__PAUSE_MS"] = "10000"  # no answer between one's own keys
        with sounding(folder, program) as (daemon, partner):
            found["own keys"] = own_keys(partner, asked.notes), _LATEST_MS
            status = status or daemon.stop()
    is_well = status == 0
    for title, (values, most) in found.items():
        if values:
            p50, highest = percentile(values, 50), max(values)
            sys.stdout.write(f"{title}: {len(values)}, p50 {p50:.1f} ms, at most {highest:.1f} ms (bound {most:g})\n")
            is_well = is_well and highest <= most
    sys.stdout.write(f"exit status of livegen: {status}\n")
    return is_well


if __name__ == "__main__":
    sys.exit(not main())
