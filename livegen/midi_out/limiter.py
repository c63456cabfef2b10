"""What leaves is never louder than allowed, whoever asked for it."""

from dataclasses import dataclass, replace

from livegen.events import ControlChange, Event, NoteOn

VOLUME = 7  # the controller


@dataclass(slots=True)
class OutputLimiter:
    """The way out. Written by the daemon's main thread, read under the sender's lock: each field stands for itself."""

    velocity: int = 127
    volume: int = 127
    longest_ns: int = 0  # that a note may sound; 0 is for ever
    level: float = 1.0  # of the velocities, 0-1; at 0 no note begins

    def limited(self, event: Event) -> Event | None:
        """The event as it may leave; None when it may not."""
        match event:
            case NoteOn(velocity=velocity):
                if not self.level:
                    return None
                allowed = max(1, min(round(velocity * self.level), self.velocity))
                return event if allowed == velocity else replace(event, velocity=allowed)
            case ControlChange(number, value) if number == VOLUME and value > self.volume:
                return replace(event, value=self.volume)
        return event
