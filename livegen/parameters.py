"""The parameters that a knob can set while playing: each one's key in the settings, and its conversion from 0-127."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Any, get_args

from livegen.settings import Parameter, Role, Settings
from livegen.shipped import shipped_models

MOST = 127  # the highest value of a MIDI controller

_ROLES = get_args(Role)


@dataclass(frozen=True, slots=True)
class Knob:
    """One parameter. ``position`` gives None for a value that the knob cannot set (0, the model's own temperature)."""

    section: str
    key: str
    value: Callable[[int], Any]
    position: Callable[[Any], int | None]

    def turned(self, settings: Settings, position: int) -> Settings:
        """The settings with the knob at this position, 0-127."""
        section = getattr(settings, self.section)
        update = {self.key: self.value(position)}
        return settings.model_copy(update={self.section: section.model_copy(update=update)})

    def stands(self, settings: Settings) -> int | None:
        """The knob's position for these settings; None when it has none."""
        return self.position(getattr(getattr(settings, self.section), self.key))


def _linear(section: str, key: str, low: float, high: float, *, is_whole: bool = False) -> Knob:
    def value(position: int) -> float:
        exact = low + (high - low) * position / MOST
        return round(exact) if is_whole else round(exact, 3)

    return Knob(section, key, value, lambda found: round((found - low) / (high - low) * MOST))


def _logarithmic(section: str, key: str, low: float, high: float, *, is_whole: bool = False) -> Knob:
    """A knob whose equal turns are equal factors. 0 is the model's own value, which the knob cannot set."""

    def value(position: int) -> float:
        exact = low * exp(log(high / low) * position / MOST)
        return round(exact) if is_whole else round(exact, 3)

    def position(found: float) -> int | None:
        return round(log(found / low) / log(high / low) * MOST) if found else None

    return Knob(section, key, value, position)


def _choice(section: str, key: str, names: Callable[[], tuple[str, ...]]) -> Knob:
    """A knob whose range has equal parts, one for each name."""

    def value(position: int) -> str:
        found = names()
        return found[position * len(found) // (MOST + 1)]

    def position_of(name: str) -> int | None:
        found = names()
        return (found.index(name) * (MOST + 1) + MOST // 2) // len(found) if name in found else None

    return Knob(section, key, value, position_of)


KNOBS: dict[Parameter, Knob] = {
    "temperature": _logarithmic("sampling", "temperature", 0.25, 4),
    "top_p": _linear("sampling", "top_p", 0.5, 1),
    "timing_temperature": _logarithmic("sampling", "timing_temperature", 0.25, 4),
    "density": _logarithmic("sampling", "density", 0.1, 10),
    "octaves": _linear("play", "octaves", -3, 3, is_whole=True),
    "scale_lock": Knob("limits", "scale_lock", lambda position: position > MOST // 2, lambda found: MOST * found),
    "answer_length": _linear("play", "answer_length", 0.5, 2),
    "role": _choice("play", "role", lambda: _ROLES),
    "model": _choice("play", "model", lambda: tuple(shipped_models())),
    "horizon_ms": _logarithmic("play", "horizon_ms", 60, 2_000, is_whole=True),
    "velocity_follow": _linear("play", "velocity_follow", 0, 1),
    "familiarity": _linear("sampling", "familiarity", 0, 2),
    "phrasing": _linear("play", "phrasing", 0, 2),
    "pedal": Knob("play", "pedal", lambda position: position > MOST // 2, lambda found: MOST * found),
}
