"""Ports in memory, connected by the settings."""

import pytest

from livegen.daemon.ports import MemoryBackend, MemoryPorts, MidiBackend, open_ports
from livegen.errors import PortError
from livegen.events import ControlChange, NoteOff, NoteOn, Timed
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.routing import InputRoute
from livegen.settings import Ports


class Stand:
    """A port manager, what is heard by it, and what leaves."""

    def __init__(self, settings: Ports) -> None:
        self.ports = MemoryPorts()
        self.heard: list[Timed] = []
        self.lines: list[str] = []
        self.player = Player(blank_ledger(), lambda _: None)
        self.manager = open_ports(settings, self.ports, self.heard.append, self.player, self.lines.append)

    def heard_events(self) -> list[object]:
        return [timed.event for timed in self.heard]

    def sent(self) -> list[object]:
        return [timed.event for timed in self.ports.output.sent]


def test_each_note_is_heard_with_its_hand_and_on_its_own_channel():
    stand = Stand(Ports(split=60))

    events = [NoteOn(59, 80, 2), NoteOn(60, 80, 15), NoteOff(59, 2), NoteOff(60, 15), ControlChange(1, 2)]
    for event in events:
        stand.ports.input.play(event)

    assert stand.heard_events() == events
    assert [timed.is_left_hand for timed in stand.heard] == [True, False, True, False, False]
    assert stand.sent() == []


def test_what_is_played_leaves_at_once_on_the_thru_channel_both_hands_alike():
    stand = Stand(Ports(split=60, thru="on", thru_channel=5))

    for event in (NoteOn(59, 80), NoteOn(60, 80), ControlChange(64, 127)):
        stand.ports.input.play(event)

    assert stand.sent() == [NoteOn(59, 80, 4), NoteOn(60, 80, 4), ControlChange(64, 127, 4)]


def test_what_is_held_when_the_ports_close_ends():
    stand = Stand(Ports(thru="on"))
    stand.ports.input.play(NoteOn(60, 80))

    stand.manager.close()

    assert stand.sent() == [NoteOn(60, 80), NoteOff(60)]
    assert stand.heard_events() == [NoteOn(60, 80), NoteOff(60)]
    assert stand.player.hanging == 0


class AwayBackend(MemoryBackend):
    """Ports of a system that can go by itself."""

    is_there = True

    def go(self) -> None:
        self._player.detach(self._ports.output)
        self.is_there = False

    def come(self) -> None:
        self._player.attach_routed([(self._ports.output, self._route)])
        self.is_there = True


def beside(stand: Stand) -> tuple[AwayBackend, MemoryPorts]:
    """Another pair of ports, attached."""
    ports = MemoryPorts()
    backend = AwayBackend(
        ports, Ports(), lambda name, _: InputFilter(name, InputRoute(), stand.heard.append), stand.player
    )
    stand.manager.attach(backend)
    return backend, ports


def test_a_backend_that_is_detached_falls_silent_and_the_other_plays_on():
    stand = Stand(Ports(thru="on"))
    other, ports = beside(stand)
    stand.ports.input.play(NoteOn(60, 80))

    stand.manager.detach(other)
    ports.input.play(NoteOn(64, 80))
    stand.ports.input.play(NoteOff(60))
    stand.manager.attach(other)
    stand.ports.input.play(NoteOn(62, 80))

    assert stand.sent() == [NoteOn(60, 80), NoteOff(60), NoteOn(62, 80)]
    assert [timed.event for timed in ports.output.sent][:2] == [NoteOn(60, 80), NoteOff(60)]
    assert ports.output.sent[-1].event == NoteOn(62, 80)
    assert stand.player.hanging == 0


def test_what_a_backend_leaves_sounding_waits_for_it_however_long_and_goes_to_nobody_else():
    stand = Stand(Ports(thru="on"))
    other, ports = beside(stand)
    stand.ports.input.play(NoteOn(60, 80))

    other.go()
    stand.manager.poll()
    stand.ports.input.play(NoteOff(60))
    stand.player._resend_until_ns = 0  # long ago
    while_away = stand.player.resend_pending()
    other.come()
    stand.manager.poll()

    assert stand.sent() == [NoteOn(60, 80), NoteOff(60)]
    assert [timed.event for timed in ports.output.sent] == [NoteOn(60, 80), NoteOff(60)]
    assert (stand.player.hanging, while_away) == (1, False)


def test_a_backend_that_cannot_be_opened_is_not_attached_and_the_other_plays_on(monkeypatch: pytest.MonkeyPatch):
    stand = Stand(Ports(thru="on"))

    def refuse(_: MemoryBackend) -> None:
        raise PortError("no MIDI input called 'Keys'")

    with monkeypatch.context() as patch:
        patch.setattr(AwayBackend, "open", refuse)
        with pytest.raises(PortError, match="Keys"):
            beside(stand)
    stand.ports.input.play(NoteOn(60, 80))

    assert len(stand.manager.backends) == 1
    assert stand.sent() == [NoteOn(60, 80)]


@pytest.mark.parametrize(
    ("system", "memory", "kinds"),
    [
        ("memory", None, [MemoryBackend]),
        ("auto", MemoryPorts(), [MemoryBackend]),
        ("jack", MemoryPorts(), [MidiBackend, MemoryBackend]),
        ("jack", None, [MidiBackend]),
    ],
)
def test_ports_in_memory_are_beside_a_midi_system_that_is_named(
    monkeypatch: pytest.MonkeyPatch, system: str, memory: MemoryPorts | None, kinds: list[type]
):
    monkeypatch.setattr(MidiBackend, "open", lambda _: None)
    player = Player(blank_ledger(), lambda _: None)

    manager = open_ports(Ports.model_validate({"system": system}), memory, lambda _: None, player, lambda _: None)

    assert [type(backend) for backend in manager.backends] == kinds
