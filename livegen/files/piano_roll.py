"""Draws a piano roll as a PNG: the player in blue with round heads, the machine in hollow orange bars with diamonds.

Loud notes are darker than soft ones. Long music is wrapped, as on a page, into lines that end on bar lines. Long times
without notes are left out, and the picture says how long they are.
"""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont

from livegen.events import Timed
from livegen.files.bar_map import BarMap
from livegen.files.roll_content import Score, lines_of, score_of, shown_in
from livegen.files.target import written

_PLAYER, _MACHINE = "#0072b2", "#d55e00"  # distinguishable with colour blindness (Okabe and Ito, 2008)
_INK, _SOFT_INK, _BAR_LINE, _GRID, _SHADE = "#333333", "#777777", "#9a9a9a", "#e4e4e4", "#f3f3f3"
_LEFT, _RIGHT, _HEAD, _FOOT = 74, 24, 74, 14  # margins of the page
_WIDEST, _NARROWEST = 1440, 700  # pixels of a line, without margins
_SCALE = 40.0  # pixels a second
_MOST_LINES = 24  # of a page; longer music is drawn smaller
_NAMES, _AXIS, _LANE, _GAP = 38, 22, 9, 18  # heights: keys and bar numbers, seconds, a pedal's band, between lines
_ROW, _LOW_ROW = 11, 7  # pixels a semitone: in a usual range, in a wide one
_WIDE = 54  # semitones
_NAMED = 26  # semitones in which every white key is named
_FINE = 2  # drawn so many times as large, then reduced: smooth edges
_ROOMY, _SMALLEST = 30.0, 5.0  # pixels a second below which heads are smaller; the smallest head
_FAINTEST = 0.3  # of the softest note's colour
_LABEL = 38  # pixels between two labels, at the least
_BLACK_KEYS = {1, 3, 6, 8, 10}
_WHITE_KEYS = {0: "C", 2: "D", 4: "E", 5: "F", 7: "G", 9: "A", 11: "B"}
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def draw_roll(
    path: Path, player: Iterable[Timed], machine: Iterable[Timed], title: str, bars: BarMap | None = None
) -> None:
    """Draw the player's and the machine's events, in order of time, with the bars and keys, and save it as a PNG."""
    image = _Page(score_of(list(player), list(machine), bars), title).draw()
    with written(path) as file:
        image.save(file, "PNG")


class _Page:
    """The layout of a picture; all measures in pixels."""

    def __init__(self, score: Score, title: str) -> None:
        self._score, self._title = score, title
        pitches = [note.pitch for part in (score.player, score.machine) for note in part.notes] or [66]
        middle = (min(pitches) + max(pitches)) // 2
        self._low, self._high = min(*pitches, middle - 5) - 2, max(*pitches, middle + 5) + 2
        self._row = _LOW_ROW if self._high - self._low > _WIDE else _ROW
        scale = min(_SCALE, _MOST_LINES * _WIDEST / score.length_s)
        self._lines = [line for span in score.spans for line in lines_of(span, score.bars, _WIDEST / scale)]
        self._head = max(self._row * min(scale / _ROOMY, 1), _SMALLEST)
        longest_s = max(end - begin for begin, end in self._lines)
        self._width = max(round(longest_s * scale), _NARROWEST)
        self._scale = scale if len(self._lines) > 1 else self._width / longest_s
        self._lanes = [part for part in (score.player, score.machine) if part.pedals]

    def draw(self) -> Image.Image:
        """The picture."""
        height = _NAMES + (self._high - self._low + 1) * self._row + _LANE * len(self._lanes) + _AXIS
        width = _LEFT + self._width + _RIGHT
        page = Image.new("RGB", (width, _HEAD + len(self._lines) * (height + _GAP) - _GAP + _FOOT), "white")
        top = _Pen(Image.new("RGB", (width * _FINE, _HEAD * _FINE), "white"))
        self._draw_head(top, width)
        page.paste(top.reduced(), (0, 0))
        shown_s = 0.0
        for index, (begin_s, end_s) in enumerate(self._lines):
            pen = _Pen(Image.new("RGB", (width * _FINE, height * _FINE), "white"))
            self._draw_line(pen, begin_s, end_s)
            if begin_s > shown_s:
                rest = f"after {_clock(begin_s - shown_s)} without notes"
                pen.text((width - _RIGHT, 2), rest, _SOFT_INK, 13, "ra")
            shown_s = end_s
            page.paste(pen.reduced(), (0, _HEAD + index * (height + _GAP)))
        return page

    def _draw_head(self, pen: "_Pen", width: int) -> None:
        """Draw the title and the legend."""
        pen.text((_LEFT, 12), pen.shortened(self._title, width - _LEFT - _RIGHT, 17), _INK, 17)
        x, y = float(_LEFT), 44
        for name, draw, colour in (("player", _draw_player, _PLAYER), ("machine", _draw_machine, _MACHINE)):
            for velocity in (127, 40):
                draw(pen, x, x + 34, y, _ROW, _ROW, velocity)
                x += 42
            x += pen.text((x + 2, y - 3), f"{name}, loud and soft", colour, 13) + 28
        if self._lanes:
            pen.box((x, y + 2, x + 34, y + 8), _blend(_INK, 0.35))
            pen.text((x + 42, y - 3), "pedal", _INK, 13)

    def _draw_line(self, pen: "_Pen", begin_s: float, end_s: float) -> None:
        right = self._x(end_s, begin_s)
        self._draw_keys(pen, right)
        self._draw_seconds(pen, begin_s, end_s)
        self._draw_bars(pen, begin_s, end_s)
        for part, draw in ((self._score.player, _draw_player), (self._score.machine, _draw_machine)):
            for note in part.notes:
                if shown := shown_in(note, begin_s, end_s):
                    left, stop = self._x(shown.begin_s, begin_s), self._x(shown.end_s, begin_s)
                    top = _NAMES + (self._high - note.pitch) * self._row
                    draw(pen, left, stop, top, self._row, self._head if shown.is_begun else 0, note.velocity)
        self._draw_pedals(pen, begin_s, end_s)
        if not (self._score.player.notes or self._score.machine.notes):
            pen.text(((_LEFT + right) / 2, (_NAMES + self._bottom) / 2), "no notes", _SOFT_INK, 15, "mm")

    def _draw_keys(self, pen: "_Pen", right: float) -> None:
        """Draw a row for each key of the piano, and the keyboard with its names."""
        is_named = self._high - self._low <= _NAMED
        for pitch in range(self._low, self._high + 1):
            top, tone = _NAMES + (self._high - pitch) * self._row, pitch % 12
            if tone in _BLACK_KEYS:
                pen.box((_LEFT, top, right, top + self._row), _SHADE)
                pen.box((_LEFT - 26, top, _LEFT - 10, top + self._row), _SOFT_INK)
            else:
                pen.box((_LEFT - 26, top, _LEFT - 4, top + self._row), "white", _GRID)
            if tone == 0:
                pen.line((_LEFT, top + self._row, right, top + self._row), _GRID)
            if tone == 0 or (is_named and tone in _WHITE_KEYS):
                name = f"{_WHITE_KEYS[tone]}{pitch // 12 - 1}"
                pen.text((_LEFT - 32, top + self._row / 2), name, _INK if tone == 0 else _SOFT_INK, 11, "rm")

    def _draw_seconds(self, pen: "_Pen", begin_s: float, end_s: float) -> None:
        bottom = self._bottom + _LANE * len(self._lanes)
        step = next((step for step in _STEPS_S if step * self._scale >= _LABEL), _STEPS_S[-1])
        pen.line((_LEFT, bottom, self._x(end_s, begin_s), bottom), _BAR_LINE)
        for second in range(-int(-begin_s // step) * step, int(end_s) + 1, step):
            x = self._x(second, begin_s)
            if not self._score.bars:
                pen.line((x, _NAMES, x, self._bottom), _GRID)
            pen.line((x, bottom, x, bottom + 4), _BAR_LINE)
            name = _clock(second) if self._lines[-1][1] >= 100 else f"{second} s"
            pen.text((x, bottom + 6), name, _SOFT_INK, 11, "ma")

    def _draw_bars(self, pen: "_Pen", begin_s: float, end_s: float) -> None:
        """Draw bar lines with their numbers, and the keys where they change; the first of a line is repeated."""
        last = -float(_LABEL)
        for number, bar_s in enumerate(self._score.bars, start=1):
            if not begin_s <= bar_s < end_s:
                continue
            x = self._x(bar_s, begin_s)
            is_labelled = x - last >= _LABEL
            pen.line((x, _NAMES - (6 if is_labelled else 0), x, self._bottom), _BAR_LINE if is_labelled else _GRID)
            if is_labelled:
                pen.text((x, _NAMES - 8), str(number), _SOFT_INK, 11, "ms")
                last = x
        free = 0.0
        for at_s, name in self._keys(begin_s, end_s):
            x = max(self._x(at_s, begin_s), free)
            free = x + pen.text((x, 2), name, _INK, 13) + 12

    def _keys(self, begin_s: float, end_s: float) -> list[tuple[float, str]]:
        before = [name for at_s, name in self._score.keys if at_s <= begin_s][-1:]
        return [(begin_s, name) for name in before] + [key for key in self._score.keys if begin_s < key[0] < end_s]

    def _draw_pedals(self, pen: "_Pen", begin_s: float, end_s: float) -> None:
        for index, part in enumerate(self._lanes):
            top = self._bottom + index * _LANE
            pen.text((_LEFT - 4, top + _LANE / 2), "pedal", _SOFT_INK, 10, "rm")
            colour = _PLAYER if part is self._score.player else _MACHINE
            for down_s, up_s in part.pedals:
                if down_s < end_s and up_s > begin_s:
                    left, right = self._x(max(down_s, begin_s), begin_s), self._x(min(up_s, end_s), begin_s)
                    pen.box((left, top + 2, max(right, left + 1), top + _LANE - 1), _blend(colour, 0.45))

    @property
    def _bottom(self) -> int:
        return _NAMES + (self._high - self._low + 1) * self._row

    def _x(self, seconds: float, begin_s: float) -> float:
        return _LEFT + (seconds - begin_s) * self._scale


def _draw_player(pen: "_Pen", left: float, right: float, top: float, row: int, head: float, velocity: int) -> None:
    """Draw a solid bar with a round head; no head when its size is 0."""
    colour = _blend(_PLAYER, _strength(velocity))
    pen.box((left, top + row * 0.25, max(right - 1, left + 2), top + row * 0.75), colour)
    if head:
        middle = top + row / 2
        pen.round((left, middle - head / 2, left + head, middle + head / 2), colour)


def _draw_machine(pen: "_Pen", left: float, right: float, top: float, row: int, head: float, velocity: int) -> None:
    """Draw a hollow bar with a diamond for its head."""
    colour = _blend(_MACHINE, _strength(velocity))
    pen.box((left, top + row * 0.15, max(right - 1, left + 2), top + row * 0.85), _blend(_MACHINE, 0.12), colour)
    if head:
        middle, half = top + row / 2, head / 2
        corners = ((left - 1, middle), (left + half, middle - half), (left + head, middle))
        pen.polygon((*corners, (left + half, middle + half)), colour)


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def _strength(velocity: int) -> float:
    return _FAINTEST + (1 - _FAINTEST) * velocity / 127


def _blend(colour: str, strength: float) -> str:
    """A colour on white paper, from 0 (white) to 1 (full)."""
    red, green, blue = (round(255 - (255 - part) * strength) for part in ImageColor.getrgb(colour)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"


class _Pen:
    """Draws in pixels of the page, on an image that is ``_FINE`` times as large."""

    def __init__(self, image: Image.Image) -> None:
        self._image, self._draw = image, ImageDraw.Draw(image)

    def reduced(self) -> Image.Image:
        """The image in its final size."""
        return self._image.reduce(_FINE)

    def text(self, at: tuple[float, float], text: str, colour: str, size: int, anchor: str = "la") -> float:
        """Write text; return its width."""
        font = ImageFont.load_default(size * _FINE)
        self._draw.text((at[0] * _FINE, at[1] * _FINE), text, fill=colour, font=font, anchor=anchor)
        return font.getlength(text) / _FINE

    def shortened(self, text: str, width: float, size: int) -> str:
        """As much of a text as fits into a width."""
        font = ImageFont.load_default(size * _FINE)
        if font.getlength(text) <= width * _FINE:
            return text
        while text and font.getlength(f"{text}...") > width * _FINE:
            text = text[:-1]
        return f"{text}..."

    def line(self, ends: tuple[float, float, float, float], colour: str) -> None:
        """Draw a line of a pixel."""
        self._draw.line([round(end) * _FINE for end in ends], fill=colour, width=_FINE)

    def box(self, corners: tuple[float, float, float, float], colour: str, outline: str | None = None) -> None:
        """Draw a filled rectangle; the right and lower edges are not in it."""
        left, top, right, bottom = (corner * _FINE for corner in corners)
        inner = (left, top, max(right - 1, left), max(bottom - 1, top))
        self._draw.rectangle(inner, fill=colour, outline=outline, width=_FINE)

    def round(self, corners: tuple[float, float, float, float], colour: str) -> None:
        """Draw a filled ellipse."""
        self._draw.ellipse([corner * _FINE for corner in corners], fill=colour)

    def polygon(self, corners: Iterable[tuple[float, float]], colour: str) -> None:
        """Draw a filled polygon."""
        self._draw.polygon([(x * _FINE, y * _FINE) for x, y in corners], fill=colour)
