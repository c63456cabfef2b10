"""A message of an external MIDI clock."""

from dataclasses import dataclass

from livegen.events import SongPosition, Transport


@dataclass(frozen=True, slots=True)
class ClockMessage:
    """A pulse, a start, a stop or a position, and the moment of its arrival.

    ``stalled_ns``: how long the MIDI server that delivered it has stalled so far, up to a constant; for pulses only.
    """

    at_ns: int
    event: Transport | SongPosition
    stalled_ns: int = 0
