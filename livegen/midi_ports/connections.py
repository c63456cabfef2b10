"""Who is connected to whom, in the words of the MIDI system, where it tells: JACK does, and ALSA."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from livegen.midi_ports.alsa import open_alsa
from livegen.midi_ports.jack import open_jack
from livegen.midi_ports.names import Peer


class Connections(Protocol):
    """A MIDI system's connections. Ports are named as the system names them. Owner: the thread that opened it."""

    def uuid(self, port: str) -> str | None:
        """What tells the port's program from the next one of the same name; None when the program is ending."""

    def connected(self, port: str) -> frozenset[str] | None:
        """The names of the ports that are connected to this port; None where there is no such port. Cheap."""

    def peers(self, port: str) -> frozenset[Peer] | None:
        """As ``connected``, each with its uuid."""

    def connect(self, source: str, target: str) -> bool:
        """Connect two ports; True when they are connected."""

    def send_to(self, peer: Peer, messages: Sequence[bytes]) -> bool:
        """Send these messages to this receiver only; False when it has gone."""

    def add_alias(self, port: str, alias: str) -> bool:
        """Give ``port`` a second name; True when the system has accepted it."""

    def flush(self, ports: str) -> None:
        """Make these inputs of ours, given by a regular expression, deliver what they have collected."""

    @property
    def is_flushing(self) -> bool:
        """``flush`` is needed, and works: an input that hears no F7 is deaf."""

    def stalled_ns(self, at_ns: int) -> int:
        """How long the system had stalled at that moment, up to a constant; 0 where it cannot stall."""

    def is_alive(self) -> bool:
        """The system answers."""

    def close(self) -> None:
        """Ask nothing any more."""


def open_connections(system: str, name: str) -> Connections | None:
    """The connections of that MIDI system; None where it does not tell, or there is no library to ask it."""
    if system == "alsa":
        return open_alsa(f"{name}-watch")
    return open_jack(f"{name}-watch") if system == "jack" else None


def owners_of(ports: Iterable[str], connections: Connections | None) -> dict[str, str]:
    """Each port with its client's uuid, which tells a program from the next of the same name; else it is "".

    A program that is ending still has its ports in JACK's list, but no uuid: these ports are left out.
    """
    if connections is None:
        return dict.fromkeys(ports, "")
    owners = ((port, connections.uuid(port)) for port in ports)
    return {port: owner for port, owner in owners if owner}
