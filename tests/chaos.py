"""An hour in a bad gallery: seeded faults on the real daemon, on real ports, judged by two receivers of their own.

    python -m tests.chaos --seed 1 --minutes 60 --folder /tmp/chaos

Visitors play; engine and port process are killed, stopped and signalled; keyboards and a synthesizer are pulled out;
the MIDI server dies; floods and nonsense come in; the disk is full; settings change for better and for worse. What
happened is in FOLDER/chaos.log, line by line, and the recordings in FOLDER/sessions. At the end all is mended, a phrase
is played, and it exits with 0 if that was answered and no receiver was left with a note.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from livegen.clock import NS_PER_S, now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from tests.conftest import start_jack, stop_jack, tidy_jack
from tests.support.jack_stage import Daemon, Voice, hanging, melody, wait_for

NAME = "chaos"
_DISK = "16m"
_GOOD = (
    'role = "respond"',
    'role = "respond"\nmodel = "elise-gru"',
    'role = "respond"\nmodel = "folk-lstm"',
    'role = "accompany"',
    'role = "harmonise"',
    'role = "solo"',
    'role = "solo"\nmodel = "piano-lstm"',
)
_BAD = ('role = "sing"', 'model = "../models/bach"', "role = ", 'model = "none.onnx"', 'model = "bahc"', "\0")
_CALM = _GOOD[0]
_ENDS_S = 5.0  # after a signal, while JACK may just be dying: test_faults.py holds it to a second where it is not
_HEALS_S = 45.0  # of which 30 are the longest wait between two starts of an engine


class Unwell(Exception):
    """What must not happen has happened."""


class Gallery:
    """The box, its visitors, its synthesizers, and all that can happen to them."""

    def __init__(self, folder: Path, chance: random.Random, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._chance = chance
        self._tell = tell
        self._disk = folder / "disk"
        self._settings = folder / "chaos.toml"
        self._starts = 0
        self._slowest_end_s = 0.0
        self.faults: dict[Callable[[], None], int] = {  # and how often, by weight
            self.visit: 30,
            self.kill_engine: 8,
            self.stop_engine: 4,
            self.stall_engine: 4,
            self.kill_port_process: 3,
            self.ask_to_end: 3,
            self.silence: 3,
            self.hang_up: 3,
            self.pull_out_the_keyboard: 4,
            self.pull_out_the_synthesizer: 4,
            self.kill_the_midi_server: 1,
            self.end_the_midi_server: 1,
            self.flood: 3,
            self.play_nonsense: 5,
            self.fill_the_disk: 2,
            self.set_well: 6,
            self.set_badly: 4,
            self.start_another: 2,
        }

    def open(self) -> None:
        """Everything there, the engine ready."""
        self._set(_CALM)
        self.server = self._serve()
        self.daemon = self._start()
        self.daemon.wait_for_line("listening at")
        self._take_seats()
        self.daemon.wait_for_line("loaded")

    def close(self) -> None:
        """Nothing left."""
        for voice in self._voices():
            voice.close()
        self.daemon.kill()
        stop_jack(self.server)
        tidy_jack(self._folder / "jackd.log")

    def check(self) -> None:
        """The daemon has not ended of its own accord."""
        if (status := self.daemon.process.poll()) is not None:
            raise Unwell(f"the daemon ended with {status}: {self.daemon.lines()[-3:]}")

    def mend(self) -> None:
        """Put everything right, and see that it plays and that nothing hangs: else ``Unwell``."""
        self._empty_the_disk()
        self._set(_CALM)
        heal("an engine", lambda: self.daemon.engine_pid() is not None)
        self._await_music()
        for voice in (self.receiver, self.synthesizer):
            heal(f"the end of what hangs at {voice.name}", lambda voice=voice: not hanging(voice.events()))
        self.check()

    def figures(self) -> dict[str, float]:
        """What the receivers have heard, what they were left with, and how long the slowest end by a signal took."""
        heard = [voice.events() for voice in (self.receiver, self.synthesizer)]
        return {
            "starts": self._starts,
            "slowest_end_s": round(self._slowest_end_s, 2),
            "notes": sum(isinstance(timed.event, NoteOn) for timed in heard[0]),
            "hanging": sum(sum(hanging(events).values()) for events in heard),
        }

    # what happens

    def visit(self) -> None:
        """Somebody plays a phrase, or a few held keys."""
        pitches = [self._chance.randint(48, 84) for _ in range(self._chance.randint(1, 9))]
        self.player.play(melody(pitches, beat_ms=self._chance.choice((60, 120, 250))))

    def kill_engine(self) -> None:
        self._hit_engine(signal.SIGKILL)

    def stop_engine(self) -> None:
        self._hit_engine(signal.SIGSTOP)

    def stall_engine(self) -> None:
        """It is slow for a while, too short to be given up."""
        if pid := self._hit_engine(signal.SIGSTOP):
            time.sleep(self._chance.uniform(0.05, 0.4))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill_port_process(self) -> None:
        self.daemon.kill()
        self._start_again()

    def ask_to_end(self) -> None:
        """By the signals of a terminal and of a service manager."""
        number = self._chance.choice((signal.SIGTERM, signal.SIGINT))
        asked_ns = now_ns()
        self.daemon.process.send_signal(number)
        status = self.daemon.process.wait(20)
        took_s = (now_ns() - asked_ns) / NS_PER_S
        self._slowest_end_s = max(self._slowest_end_s, took_s)
        if status or took_s > _ENDS_S:
            raise Unwell(f"{number.name} ended it with {status} after {took_s:.2f} s")
        self._start_again()

    def silence(self) -> None:
        self.daemon.process.send_signal(signal.SIGUSR1)

    def hang_up(self) -> None:
        """It reads its settings again."""
        self.daemon.process.send_signal(signal.SIGHUP)

    def pull_out_the_keyboard(self) -> None:
        """While keys are held."""
        chord = [self._chance.randint(48, 84) for _ in range(self._chance.randint(1, 5))]
        self.player.play([(5, list(to_bytes(NoteOn(pitch, 80)))) for pitch in chord])
        self.player.kill()
        time.sleep(self._chance.uniform(0, 1))
        self.player = self._player()

    def pull_out_the_synthesizer(self) -> None:
        """Its cable: what it had begun to play sounds on until it is told otherwise."""
        self.synthesizer.kill()
        time.sleep(self._chance.uniform(0, 2))
        self.synthesizer = self._synthesizer()

    def kill_the_midi_server(self) -> None:
        self.server.kill()
        self._serve_again()

    def end_the_midi_server(self) -> None:
        self.server.terminate()
        self._serve_again()

    def flood(self) -> None:
        """Three thousand messages, as fast as they go."""
        notes = [self._chance.randint(0, 127) for _ in range(1_000)]
        self.player.play(
            [(0, list(to_bytes(event))) for n in notes for event in (NoteOn(n, 90), NoteOff(n), NoteOn(n, 0))]
        )

    def play_nonsense(self) -> None:
        """Bytes that are no messages, as far as rtmidi lets them pass; what is exclusive is ended in the end."""
        noise = [list(self._chance.randbytes(self._chance.randint(1, 3))) for _ in range(40)]
        exclusive = [[0xF0, *self._chance.randbytes(self._chance.randint(1, 200))] for _ in range(5)]
        self.player.play([(1, message) for message in (*noise, *exclusive, [0xF0, 0xF7])])

    def fill_the_disk(self) -> None:
        """For some seconds nothing can be written."""
        with suppress(OSError), (self._disk / "full").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        self.visit()
        time.sleep(self._chance.uniform(0, 3))
        self._empty_the_disk()

    def set_well(self) -> None:
        self._set(self._chance.choice(_GOOD))

    def set_badly(self) -> None:
        self._set(self._chance.choice(_BAD))
        time.sleep(0.5)
        self._set(_CALM)

    def start_another(self) -> None:
        """Of the same name: it is refused, and does nothing to the first."""
        if (status := self._daemon().process.wait(20)) != 1:
            raise Unwell(f"a second instance ended with {status}")

    # how

    def _hit_engine(self, number: signal.Signals) -> int | None:
        pid = self.daemon.engine_pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def _set(self, play: str) -> None:
        ports = f'[ports]\nname = "{NAME}"\noutput = "{NAME}-synthesizer"\n'
        text = f'[play]\n{play}\n{ports}[daemon]\nrecord = "{self._disk}/sessions"\n'
        beside = self._settings.with_suffix(".part")
        beside.write_text(text)
        beside.replace(self._settings)

    def _serve(self) -> "subprocess.Popen[bytes]":
        return start_jack(self._folder / "jackd.log")

    def _serve_again(self) -> None:
        """The voices are JACK's clients, too: the new ones go on writing where the old ones ended."""
        self.server.wait(20)
        for voice in self._voices():
            voice.kill()
        time.sleep(self._chance.uniform(0, 2))
        self.server = self._serve()
        self._take_seats()

    def _daemon(self) -> Daemon:
        return Daemon(NAME, self._folder, "--config", str(self._settings), home=self._disk)

    def _start(self) -> Daemon:
        self._starts += 1
        return self._daemon()

    def _start_again(self) -> None:
        self.daemon = self._start()
        self.daemon.wait_for_line("listening at")

    def _take_seats(self) -> None:
        self.receiver = self._voice("hear", "receiver", f"{NAME}:out")
        self.synthesizer = self._synthesizer()
        self.player = self._player()

    def _voices(self) -> tuple[Voice, Voice, Voice]:
        return self.player, self.receiver, self.synthesizer

    def _player(self) -> Voice:
        return self._voice("play", "player", f"{NAME}:in")

    def _synthesizer(self) -> Voice:
        return self._voice("hear", "synthesizer", "")

    def _voice(self, what: str, who: str, other: str) -> Voice:
        """JACK 1.9.21 refuses a client, now and then, after another one was killed: so not at once."""
        for patience_s in (0.2, 1, 5):
            with suppress(AssertionError):
                return Voice(what, f"{NAME}-{who}", self._folder, other)
            time.sleep(patience_s)
        raise Unwell(f"JACK lets in no {who}")

    def _empty_the_disk(self) -> None:
        (self._disk / "full").unlink(missing_ok=True)

    def _await_music(self) -> None:
        """A phrase is answered; told again where a restart has swallowed it."""
        until = time.monotonic() + _HEALS_S
        while time.monotonic() < until:
            asked_ns = now_ns()
            self.player.play(melody((72, 71, 69, 67), beat_ms=150))
            with suppress(AssertionError):
                wait_for(
                    lambda ns=asked_ns + NS_PER_S // 2: any(
                        t.at_ns > ns and isinstance(t.event, NoteOn) for t in self.receiver.events()
                    ),
                    "",
                    5,
                )
                return
        raise Unwell(f"no answer; it said {self.daemon.lines()[-5:]}")


def heal(what: str, poll: Callable[[], bool]) -> None:
    """Wait for it; ``Unwell`` if it does not come."""
    try:
        wait_for(poll, what, _HEALS_S)
    except AssertionError as error:
        raise Unwell(str(error)) from None


def run(gallery: Gallery, chance: random.Random, minutes: float, tell: Callable[[str], None]) -> Counter[str]:
    """Let things happen until the time is over; how often each did."""
    happened: Counter[str] = Counter()
    faults, weights = list(gallery.faults), list(gallery.faults.values())
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        fault = chance.choices(faults, weights)[0]
        happened[fault.__name__] += 1
        tell(f"{fault.__name__}")
        fault()
        time.sleep(chance.choice((0, 0.1, 0.5, 1, 3)))
        gallery.check()
    return happened


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A small file system at ``folder``, where that is allowed; else only a folder, and no full disk."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "livegen-chaos", str(folder)]
    is_mounted = os.geteuid() == 0 and not subprocess.run(command, check=False, capture_output=True).returncode
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def chaos(seed: int, minutes: float, folder: Path) -> bool:
    """Was it well at the end?"""
    os.environ["JACK_DEFAULT_SERVER"] = f"livegen-chaos-{os.getpid()}"
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    chance, begun = random.Random(seed), time.monotonic()
    with (folder / "chaos.log").open("a", buffering=1, encoding="utf-8") as log, disk(folder / "disk"):

        def tell(line: str) -> None:
            line = f"{time.monotonic() - begun:8.1f} s  {line}"
            log.write(f"{line}\n")
            sys.stdout.write(f"{line}\n")

        gallery = Gallery(folder, chance, tell)
        tell(f"seed {seed}, {minutes:g} minutes")
        try:
            gallery.open()
            happened = run(gallery, chance, minutes, tell)
            tell(", ".join(f"{name} {count}" for name, count in sorted(happened.items())))
            gallery.mend()
            status = gallery.daemon.stop()
            tell(f"well at the end: exit {status}, {gallery.figures()}")
            return status == 0 and not gallery.figures()["hanging"]
        except (Unwell, AssertionError) as error:
            tell(f"UNWELL: {error}; {gallery.figures()}")
            return False
        finally:
            gallery.close()
            with suppress(FileNotFoundError):
                shutil.copytree(folder / "disk" / "sessions", folder / "sessions")


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder for its logs")
    given = parser.parse_args()
    if shutil.which("jackd") is None:
        parser.error("jackd is not installed (Debian: jackd2)")
    given.folder.mkdir(parents=True)
    return 0 if chaos(given.seed, given.minutes, given.folder.resolve()) else 1


if __name__ == "__main__":
    sys.exit(main())
