"""The virtual output."""

import pytest

from livegen.midi_out import port
from livegen.midi_out.port import open_output


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
