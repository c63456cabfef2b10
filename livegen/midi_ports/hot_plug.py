"""Ports that are plugged in and out: each is connected by a client of its own."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from livegen.midi_ports.client import Direction, MidiClient, MidiSystemError
from livegen.midi_ports.connections import Connections, owners_of
from livegen.midi_ports.names import without_numbers
from livegen.midi_ports.systems import new_client

OnGone = Callable[[str, MidiClient], None]  # a port's name, and our client that was connected to it


@dataclass(slots=True)
class _Plugged:
    """A port that is connected, and our client for it."""

    client: MidiClient
    owner: str  # what tells the port's program from the next one of the same name
    own: str | None  # our port, where the MIDI system says who is connected
    is_joined: bool = True


class HotPlug:
    """Connects ports as they are plugged in, each by its own client. Owner: the daemon's main thread."""

    def __init__(self, direction: Direction, system: str, client_name: str, on_gone: OnGone, most: int = 128) -> None:
        self._direction = direction
        self._system = system
        self._client_name = client_name
        self._on_gone = on_gone
        self._most = most  # ports at once
        self._plugged: dict[str, _Plugged] = {}  # by port
        self._refused: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The names of the connected ports."""
        return [name for name, plugged in self._plugged.items() if plugged.is_joined]

    def poll(
        self,
        wanted: Mapping[str, Callable[[MidiClient], None]],
        present: Iterable[str],
        connections: Connections | None,
    ) -> list[str]:
        """Disconnect ports that were unplugged, connect those that are wanted; a line for each.

        A connection that was taken out while both ports stay is made again. ``wanted``: for each port, what to call
        with the client that is connected to it. ``on_gone`` is called before a client is closed, because closing may
        take a while.
        """
        owners = owners_of({*wanted, *self._plugged}.intersection(present), connections)
        lines = [self._let_go(name) for name in list(self._plugged) if owners.get(name) != self._plugged[name].owner]
        self._refused.intersection_update(present)
        for name, begin in wanted.items():
            if name in owners and name not in self._plugged and len(self._plugged) < self._most:
                lines += self._connect(name, owners[name], begin, connections)
            elif connections and name in self._plugged:
                lines += self._look_at(name, begin, connections)
        return lines

    def is_changed(self, connections: Connections) -> bool:
        """A connection has gone since the last ``poll``."""
        return any(
            plugged.own and plugged.is_joined and name not in (connections.connected(plugged.own) or ())
            for name, plugged in self._plugged.items()
        )

    def close(self) -> None:
        """Disconnect all ports."""
        for name in list(self._plugged):
            self._let_go(name)

    def _let_go(self, name: str) -> str:
        plugged = self._plugged.pop(name)
        if plugged.is_joined:
            self._on_gone(name, plugged.client)
        plugged.client.close()
        return f"'{without_numbers(name)}' is gone; waiting for it to come back"

    def _look_at(self, name: str, begin: Callable[[MidiClient], None], connections: Connections) -> list[str]:
        plugged = self._plugged[name]
        if plugged.own is None or (plugged.is_joined and name in (connections.connected(plugged.own) or ())):
            return []
        lines = []
        if plugged.is_joined:
            plugged.is_joined = False
            self._on_gone(name, plugged.client)
            lines.append(f"the connection to '{without_numbers(name)}' is gone; making it again")
        ends = (name, plugged.own) if self._direction == "input" else (plugged.own, name)
        if connections.connect(*ends):
            plugged.is_joined = True
            begin(plugged.client)
        return lines

    def _connect(
        self, name: str, owner: str, begin: Callable[[MidiClient], None], connections: Connections | None
    ) -> list[str]:
        client, before = None, (connections.connected(name) if connections else None) or frozenset()
        with suppress(MidiSystemError, ValueError):  # it may be unplugged, or taken, at this moment
            client = new_client(self._direction, self._system, self._client_name)
            client.connect(name, "in" if self._direction == "input" else "out")
            joined = ((connections.connected(name) if connections else None) or frozenset()) - before
            own = next((port for port in joined if port.startswith(self._client_name)), None)
            begin(client)
            self._plugged[name] = _Plugged(client, owner, own)
            self._refused.discard(name)
            return [f"{'listening' if self._direction == 'input' else 'playing'} to '{without_numbers(name)}'"]
        if client is not None:
            client.close()
        if name in self._refused:
            return []
        self._refused.add(name)
        return [f"'{without_numbers(name)}' cannot be opened: another program may be using it; trying again"]
