"""Ports on JACK that come and go, and what comes in through them; a few of each by default.

LIVEGEN_UNPLUGS=200 pulls both devices out so often; LIVEGEN_THRU_NOTES=2000 measures what thru costs. Durations are
judged only at the full counts.
"""

import os
import subprocess
import sys
import time
from bisect import bisect
from collections import Counter
from pathlib import Path

import pytest
import rtmidi

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import NoteOff, NoteOn, Transport, to_bytes
from tests.conftest import SERVER, start_jack, stop_jack
from tests.support.jack_stage import Daemon, Voice, hanging, percentile, report, wait_for, wait_for_quiet
from tests.support.jack_voice import connect, connect_in_time

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

THRU_NOTES = int(os.environ.get("LIVEGEN_THRU_NOTES", "20"))
JUDGED_THRU_NOTES = 1_000
UNPLUGS = int(os.environ.get("LIVEGEN_UNPLUGS", "2"))
JUDGED_UNPLUGS = 30
_SETTLED = 10  # unplugs after which memory has found its size


def on(pitch: int) -> tuple[float, list[int]]:
    return 0, list(to_bytes(NoteOn(pitch, 80)))


def off(pitch: int) -> tuple[float, list[int]]:
    return 0, list(to_bytes(NoteOff(pitch)))


class Hotplug:
    """A daemon with one named input, one named output, and thru; the devices are processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Voice("play", "Keys", folder, "")
        self.synth = Voice("hear", "Synth", folder, "")
        self.daemon = Daemon("plug", folder, "--in", "keys", "--out", "synth")
        self.wait_for_lines("listening to 'Keys:out'", 1)
        self.wait_for_lines("playing to 'Synth:in'", 1)
        self.daemon.wait_for_line("loaded")

    def wait_for_lines(self, line: str, count: int) -> None:
        wait_for(lambda: self.daemon.lines().count(line) >= count, f"{line} ({count})")

    def wait_for_event(self, event: NoteOn | NoteOff, after_ns: int) -> float:
        """How long after that moment, in ms, the synth got it."""

        def poll() -> int | None:
            found = (timed.at_ns for timed in self.synth.events() if timed.at_ns >= after_ns and timed.event == event)
            return next(found, None)

        return (wait_for(poll, str(event)) - after_ns) / NS_PER_MS

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.daemon.process.pid}/fd").iterdir()))

    def memory_kib(self) -> int:
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def close(self) -> None:
        for voice in (self.keys, self.synth):
            voice.close()
        self.daemon.kill()


@pytest.mark.usefixtures("realtime_jack_server")
def test_devices_pulled_out_while_they_play_come_back_by_name_and_nothing_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    stage = Hotplug(tmp_path)
    ends, returns, files, memory = [], [], [], []
    try:
        for count in range(1, UNPLUGS + 1):
            ends.append(pull_keys(stage, count))
            returns += [back_keys(stage, count), *pull_synth(stage, count)]
            files.append(stage.open_files())
            memory.append(stage.memory_kib())
        stage.keys.play([(0, [Transport.RESET.value])])  # no answer to a phrase of minutes
        wait_for_quiet(stage.synth)
        lines = stage.daemon.lines()
        left = hanging(stage.synth.events())
        assert stage.daemon.stop() == 0
    finally:
        stage.close()

    assert left == Counter()
    assert lines.count("'Keys:out' is gone; waiting for it to come back") == UNPLUGS
    assert lines.count("'Synth:in' is gone; waiting for it to come back") == UNPLUGS
    if UNPLUGS >= JUDGED_UNPLUGS:
        report(f"{UNPLUGS} unplugs", ends=ends, returns=returns)
        sys.stdout.write(f"\nopen files {files[0]}, at the end {files[-1]}; KiB {memory[0]}, at the end {memory[-1]}")
        assert max(ends) <= 500
        assert max(returns) <= 2_000
        assert max(files) - min(files) <= 2  # one is just being opened, or closed
        assert memory[-1] - memory[_SETTLED] <= 1_024


def pull_keys(stage: Hotplug, count: int) -> float:
    """Kill the keyboard while a key is down; how long until the note has ended, in ms."""
    pressed_ns = now_ns()
    stage.keys.play([on(60 + count % 12)])
    stage.wait_for_event(NoteOn(60 + count % 12, 80), pressed_ns)
    pulled_ns = now_ns()
    stage.keys.kill()
    return stage.wait_for_event(NoteOff(60 + count % 12), pulled_ns)


def back_keys(stage: Hotplug, count: int) -> float:
    """Plug it in again; how long until it is listened to, in ms."""
    stage.keys = Voice("play", "Keys", stage.folder, "")
    ready_ns = now_ns()
    stage.wait_for_lines("listening to 'Keys:out'", count + 1)
    return (now_ns() - ready_ns) / NS_PER_MS


def pull_synth(stage: Hotplug, count: int) -> list[float]:
    """Kill the synth while a note sounds, plug it in again; how long until it is played to, in ms.

    What it was playing has to end at once, for a real one would still be playing it.
    """
    pressed_ns = now_ns()
    stage.keys.play([on(72)])
    stage.wait_for_event(NoteOn(72, 80), pressed_ns)
    stage.synth.kill()
    stage.synth = Voice("hear", "Synth", stage.folder, "")
    ready_ns = now_ns()
    stage.wait_for_lines("playing to 'Synth:in'", count + 1)
    returned = (now_ns() - ready_ns) / NS_PER_MS
    stage.wait_for_event(NoteOff(72), ready_ns)
    stage.keys.play([off(72)])
    return [returned]


def test_a_connection_by_name_that_is_taken_out_ends_its_notes_and_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    stage = Hotplug(tmp_path)
    try:
        for count, ends in enumerate((("Keys:out", "plug-keyboard:in"), ("plug-to:out", "Synth:in")), start=1):
            pressed_ns = now_ns()
            stage.keys.play([on(60)])
            stage.wait_for_event(NoteOn(60, 80), pressed_ns)
            subprocess.run(["jack_disconnect", *ends], check=True)
            stage.wait_for_event(NoteOff(60), pressed_ns)
            wait_for(lambda count=count: said_gone(stage) == count, "the line")
            stage.keys.play([off(60)])
        pressed_ns = now_ns()
        stage.keys.play([on(62), off(62)])
        stage.wait_for_event(NoteOff(62), pressed_ns)
    finally:
        stage.close()

    assert hanging(stage.synth.events()) == Counter()


def said_gone(stage: Hotplug) -> int:
    return sum("is gone; making it again" in line for line in stage.daemon.lines())


def test_a_receiver_at_the_virtual_port_that_was_disconnected_gets_the_end_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    daemon = Daemon("plug", tmp_path)
    keys, synth = None, None
    try:
        daemon.wait_for_line("loaded")
        keys, synth = Voice("play", "Keys", tmp_path, "plug:in"), Voice("hear", "Synth", tmp_path, "plug:out")
        keys.play([on(60)])
        wait_for(lambda: hanging(synth.events()), "the note")
        subprocess.run(["jack_disconnect", "plug:out", "Synth:in"], check=True)
        time.sleep(0.1)  # what the note's end in the middle of it needs
        keys.play([off(60)])
        connect_in_time("plug:out", "Synth:in")
        wait_for(lambda: not hanging(synth.events()), "its end", 2)
    finally:
        for voice in filter(None, (keys, synth)):
            voice.close()
        daemon.kill()


def test_thru_costs_no_more_than_a_hand_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"{SERVER}-prompt")
    server = start_jack(tmp_path / "jackd.log", frames=64)
    daemon = Daemon("thru", tmp_path)
    inferring = subprocess.Popen([sys.executable, "-m", "livegen.bench.inferring"], stdout=subprocess.PIPE)
    try:
        daemon.wait_for_line("loaded")
        assert inferring.stdout
        assert inferring.stdout.readline()  # the model is loaded
        sent, came_in, came_out = play_through("thru:in", "thru:out")
        status = daemon.stop()
    finally:
        inferring.kill()
        inferring.communicate()
        daemon.kill()
        stop_jack(server)

    assert status == 0
    assert len(came_out) > THRU_NOTES  # JACK lets a client that is late miss some
    if THRU_NOTES >= JUDGED_THRU_NOTES:
        in_to_out, all_the_way, straight = between(came_in, came_out), between(sent, came_out), between(sent, came_in)
        report(f"{THRU_NOTES} notes", in_to_out=in_to_out, all_the_way=all_the_way, straight=straight)
        assert percentile(in_to_out, 99) <= 2.5


Seen = list[tuple[int, bytes]]  # messages with their moments


def play_through(target: str, source: str) -> tuple[Seen, Seen, Seen]:
    """Play notes to a port: when each message was sent, when it came in there, when it came out of the other.

    What a port gets, another that is connected beside it gets in the same period of JACK's.
    """
    sent: Seen = []
    arrived: tuple[Seen, Seen] = ([], [])
    player = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="meter")
    player.open_virtual_port("out")
    listeners = [rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name) for name in ("beside", "behind")]
    for listener, came in zip(listeners, arrived, strict=True):
        listener.open_virtual_port("in")
        listener.set_callback(lambda message, _, came=came: came.append((now_ns(), bytes(message[0]))))
    for ends in (("meter:out", target), ("meter:out", "beside:in"), (source, "behind:in")):
        wait_for(lambda ends=ends: connect(*ends), str(ends))
    for note in range(THRU_NOTES):
        for event in (NoteOn(note % 24, 80), NoteOff(note % 24)):  # lower than any answer
            sent.append((now_ns(), to_bytes(event)))
            player.send_message(to_bytes(event))
            time.sleep(0.007 + note % 10 * 0.0001)
    wait_for(lambda: arrived[1] and arrived[1][-1][0] < now_ns() - NS_PER_S, "the end")
    for client in (player, *listeners):
        client.delete()
    return sent, *arrived


def between(before: Seen, after: Seen) -> list[float]:
    """From each message to the same one elsewhere, in ms; what has been lost on the way is left out."""
    moments: dict[bytes, list[int]] = {}
    for at_ns, message in before:
        moments.setdefault(message, []).append(at_ns)
    spans = []
    for at_ns, message in after:
        earlier = bisect(moments.get(message, []), at_ns)
        if earlier:
            spans.append((at_ns - moments[message][earlier - 1]) / NS_PER_MS)
    return spans
