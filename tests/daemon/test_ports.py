"""Ports in memory, wired by the settings."""

from livegen.daemon.ports import MemoryPorts, open_ports
from livegen.events import ControlChange, NoteOff, NoteOn, Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.routing import LEFT_HAND
from livegen.settings import Ports


class Stand:
    """A wiring, what is heard by it, and what leaves."""

    def __init__(self, settings: Ports) -> None:
        self.ports = MemoryPorts()
        self.heard: list[Timed] = []
        self.lines: list[str] = []
        self.player = Player(blank_ledger(), lambda _: None)
        self.wiring = open_ports(settings, self.ports, self.heard.append, self.player, self.lines.append)
        self.wiring.open()

    def heard_events(self) -> list[object]:
        return [timed.event for timed in self.heard]

    def sent(self) -> list[object]:
        return [timed.event for timed in self.ports.output.sent]


def test_the_left_hand_is_heard_on_a_channel_of_its_own():
    stand = Stand(Ports(split=60))

    for event in (NoteOn(59, 80), NoteOn(60, 80), NoteOff(59), NoteOff(60)):
        stand.ports.input.play(event)

    assert stand.heard_events() == [NoteOn(59, 80, LEFT_HAND), NoteOn(60, 80), NoteOff(59, LEFT_HAND), NoteOff(60)]
    assert stand.sent() == []


def test_what_is_played_leaves_at_once_on_the_thru_channel_both_hands_alike():
    stand = Stand(Ports(split=60, thru="on", thru_channel=5))

    for event in (NoteOn(59, 80), NoteOn(60, 80), ControlChange(64, 127)):
        stand.ports.input.play(event)

    assert stand.sent() == [NoteOn(59, 80, 4), NoteOn(60, 80, 4), ControlChange(64, 127, 4)]


def test_what_is_held_when_the_ports_close_ends():
    stand = Stand(Ports(thru="on"))
    stand.ports.input.play(NoteOn(60, 80))

    stand.wiring.close()

    assert stand.sent() == [NoteOn(60, 80), NoteOff(60)]
    assert stand.heard_events() == [NoteOn(60, 80), NoteOff(60)]
    assert stand.player.hanging == 0
