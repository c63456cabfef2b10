"""A tune in ABC as notes, as it sounds (abc standard 2.1): voices together, repeats and endings played out.

Grace notes, which have no length, decorations, words and chord names are passed over, and so are voices of unpitched
percussion. A tune is refused when its notes cannot be told for certain.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from export.corpora.abc_key import MARKS, is_for_drums, signature, sounding_shift
from export.corpora.repeats import Signs, play_order
from export.corpora.ties import Written, joined
from livegen.codecs.abc.fields import LETTERS, STEPS
from livegen.codecs.abc.reading import TUPLETS
from livegen.errors import SettingsError
from livegen.events import Note

QUARTERS = 4  # in a whole note
MOST_REPEATS = 8  # by one sign
COMPOUND = (6, 9, 12)  # beats above the line of a metre whose beat is three of them

Name = tuple[int, int]  # a letter (an index of ``LETTERS``), and its octave, 0 being that of middle C

_FIELD = re.compile(r"(?![A-Ga-g]:[|:\]])([A-Za-z]):(.*)")
_NOTE = re.compile(r"(\^\^?|__?|=)?([A-Ga-g])([,']*)(\d*/*\d*)\s*(-?)")
_BROKEN = re.compile(r"\s*(>{1,3}|<{1,3})")
_LENGTH = re.compile(r"(\d{0,4})(?:(/{1,6})(\d{0,4}))?")
_HIDDEN = re.compile(r'"[^"]*"|![^!\s|]+!')
_METRE = re.compile(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3})*)\s*\)?\s*/\s*(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar lines; times are in quarters from its beginning."""

    signs: Signs
    notes: tuple[Written, ...]
    length: Fraction


@dataclass(frozen=True, slots=True)
class Fields:
    """What the fields say about the notes after them."""

    signature: Mapping[int, int]  # semitones by letter
    unit: Fraction | None = None  # in whole notes; None when no field says it
    metre: Fraction | None = None  # in whole notes; None when it is free
    is_compound: bool = False
    shift: int = 0  # semitones up
    is_silent: bool = False

    @property
    def unit_quarters(self) -> Fraction:
        """The unit length, by the metre where no field says it."""
        short = self.metre is not None and self.metre < Fraction(3, 4)
        return QUARTERS * (self.unit or Fraction(1, 16 if short else 8))


@dataclass(slots=True)
class Voice:
    """One voice of a tune while it is read."""

    fields: Fields
    bars: list[Bar] = field(default_factory=list)
    notes: list[Written] = field(default_factory=list)  # of this bar
    time: Fraction = Fraction(0)  # since the bar began
    longest: Fraction = Fraction(0)  # of the bar's overlays
    opens: bool = False
    is_after_double: bool = False
    turns: frozenset[int] = frozenset()
    accidentals: dict[Name, int] = field(default_factory=dict)
    ties: dict[Name, int] = field(default_factory=dict)  # the pitches that the next notes of these names go on with
    ties_to_endings: dict[Name, int] = field(default_factory=dict)
    share: Fraction = Fraction(1)  # of the next note's length, by a broken rhythm
    tuplet: tuple[int, Fraction] = (0, Fraction(1))  # how many notes are left, and the factor of their length

    @property
    def is_empty(self) -> bool:
        """No time has passed in it."""
        return not self.bars and not self.time

    def sound(self, names: list[tuple[str, str, str, Fraction, bool]], length: str, broken: str) -> None:
        """A note, a chord, or, without names, a rest; ``length`` is its own, in units."""
        first = names[0][3] if names else Fraction(1)
        factor = self._factor(broken) * self.fields.unit_quarters
        ties: dict[Name, int] = {}
        for mark, letter, octaves, units, is_tied in names:
            name = (LETTERS.index(letter.upper()), letter.islower() + octaves.count("'") - octaves.count(","))
            pitch = self._pitch(name, mark)
            if is_tied:
                ties[name] = pitch
            sounding = pitch + self.fields.shift
            if not 0 <= sounding <= 127:
                raise SettingsError(f"'{letter}{octaves}' is out of MIDI's range")
            self.notes.append(Written(self.time, sounding, units * read_length(length) * factor, is_tied))
        self.ties = ties
        self.time += first * read_length(length) * factor

    def rest_bars(self, count: int) -> None:
        """Whole bars of rest."""
        self.time += count * QUARTERS * (self.fields.metre or 1)
        self.ties = {}

    def overlay(self) -> None:
        """What follows sounds together with the bar so far."""
        self.longest, self.time, self.ties = max(self.longest, self.time), Fraction(0), {}

    def bar_line(self, text: str) -> None:
        """The end of a bar, if anything stands in it."""
        signs = text.strip("[]")
        colons = len(signs) - len(signs.lstrip(":"))
        closes = min(MOST_REPEATS, colons if colons < len(signs) else colons // 2)
        length = max(self.longest, self.time)
        if length:
            written = Signs(self.opens, closes, self.turns, self.is_after_double)
            self.bars.append(Bar(written, tuple(self.notes), length))
            self.notes, self.time, self.longest = [], Fraction(0), Fraction(0)
            self.opens = self.is_after_double = False
        elif closes and self.bars:
            last = self.bars[-1]
            self.bars[-1] = replace(last, signs=replace(last.signs, closes=max(closes, last.signs.closes)))
        self.accidentals = {}
        self.opens = self.opens or signs.endswith(":")
        self.is_after_double = self.is_after_double or "||" in text or text != signs
        if text != "|":
            self.turns = frozenset()

    def ending(self, text: str) -> None:
        """What follows is played in these turns only: ``1``, ``1,3``, ``1-3``."""
        turns: set[int] = set()
        for part in filter(None, text.strip("-,").split(",")):
            first, _, last = part.partition("-")
            turns |= set(range(int(first or last), int(last or first) + 1))
        if 1 in turns:
            self.ties_to_endings = self.ties
        self.turns, self.ties = frozenset(turns), dict(self.ties_to_endings)

    def _factor(self, broken: str) -> Fraction:
        """Of the next length, by broken rhythm and tuplet."""
        less = Fraction(1, 2 ** len(broken))
        own, other = (less, 2 - less) if broken.startswith("<") else (2 - less, less)
        left, factor = self.tuplet
        share, self.share = self.share * own, other
        self.tuplet = (left - 1, factor) if left > 1 else (0, Fraction(1))
        return share * factor

    def _pitch(self, name: Name, mark: str) -> int:
        letter, octave = name
        if mark:
            self.accidentals[name] = MARKS[mark]
        elif name in self.ties:
            return self.ties[name]
        alteration = self.accidentals.get(name, self.fields.signature.get(letter, 0))
        return 60 + 12 * octave + STEPS[letter] + alteration


def notes_of(tune: str) -> list[Note]:
    """The notes of a tune in order; SettingsError when it cannot be read."""
    reader = TuneReader()
    for line in tune.splitlines():
        reader.line(line)
    return reader.notes()


class TuneReader:
    """Reads a tune line by line. Owner of its voices."""

    def __init__(self) -> None:
        self._head = Fields(dict.fromkeys(range(len(LETTERS)), 0))
        self._named: dict[str, str] = {}  # what the head says about each voice
        self._voices: dict[str, Voice] = {}
        self._voice: Voice | None = None  # None before the first K:
        self._passed_until = ""  # a block of text

    def line(self, line: str) -> None:
        """Read one line."""
        if self._passed_until or line.startswith("%%begin"):
            block = line.removeprefix("%%begin").split()
            ended = line.startswith(self._passed_until) if self._passed_until else False
            self._passed_until = "" if ended else self._passed_until or f"%%end{block[0] if block else ''}"
            return
        line = re.sub(r"(?<!\\)%.*", "", line).strip()
        if found := _FIELD.match(line):
            self._field(found[1], found[2].strip())
        elif self._voice is not None and not line.startswith("+:"):
            self._music(line, self._voice)

    def bars(self) -> list[Bar]:
        """The bars of a tune of one voice, each once; SettingsError when it has none or several voices."""
        voices = [voice for voice in self._voices.values() if not voice.is_empty]
        if len(voices) != 1:
            raise SettingsError(f"has {len(voices)} voices, not one")
        voices[0].bar_line("|")
        return voices[0].bars

    def notes(self) -> list[Note]:
        """What was read, all voices together; SettingsError when there is no music at all."""
        if self._voice is None:
            raise SettingsError("has no K:")
        voices = [voice for voice in self._voices.values() if not voice.is_empty]
        for voice in voices:
            voice.bar_line("|")
        together = len({len(voice.bars) for voice in voices}) == 1
        orders = [play_order([bar.signs for bar in voice.bars]) for voice in voices]
        if together:
            orders = [max(orders, key=len)] * len(voices)
        found: list[Note] = []
        for voice, order in zip(voices, orders, strict=True):
            lengths = [
                max(other.bars[at].length for other in (voices if together else [voice]))
                for at in range(len(voice.bars))
            ]
            if not voice.fields.is_silent:
                found += joined(_played(voice.bars, lengths, order))
        return sorted(found)

    def _field(self, name: str, text: str) -> None:
        if name == "V":
            self._switch(text)
        elif self._voice is None:
            self._head = _after(self._head, name, text)
            if name == "K":
                self._begin()
        else:
            self._voice.fields = _after(self._voice.fields, name, text)
            if list(self._voices) == [""] and self._voice.is_empty:
                self._head = self._voice.fields

    def _begin(self) -> None:
        """The music begins, in the first voice that was named."""
        first = next(iter(self._named), "")
        self._voice = self._voices[first] = Voice(_after(self._head, "V", self._named.get(first, "")))

    def _switch(self, text: str) -> None:
        name, about = (*text.split(None, 1), "", "")[:2]
        if self._voice is None:
            self._named[name] = about
            return
        if name not in self._voices:
            known = self._named.get(name, "")
            is_first = "" in self._voices and self._voices[""].is_empty
            self._voices[name] = self._voices.pop("") if is_first else Voice(_after(self._head, "V", known))
        self._voice = self._voices[name]
        self._voice.fields = _after(self._voice.fields, "V", about)

    def _music(self, line: str, voice: Voice) -> None:
        at = 0
        while at < len(line):
            voice = self._voice or voice
            for pattern, act in _TOKENS:
                if found := pattern.match(line, at):
                    at = found.end()
                    act(self, voice, found)
                    break
            else:
                at += 1

    # what each token of a line does

    def _inner_field(self, voice: Voice, found: re.Match[str]) -> None:
        self._field(found[1], found[2].strip())

    def _bar_line(self, voice: Voice, found: re.Match[str]) -> None:
        voice.bar_line(found[1])
        if found[2]:
            voice.ending(found[2])

    def _ending(self, voice: Voice, found: re.Match[str]) -> None:
        if voice.time:
            voice.bar_line("|")
        voice.ending(found[1])

    def _chord(self, voice: Voice, found: re.Match[str]) -> None:
        names = _NOTE.findall(_HIDDEN.sub("", found[1]))
        is_tied = bool(found[3])
        if names:
            voice.sound(
                [
                    (mark, letter, octaves, read_length(units), bool(tie) or is_tied)
                    for mark, letter, octaves, units, tie in names
                ],
                found[2],
                found[4] or "",
            )

    def _note(self, voice: Voice, found: re.Match[str]) -> None:
        voice.sound([(found[1] or "", found[2], found[3], Fraction(1), bool(found[5]))], found[4], found[6] or "")

    def _rest(self, voice: Voice, found: re.Match[str]) -> None:
        voice.sound([], found[1], found[2] or "")

    def _bars_of_rest(self, voice: Voice, found: re.Match[str]) -> None:
        voice.rest_bars(int(found[1] or 1))

    def _tuplet(self, voice: Voice, found: re.Match[str]) -> None:
        count = int(found[1])
        usual = 3 if voice.fields.is_compound and count in (5, 7, 9) else TUPLETS.get(count, 0)
        within, notes = int(found[2] or usual), int(found[3] or count)
        if not count or not within:
            raise SettingsError(f"'{found[0]}' is no tuplet")
        voice.tuplet = (notes, Fraction(within, count))

    def _overlay(self, voice: Voice, found: re.Match[str]) -> None:
        voice.overlay()

    def _unclosed(self, voice: Voice, found: re.Match[str]) -> None:
        raise SettingsError(f"a {found[0]} is not closed")

    def _passed(self, voice: Voice, found: re.Match[str]) -> None:
        """What is not used."""


def read_length(text: str) -> Fraction:
    """A length in units: ``3/2``, ``/`` for a half, ``//`` for a quarter."""
    found = _LENGTH.fullmatch(text)
    number, slashes, by = found.groups("") if found else ("", "", "0")
    divisor = int(by) if by else 2 ** len(slashes)
    if not divisor:
        raise SettingsError(f"'{text[:20]}' is no length")
    return Fraction(int(number or 1), divisor)


def _after(fields: Fields, name: str, text: str) -> Fields:
    """What the fields say after one more."""
    if name == "L":
        return replace(fields, unit=_unit(text))
    if name == "M":
        unit = fields.unit
        found = _METRE.match({"C": "4/4", "C|": "2/2"}.get(text, text))
        beats = sum(int(part) for part in found[1].split("+")) if found else 0
        by = int(found[2]) if found else 0
        metre = Fraction(beats, by) if beats and by else None
        return replace(fields, metre=metre, unit=unit, is_compound=beats in COMPOUND and by >= 8)
    if name not in "KV":
        return fields
    shift = sounding_shift(text)
    fields = replace(
        fields, shift=fields.shift if shift is None else shift, is_silent=fields.is_silent or is_for_drums(text)
    )
    if name == "V":
        return fields
    found_key = signature(text)
    if found_key is None:
        raise SettingsError(f"unknown key '{text[:20]}'")
    return replace(fields, signature=found_key) if found_key else fields


def _unit(text: str) -> Fraction:
    found = re.fullmatch(r"(\d{1,3})(?:\s*/\s*(\d{1,3}))?", text)
    if not found or not int(found[1]) or not int(found[2] or 1):
        raise SettingsError(f"unknown unit length '{text[:20]}'")
    return Fraction(int(found[1]), int(found[2] or 1))


def _played(bars: list[Bar], lengths: list[Fraction], order: list[int]) -> list[Written]:
    found: list[Written] = []
    time = Fraction(0)
    for at in order:
        found += [replace(note, onset=time + note.onset) for note in bars[at].notes]
        time += lengths[at]
    return found


_TOKENS: tuple[tuple[re.Pattern[str], Callable[[TuneReader, Voice, re.Match[str]], None]], ...] = (
    (re.compile(r'"[^"]*"|\{[^}]*\}|![^!\s|]+!|\+[a-z.]{2,}\+|y\d*'), TuneReader._passed),
    (re.compile(r"\[([A-Za-z]):([^\]]*)\]"), TuneReader._inner_field),
    (
        re.compile(r"(\[\|[:|]*\]?|:*\|[:|]*\]?|::+\]?)(?:\s*\[?\s*(\d{1,2}(?:[,-]\d{1,2})*))?"),
        TuneReader._bar_line,
    ),
    (re.compile(r"\[\s*(\d{1,2}(?:[,-]\d{1,2})*)"), TuneReader._ending),
    (re.compile(r"\[([^\]\[|]*)\](\d*/*\d*)\s*(-?)" + _BROKEN.pattern + "?"), TuneReader._chord),
    (re.compile(r'\["[^"]*"'), TuneReader._passed),  # an ending that has a name
    (re.compile(r"\((\d{1,2})(?::(\d{0,2}))?(?::(\d{0,2}))?"), TuneReader._tuplet),
    (re.compile(_NOTE.pattern + f"(?:{_BROKEN.pattern})?"), TuneReader._note),
    (re.compile(rf"[zx](\d*/*\d*)(?:{_BROKEN.pattern})?"), TuneReader._rest),
    (re.compile(r"[ZX](\d{0,3})"), TuneReader._bars_of_rest),
    (re.compile("&"), TuneReader._overlay),
    (re.compile(r'["\[{]'), TuneReader._unclosed),
)
