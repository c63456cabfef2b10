"""Ports on JACK and in memory at once: each comes and goes while the other plays."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import livegen.midi_out.player
from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.daemon.ports import Backend, MemoryPorts, PortManager, open_ports
from livegen.events import Event, NoteOff, NoteOn, Timed
from livegen.midi_out.ledger import Ledger, blank_ledger
from livegen.midi_out.player import Player
from livegen.settings import Ports
from tests.support.jack_stage import Voice, hanging, wait_for

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("realtime_jack_server")]

NOTES = 400
EVERY_MS, LONG_MS = 15, 50  # three or four sound at any moment
AHEAD_NS = 40 * NS_PER_MS
GOES = 4  # times that each comes and goes


def score(begin_ns: int) -> list[Timed]:
    """A long stream of notes that overlap, no two of one pitch at once."""
    events = []
    for number in range(NOTES):
        at_ns = begin_ns + number * EVERY_MS * NS_PER_MS
        events.append(Timed(at_ns, NoteOn(36 + number % 48, 80)))
        events.append(Timed(at_ns + LONG_MS * NS_PER_MS + 1, NoteOff(36 + number % 48)))
    return sorted(events, key=lambda timed: timed.at_ns)


class Stand:
    """A player on its own thread, ports of both kinds, and a receiver on JACK in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.ledger: Ledger = blank_ledger()
        self.player = Player(self.ledger, lambda _: None, is_realtime=True)
        self.memory = MemoryPorts()
        ports = Ports(system="jack", name="together")
        self.manager: PortManager = open_ports(ports, self.memory, lambda _: None, self.player, lambda _: None)
        self.jack_backend, self.memory_backend = self.manager.backends
        self.receiver = Voice("hear", "together-receiver", folder, "together:out")

    def wait_for_receiver(self) -> None:
        """Until it is connected to our port on JACK."""
        wait_for(lambda: any(line.startswith("out: together-rec") for line in self.manager.plugged()), "the receiver")

    def play(self, meanwhile: Callable[[], None]) -> list[Event]:
        """Hand the score over as an engine does, a moment ahead; the events, in their order."""
        events = score(now_ns() + NS_PER_S // 5)

        def hand_over() -> None:
            for timed in events:
                time.sleep(max(timed.at_ns - AHEAD_NS - now_ns(), 0) / NS_PER_S)
                self.player.play((timed,))

        thread = threading.Thread(target=hand_over)
        thread.start()
        meanwhile()
        assert thread.is_alive()  # it was over before the score was
        thread.join()
        wait_for(lambda: self.player.waiting == 0, "the end of the score")
        return [timed.event for timed in events]

    def come_and_go(self, backend: Backend, sent: Callable[[], list[Timed]]) -> Callable[[], None]:
        """Let that backend come and go; each time what sounded there ends."""

        def meanwhile() -> None:
            for _ in range(GOES):
                time.sleep(0.4)
                self.manager.detach(backend)
                wait_for(lambda: not hanging(sent()), "the end of what sounded")
                before = len(sent())
                time.sleep(0.2)
                assert len(sent()) == before
                self.manager.attach(backend)
                self.manager.poll()

        return meanwhile


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(livegen.midi_out.player, "LATE_NS", NS_PER_S)  # how late a busy machine makes them is not asked
    made = Stand(tmp_path)
    with played(made.player):
        made.wait_for_receiver()
        yield made
        made.manager.close()
    made.receiver.close()


@contextmanager
def played(player: Player) -> Iterator[None]:
    thread = threading.Thread(target=player.run)
    thread.start()
    try:
        yield
    finally:
        player.stop()
        thread.join()


def test_jack_comes_and_goes_while_memory_plays_on_and_nothing_hangs_or_is_missed(stand: Stand):
    expected = stand.play(stand.come_and_go(stand.jack_backend, stand.receiver.events))

    assert [timed.event for timed in stand.memory.output.sent] == expected
    wait_for(lambda: not hanging(stand.receiver.events()), "the last note-off at the receiver")
    assert (stand.player.hanging, stand.ledger.sounding()) == (0, ())


def test_memory_comes_and_goes_while_jack_plays_on_and_nothing_hangs_or_is_missed(stand: Stand):
    expected = stand.play(stand.come_and_go(stand.memory_backend, lambda: stand.memory.output.sent))

    wait_for(lambda: len(stand.receiver.events()) >= len(expected), "the last note at the receiver")
    assert [timed.event for timed in stand.receiver.events()] == expected
    assert hanging(stand.memory.output.sent) == Counter()
    assert (stand.player.hanging, stand.ledger.sounding()) == (0, ())
