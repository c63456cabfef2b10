"""Limits the velocity and volume of everything that is sent."""

from dataclasses import dataclass, replace

from livegen.events import ControlChange, Event, NoteOn

VOLUME = 7  # the controller


@dataclass(slots=True)
class OutputLimiter:
    """The limits. Written by the daemon's main thread, read under the sender's lock; fields are independent."""

    velocity: int = 127
    volume: int = 127
    longest_ns: int = 0  # that a note may sound; 0: no limit
    level: float = 1.0  # of the velocities, 0-1; at 0 no note begins

    def limited(self, event: Event) -> Event | None:
        """The event within the limits; None when it must not be sent."""
        match event:
            case NoteOn(velocity=velocity):
                if not self.level:
                    return None
                allowed = max(1, min(round(velocity * self.level), self.velocity))
                return event if allowed == velocity else replace(event, velocity=allowed)
            case ControlChange(number, value) if number == VOLUME and value > self.volume:
                return replace(event, value=self.volume)
        return event
