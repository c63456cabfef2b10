"""The checks inside the machine: livegen jam, real ports, strangers that play and listen.

    python3 checks.py [WORD ...]    those whose names hold one of the words; else all

The table has a row for each check; its last line is "all well" or counts the faults.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alsa_tools import Receiver, clients, connect, held, play, tune, wait_for
from usb_keyboard import CONTROLLER, UsbKeyboard
from usb_keyboard import NAME as KEYBOARD

TABLE = Path(__file__).with_name("table")
THRU = {  # where ports are looked at, and not music: what is played goes through, and no answer comes meanwhile
    "LIVEGEN_PORTS__THRU": "on",
    "LIVEGEN_PLAY__PAUSE_MS": "10000",
    "LIVEGEN_PLAY__MODEL": "folk-char",  # the smallest
}
NETWORK = ("--model", "folk-char", "--tempo", "40")  # slow enough for an emulated network
CLOCK_BPM = 30.0  # slow enough for what each pulse costs there
PHRASES = (
    (67, 69, 71, 72, 74, 72, 71, 67),
    (62, 64, 66, 67, 69, 67, 66, 62),
    (72, 71, 69, 67, 65, 64, 62, 60),
    (60, 64, 67, 64, 60, 64, 67, 72),
    (74, 74, 71, 71, 72, 72, 69, 67),
    (65, 67, 69, 70, 72, 70, 69, 65),
)
SOON_S = 20.0  # emulated; elsewhere half a second is enough: see tests/cables.py
START_S = 240.0
THROUGH = "Midi Through:0"  # what it is sent, it plays


class Livegen:
    """``livegen jam``."""

    def __init__(self, *options: str, **settings: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            ["livegen", "jam", "--model", "bach", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **settings},
        )
        threading.Thread(target=self._read, daemon=True).start()
        assert wait_for(lambda: self.said("loaded"), START_S), "it does not start"
        named = re.search("listening at '(.*)', playing at '(.*)'", "\n".join(self.lines))
        assert named, "it does not say its ports"
        self.input, self.output = named.groups()

    def _read(self) -> None:
        for line in self.process.stdout:
            sys.stderr.write(f"livegen: {line}")
            self.lines.append(line)

    def said(self, part: str) -> int:
        """How many lines hold this."""
        return sum(part in line for line in self.lines)

    def engine(self) -> int | None:
        """The process of its engine."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return next((int(line.split()[0]) for line in listed.stdout.splitlines() if "engine_worker" in line), None)

    def end(self) -> None:
        """Ask it to end, and wait; where it does not, the log gets what its threads do."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise

    def kill(self) -> None:
        """Kill it; its ports are gone when this returns."""
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not any(name.startswith("livegen") for name, _ in clients()), 10)


@contextmanager
def jam(*options: str, **settings: str) -> Iterator[tuple[Livegen, Receiver]]:
    """livegen, with a receiver at its virtual output."""
    receiver = Receiver()
    livegen = Livegen(*options, **settings)
    try:
        connect(livegen.output, receiver.address)
        yield livegen, receiver
    finally:
        livegen.process.kill()
        livegen.process.wait()
        receiver.close()


Row = tuple[str, bool]  # what was seen; is it as it should be?


def names() -> Iterator[Row]:
    """aconnect and aplaymidi find the ports by the names that livegen says, after a restart too."""
    found = []
    for turn in ("first", "second"):
        with jam(**THRU) as (livegen, receiver):
            play(livegen.input, held(60, 64, seconds=0.5)).wait()
            is_heard = receiver.hears(1, SOON_S) and receiver.is_silent(SOON_S)
            yield f"{turn} start: {livegen.input}, {livegen.output}: {receiver.begun} notes of 2 went through", is_heard
            listed = subprocess.run(["livegen", "ports"], capture_output=True, text=True, check=False).stdout
            own = [line for line in listed.splitlines() if "livegen" in line]
            keyboards = [line for line in own if "listens" in line]
            yield f"{len(own)} ports of its own, {len(keyboards)} taken for keyboards", bool(own) and not keyboards
            found.append((livegen.input, livegen.output, {name for name, _ in clients() if "livegen" in name}))
            livegen.end()
            yield f"{receiver.hanging} hanging", receiver.hanging == 0
    yield "the same names after a restart", found[0] == found[1]


def phrases() -> Iterator[Row]:
    """Six phrases are answered by a network."""
    with jam("--role", "respond", *NETWORK) as (livegen, receiver):
        answered, counts = 0, []
        for phrase in PHRASES:
            before = receiver.begun
            play(livegen.input, tune(phrase, 0.4)).wait()
            answered += receiver.hears(before, 180)
            receiver.settle()
            counts.append(receiver.begun - before)
        yield f"{answered} of {len(PHRASES)} answered, with {counts} notes", answered == len(PHRASES)
        yield f"{receiver.hanging} hanging after the answers", receiver.hanging == 0
        livegen.end()
        yield f"{receiver.hanging} hanging at the end", receiver.hanging == 0


def disconnects() -> Iterator[Row]:
    """A connection is taken out by aconnect -d in mid-note: of the input, of the output, of a named output."""
    named = Receiver()
    with jam("--out", "aseqdump", **THRU) as (livegen, receiver):
        yield from _output_disconnects(livegen, receiver)
        yield from _input_disconnects(livegen, receiver)
        yield from _named_disconnects(livegen, receiver, named)
        livegen.end()
        hanging = receiver.hanging + named.hanging
        yield f"{hanging} hanging at the end", hanging == 0
    named.close()


def _output_disconnects(livegen: Livegen, receiver: Receiver) -> Iterator[Row]:
    silent = 0
    for _ in range(3):
        player = play(livegen.input, held(67, seconds=4))
        assert receiver.sounds(), "nothing sounds"
        connect("-d", livegen.output, receiver.address)
        player.wait()  # the key comes up meanwhile
        connect(livegen.output, receiver.address)
        silent += receiver.is_silent(SOON_S)
    yield f"virtual output: {silent} of 3 silent when connected again", silent == 3


def _input_disconnects(livegen: Livegen, receiver: Receiver) -> Iterator[Row]:
    """aplaymidi's own connection cannot be taken out by others: it plays through a port of the kernel's."""
    silent = 0
    for _ in range(3):
        connect(THROUGH, livegen.input)
        player = play(THROUGH, held(67, seconds=60))
        assert receiver.sounds(), "nothing sounds"
        connect("-d", THROUGH, livegen.input)
        silent += receiver.is_silent(SOON_S)
        player.kill()
        player.wait()
    yield f"virtual input: {silent} of 3 silent, the key held on", silent == 3


def _named_disconnects(livegen: Livegen, receiver: Receiver, named: Receiver) -> Iterator[Row]:
    silent = again = 0
    for _ in range(3):
        player = play(livegen.input, held(67, seconds=6))
        assert named.sounds(), "nothing sounds"
        connect("-d", "livegen-to", named.address)
        silent += named.is_silent(SOON_S)
        player.wait()
        before = named.begun
        play(livegen.input, held(69, seconds=0.5)).wait()
        again += named.hears(before, SOON_S) and named.is_silent(SOON_S)
    yield f"named output: {silent} of 3 silent, {again} of 3 connected again by livegen", silent == again == 3
    receiver.is_silent(SOON_S)


def unplugs() -> Iterator[Row]:
    """The USB keyboard is pulled out with keys held, and plugged in again; then only its connection is taken out."""
    keyboard = UsbKeyboard()
    keyboard.plug()
    with jam(**THRU) as (livegen, receiver):
        is_connected = wait_for(lambda: livegen.said(f"listening to '{KEYBOARD}"), 20) == 1
        yield f"'{KEYBOARD}' connected by itself", is_connected
        silent = again = 0
        for turn in range(3):
            _hold(keyboard, receiver)
            keyboard.unplug()
            silent += receiver.is_silent(SOON_S)
            keyboard.plug()
            wait_for(lambda turn=turn: livegen.said(f"listening to '{KEYBOARD}") > turn + 1, 20)
            again += _is_heard(keyboard, receiver)
        yield f"{silent} of 3 silent when pulled out, {again} of 3 heard when plugged in again", silent == again == 3
        silent = again = 0
        for turn in range(3):
            _hold(keyboard, receiver)
            connect("-d", KEYBOARD, "livegen-keyboard")
            silent += receiver.is_silent(SOON_S)
            wait_for(lambda turn=turn: livegen.said("making it again") > turn, SOON_S)
            again += _is_heard(keyboard, receiver)
        yield f"its connection: {silent} of 3 silent, {again} of 3 connected again by livegen", silent == again == 3
        livegen.end()
        yield f"{receiver.hanging} hanging at the end", receiver.hanging == 0
    keyboard.unplug()


def _hold(keyboard: UsbKeyboard, receiver: Receiver) -> None:
    for pitch in (67, 72):
        keyboard.send(0x90, pitch, 80)
    assert wait_for(lambda: receiver.hanging == 2, 20), "the keys are not heard"


def _is_heard(keyboard: UsbKeyboard, receiver: Receiver) -> bool:
    """A key that is pressed and let go is."""
    before = receiver.begun
    keyboard.send(0x90, 69, 80)
    is_heard = receiver.hears(before, SOON_S)
    keyboard.send(0x80, 69, 0)
    return receiver.is_silent(SOON_S) and is_heard


def clock() -> Iterator[Row]:
    """livegen follows the keyboard's MIDI clock, and status shows its tempo."""
    keyboard = UsbKeyboard()
    keyboard.plug()
    with jam("--clock", "midi", **THRU) as (livegen, receiver):
        wait_for(lambda: livegen.said(f"listening to '{KEYBOARD}"), 20)
        ticking = keyboard.start_clock(CLOCK_BPM)
        time.sleep(20)
        tempos = [_shown_tempo(after_s=1) for _ in range(20)]
        shown = subprocess.run(["nice", "livegen", "status"], capture_output=True, text=True, check=False).stdout
        ticking.stop()
        line = next((" ".join(line.split()) for line in shown.splitlines() if line.startswith("clock")), "")
        tempo = statistics.median(tempos)
        is_followed = abs(tempo / CLOCK_BPM - 1) < 0.01
        yield f"{CLOCK_BPM} bpm sent, {tempo} followed ({min(tempos)} to {max(tempos)})", is_followed
        yield f"status: {line}", "tempo_bpm" in line  # starting it keeps the sender waiting, longer than a clock may
        is_heard = _is_heard(keyboard, receiver)
        yield f"a key after its stop: {receiver.begun} note, {receiver.hanging} hanging", is_heard
        livegen.end()
    keyboard.unplug()


def _shown_tempo(after_s: float) -> float:
    """What livegen status would show; without starting one more process, which keeps the clock waiting."""
    time.sleep(after_s)
    status = json.loads(Path(os.environ["XDG_RUNTIME_DIR"], "livegen", "livegen.status.json").read_text())
    return float(status["clock"].get("tempo_bpm", 0))


def kills() -> Iterator[Row]:
    """The engine is killed while its notes sound, then livegen itself. One receiver is named, one connected by hand."""
    named, receiver = Receiver(), Receiver()
    livegen = Livegen("--role", "solo", *NETWORK, "--clock", "internal", "--out", "aseqdump")
    connect(livegen.output, receiver.address)
    silent = 0
    for _ in range(3):
        assert receiver.sounds(START_S), "it does not play"  # the next engine goes on
        os.kill(wait_for(livegen.engine, START_S), signal.SIGKILL)
        silent += receiver.is_silent(SOON_S) and named.is_silent(SOON_S)
    yield f"engine killed: {silent} of 3 silent", silent == 3
    for turn in ("first", "second"):
        player = play(livegen.input, held(67, 79, seconds=60)) if turn == "second" else None
        assert wait_for(lambda: receiver.hanging and named.hanging, START_S, 0.01), "nothing sounds"
        livegen.kill()
        left = f"{receiver.hanging} and {named.hanging} left sounding"
        if player:
            player.kill()
            player.wait()
        livegen = Livegen("--role", "respond", "--out", "aseqdump", **THRU)
        named.is_silent(SOON_S)
        connect(livegen.output, receiver.address)
        receiver.is_silent(SOON_S)
        ended = f"{receiver.hanging} and {named.hanging} hanging after the start"
        yield f"livegen killed, {turn} time: {left}, {ended}", receiver.hanging == named.hanging == 0
    before = receiver.begun, named.begun
    play(livegen.input, held(69, seconds=0.5)).wait()
    yield "both hear it again", receiver.hears(before[0], SOON_S) and named.hears(before[1], SOON_S)
    livegen.end()
    yield f"{receiver.hanging + named.hanging} hanging at the end", receiver.hanging + named.hanging == 0
    receiver.close()
    named.close()


LIBRARIES = ("rtmidi", "system")  # by which livegen reaches ALSA
CHECKS = (names, phrases, disconnects, unplugs, clock, kills)


def rows(check: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """What a check yields; an error of it is a fault."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 (whatever it is: the next check runs all the same)
        traceback.print_exc()
        yield f"{type(error).__name__}: {error}", False


def main(wanted: list[str]) -> None:
    """Run the checks that are wanted, and write the table."""
    chosen = {f"{library}:{check.__name__}": (library, check) for library in LIBRARIES for check in CHECKS}
    if wanted:
        chosen = {name: each for name, each in chosen.items() if any(word in name for word in wanted)}
    faults, begun_s = 0 if chosen else 1, time.monotonic()
    with TABLE.open("w", buffering=1) as table:
        for name, (library, check) in chosen.items():
            os.environ["LIVEGEN_MIDI_LIBRARY"] = library
            for seen, is_right in rows(check):
                faults += not is_right
                print(f"{'ok   ' if is_right else 'FAULT'}  {name:<19}  {seen}", file=table)
            end_children()
        print(f"{len(chosen)} checks, {time.monotonic() - begun_s:.0f} s", file=table)
        print(f"{faults} faults" if faults else "all well", file=table)


def end_children() -> None:
    """Nothing of one check is left in the next."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    for process in map(int, listed.stdout.split()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    if CONTROLLER.read_text().strip():
        CONTROLLER.write_text("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
