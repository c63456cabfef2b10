"""The virtual output."""

from pathlib import Path

import pytest

from livegen.events import ControlChange, NoteOff, NoteOn, to_bytes
from livegen.midi_out import port
from livegen.midi_out.port import VirtualOutput, open_output
from livegen.midi_out.receivers import Receivers
from livegen.midi_ports.client import MidiSystemError


class Client:
    """A client of a MIDI system that says nothing of connections."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.ports: list[str] = []

    def open_virtual(self, name: str) -> None:
        self.ports.append(name)

    def close(self) -> None:
        self.ports.clear()


@pytest.mark.parametrize(("system", "name"), [("alsa", "duet-out"), ("jack", "duet-out"), ("core", "duet")])
def test_where_programs_are_found_by_their_names_it_has_one_of_its_own(
    system: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    opened: list[tuple[str, str, str]] = []
    client = Client(system)
    monkeypatch.setattr(port, "open_connections", lambda _system, _name: None)
    monkeypatch.setattr(port, "new_client", lambda *asked: opened.append(asked) or client)

    open_output(system, "duet")

    assert (opened, client.ports) == ([("output", system, name)], ["out"])


class Failing(Client):
    """A client that cannot send a pedal."""

    def __init__(self) -> None:
        super().__init__("jack")
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        if message[0] == 0xB0:
            raise MidiSystemError("not now")
        self.sent.append(message)


def test_what_is_sent_together_leaves_though_one_message_cannot_and_its_ends_are_still_owed(tmp_path: Path):
    client, paid = Failing(), []
    receivers = Receivers(tmp_path)
    receivers.see([("synth:in", "7")], lambda *_: True)
    output = VirtualOutput(client, receivers)  # type: ignore[arg-type]
    on, up, off = (to_bytes(event) for event in (NoteOn(60, 80), ControlChange(64, 0), NoteOff(60)))

    output.send(on)
    output.send(off, up, on)
    output.send(off, up)
    receivers.see([], lambda *_: True)
    receivers.see([("synth:in", "7")], lambda _, messages: paid.extend(messages) or True)

    assert client.sent == [on, off, on, off]
    assert off in paid
