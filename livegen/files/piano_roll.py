"""Draws a piano roll as a PNG: the player in blue bars with round heads, the machine in hollow bars with diamonds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from livegen.clock import NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.target import written

_PLAYER, _MACHINE = "#0072b2", "#d55e00"  # distinguishable with colour blindness (Okabe and Ito, 2008)
_INK, _GRID, _SHADE = "#333333", "#d9d9d9", "#f4f4f4"
_LEFT, _TOP, _RIGHT, _BOTTOM = 60, 50, 20, 40
_ROW = 11  # pixels a semitone
_BLACK_KEYS = {1, 3, 6, 8, 10}


@dataclass(frozen=True, slots=True)
class Bar:
    """A note in the picture: seconds and pitch."""

    begin_s: float
    end_s: float
    pitch: int


def draw_roll(path: Path, player: Iterable[Timed], machine: Iterable[Timed], title: str) -> None:
    """Draw the player's and the machine's events, in order of time, and save the picture as a PNG."""
    player, machine = list(player), list(machine)
    origin_ns = min((timed.at_ns for timed in (*player, *machine)), default=0)
    bars = [bars_of(player, origin_ns), bars_of(machine, origin_ns)]
    every = [*bars[0], *bars[1]] or [Bar(0, 1, 60)]
    low, high = min(bar.pitch for bar in every) - 2, max(bar.pitch for bar in every) + 2
    length_s = max(bar.end_s for bar in every) + 0.5
    roll = _Roll(low, high, length_s, width=max(900, min(4000, int(length_s * 40))))
    roll.draw_paper(title)
    for bar in bars[0]:
        roll.draw_player(bar)
    for bar in bars[1]:
        roll.draw_machine(bar)
    with written(path) as file:
        roll.image.save(file, "PNG")


def bars_of(events: Sequence[Timed], origin_ns: int) -> list[Bar]:
    """Bars of note-ons and note-offs, in order of time; a note without a note-off lasts to the last event."""
    bars: list[Bar] = []
    onsets: dict[tuple[int, int], int] = {}
    for timed in events:
        event = timed.event
        if isinstance(event, NoteOn | NoteOff):
            onset = onsets.pop((event.channel, event.pitch), None)
            if onset is not None:
                bars.append(_bar(onset, timed.at_ns, event.pitch, origin_ns))
            if isinstance(event, NoteOn):
                onsets[event.channel, event.pitch] = timed.at_ns
    last_ns = events[-1].at_ns if events else 0
    return bars + [_bar(onset, last_ns, pitch, origin_ns) for (_, pitch), onset in onsets.items()]


def _bar(begin_ns: int, end_ns: int, pitch: int, origin_ns: int) -> Bar:
    return Bar((begin_ns - origin_ns) / NS_PER_S, (end_ns - origin_ns) / NS_PER_S, pitch)


class _Roll:
    """Owner of the picture while it is drawn."""

    def __init__(self, low: int, high: int, length_s: float, width: int) -> None:
        self._low, self._high, self._length_s = low, high, length_s
        self._scale = (width - _LEFT - _RIGHT) / length_s  # pixels a second
        height = _TOP + _BOTTOM + (high - low + 1) * _ROW
        self.image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(13)

    def draw_paper(self, title: str) -> None:
        """Draw the keys, the seconds, the title and the legend."""
        width, height = self.image.size
        for pitch in range(self._low, self._high + 1):
            top = self._y(pitch)
            if pitch % 12 in _BLACK_KEYS:
                self._draw.rectangle((_LEFT, top, width - _RIGHT, top + _ROW - 1), fill=_SHADE)
            if pitch % 12 == 0:
                self._draw.line((_LEFT, top + _ROW, width - _RIGHT, top + _ROW), fill=_GRID)
                self._draw.text((_LEFT - 32, top - 3), f"C{pitch // 12 - 1}", fill=_INK, font=self._font)
        step = 1 if self._length_s < 30 else 5 if self._length_s < 180 else 30
        for second in range(0, int(self._length_s) + 1, step):
            x = self._x(second)
            self._draw.line((x, _TOP, x, height - _BOTTOM), fill=_GRID)
            self._draw.text((x - 4, height - _BOTTOM + 6), f"{second} s", fill=_INK, font=self._font)
        self._draw.text((_LEFT, 8), title, fill=_INK, font=self._font)
        self._legend()

    def draw_player(self, bar: Bar) -> None:
        """Draw a solid bar with a round head."""
        left, right, top = self._x(bar.begin_s), self._x(bar.end_s), self._y(bar.pitch)
        self._draw.rectangle((left, top + 3, max(right - 1, left + 2), top + _ROW - 4), fill=_PLAYER)
        self._draw.ellipse((left - 2, top, left + _ROW - 3, top + _ROW - 1), fill=_PLAYER)

    def draw_machine(self, bar: Bar) -> None:
        """Draw a hollow bar with a diamond head."""
        left, right, top = self._x(bar.begin_s), self._x(bar.end_s), self._y(bar.pitch)
        middle, half = top + _ROW // 2, _ROW // 2
        box = (left, top + 2, max(right - 1, left + 2), top + _ROW - 3)
        self._draw.rectangle(box, fill="#fbe3d2", outline=_MACHINE)
        diamond = [(left - 2, middle), (left + half - 2, middle - half), (left + 2 * half - 2, middle)]
        self._draw.polygon([*diamond, (left + half - 2, middle + half)], fill=_MACHINE)

    def _legend(self) -> None:
        x = self._length_s - 230 / self._scale
        self._draw.text((self._x(x), 28), "player", fill=_PLAYER, font=self._font)
        self._draw.text((self._x(x) + 120, 28), "machine", fill=_MACHINE, font=self._font)
        pitch = self._high + 2
        self.draw_player(Bar(x + 50 / self._scale, x + 100 / self._scale, pitch))
        self.draw_machine(Bar(x + 180 / self._scale, x + 228 / self._scale, pitch))

    def _x(self, seconds: float) -> int:
        return round(_LEFT + seconds * self._scale)

    def _y(self, pitch: int) -> int:
        return _TOP + (self._high - pitch) * _ROW
