"""What a client of a MIDI system offers, whichever library reaches that system."""

from collections.abc import Callable
from typing import Literal, Protocol

Direction = Literal["input", "output"]

QUEUED = 16_384  # messages that wait in an input: all that a flood can bring in while this process is held up


class MidiSystemError(Exception):
    """A MIDI system that does not answer, as one that is starting or ending; a port that is gone, or in use."""


class MidiClient(Protocol):
    """A client of a MIDI system, for one port of ours. Each method may raise MidiSystemError, but for ``close``."""

    @property
    def system(self) -> str:
        """The MIDI system: "alsa", "jack", "core" or "windows"."""

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect; nothing where the system has none."""

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``."""

    def receive(self) -> tuple[list[int], float] | None:
        """The oldest message that waits, and the seconds from the one before it to its arrival; None when none waits.

        It does not wait. Of the first message, the seconds mean nothing.
        """

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""

    def close(self) -> None:
        """Close the client, when what was sent is on its way."""


MakeClient = Callable[[Direction, str], MidiClient]  # of our client's name
