"""Reads ABC one character at a time: the position in a tune, and the events that each character settles.

The abc standard 2.1 as far as a melody needs it: fields, notes with accidentals, octaves and lengths, broken rhythm,
ties, tuplets, bars, repeat signs (played once). Other characters are ignored; of a chord the first note sounds.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from livegen.codecs.abc.fields import LETTERS, STEPS, altered, read_fraction, read_key
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Ticked

NOTE_LETTERS = "ABCDEFGabcdefg"
ACCIDENTALS = "^_="
LENGTHS = "0123456789/"
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}  # count of notes → in the time of how many
_BRACKETS = {'"': '"', "{": "}", "!": "!"}  # begins an ignored passage → ends it
_FIELD_LETTERS = "HIJKLMNOPQRSTUVWXY%"  # no note begins with these
_SHARES = {">": (Fraction(3, 2), Fraction(1, 2)), "<": (Fraction(1, 2), Fraction(3, 2))}
COMPOUND = (6, 9, 12)  # eighths in a bar whose beat is three of them


@dataclass(frozen=True, slots=True)
class AbcCursor:
    """The position in a tune."""

    tick: int = 0
    told: int = 0  # characters since the tune began
    is_inside: bool = False  # between its start and its end
    is_head: bool = True  # no K: yet
    is_whole: bool = True  # a note was just settled, or a field
    is_phrase_end: bool = False  # a line has ended
    is_piece_end: bool = False
    line: str = ""  # a field or a comment being written
    closing: str = ""  # the character that ends the ignored passage ...
    passed: str = ""  # ... which has these characters so far
    last: str = "\n"  # the last character
    bar: str = ""  # the characters of the bar line since the last note
    metre: Fraction = Fraction(1)
    unit: Fraction = Fraction(1, 8)
    has_metre: bool = False
    has_unit: bool = False
    is_compound: bool = False  # a beat is three eighths
    signature: int = 0
    origin: int = 0  # tick at which the tune begins
    time: Fraction = Fraction(0)  # since then, in whole notes
    begun: Fraction = Fraction(0)  # the time at which the bar began
    bars: int = 0  # bar lines so far
    is_part: bool = True  # in the first bar of a part
    pickup: Fraction = Fraction(0)  # the length of that bar if it was not full
    accidentals: tuple[tuple[str, int], ...] = ()  # (letter with its octave, semitones) of this bar
    note: str = ""  # being written
    share: Fraction = Fraction(1)  # factor of the note's length, by a broken rhythm
    tuplet: tuple[int, Fraction] = (0, Fraction(1))  # how many notes are left, and the factor of their length
    is_chord: bool = False
    held: int | None = None  # the pitch of a note with a tie
    lines: int = 0  # of the head

    @property
    def sounding(self) -> tuple[int, ...]:
        """The pitch of the tied note."""
        return () if self.held is None else (self.held,)

    @property
    def position(self) -> Fraction:
        """Time since the last bar line, in whole notes."""
        return self.time - self.begun

    @property
    def whole_ticks(self) -> int:
        """Ticks of a whole note: a beat is a quarter, in a compound metre three eighths."""
        return TICKS_PER_QUARTER * 8 // 3 if self.is_compound else TICKS_PER_QUARTER * 4


def read(cursor: AbcCursor, character: str) -> tuple[AbcCursor, tuple[Ticked, ...]]:
    """The cursor after one more character of a tune, and the events that it settled."""
    told = cursor.told + 1
    if cursor.closing:
        is_over = character in (cursor.closing, "\n")
        passed, closing = ("", "") if is_over else (cursor.passed + character, cursor.closing)
        return replace(cursor, told=told, closing=closing, passed=passed, last=character, is_whole=False), ()
    if cursor.line or cursor.is_head:
        return _in_line(replace(cursor, told=told), character), ()
    if _goes_on(cursor.note, character):
        return replace(cursor, told=told, note=cursor.note + character, last=character, bar="", is_whole=False), ()
    settled, events = complete(cursor, character)
    settled = replace(settled, told=told, is_whole=settled.time > cursor.time, is_phrase_end=False)
    if settled.closing:
        return replace(settled, closing="" if character == settled.closing else settled.closing, last=character), events
    return _open(settled, character), events


def complete(cursor: AbcCursor, following: str = "") -> tuple[AbcCursor, tuple[Ticked, ...]]:
    """The cursor after the note that was being written, if any, and its events."""
    letter = cursor.note.lstrip(ACCIDENTALS)[:1]
    if not letter:
        return (replace(cursor, note="") if cursor.note else cursor), ()
    own, other = _SHARES.get(following, (Fraction(1), Fraction(1)))
    left, factor = cursor.tuplet
    time = cursor.time + duration(cursor.note, cursor.unit) * cursor.share * own * factor
    tick = cursor.origin + round(time * cursor.whole_ticks)
    after = replace(cursor, note="", share=other, tuplet=(left - 1, factor) if left > 1 else (0, Fraction(1)))
    if cursor.is_chord and letter != "z":
        after = replace(after, is_chord=False, closing="]")
    after = replace(after, time=time, tick=tick)
    if letter == "z":
        return replace(after, held=None), _ends(cursor.held, cursor.tick)
    pitch, accidentals = _pitch(cursor)
    is_tied = cursor.held == pitch
    begin = () if is_tied else (*_ends(cursor.held, cursor.tick), Ticked(cursor.tick, NoteOn(pitch)))
    goes_on = following == "-"
    end = () if goes_on else _ends(pitch, tick)
    return replace(after, accidentals=accidentals, held=pitch if goes_on else None), (*begin, *end)


def begun_by(cursor: AbcCursor, characters: str) -> int | None:
    """The pitch of the note that these next characters begin or move by octaves; None when they make no note."""
    if cursor.line or cursor.is_head or cursor.closing:
        return None
    if characters in (",", "'"):
        letter = cursor.note.lstrip(ACCIDENTALS)
        return _pitch(replace(cursor, note=cursor.note + characters))[0] if letter and letter[0] != "z" else None
    if cursor.note and cursor.note[-1] in ACCIDENTALS:
        return _pitch(replace(cursor, note=cursor.note + characters))[0]
    letter = cursor.note.lstrip(ACCIDENTALS)[:1]
    known = _pitch(cursor)[1] if letter and letter != "z" else cursor.accidentals
    return _pitch(replace(cursor, note=characters, accidentals=known))[0]


def duration(note: str, unit: Fraction) -> Fraction:
    """The written length of a note, in whole notes: ``A3/2`` with a unit of an eighth is 3/16."""
    number, slash, by = note.lstrip(ACCIDENTALS)[1:].lstrip(",'").partition("/")
    halvings = 1 + by.count("/")
    divisor = int(by.strip("/") or 0) or 2**halvings
    return unit * (int(number or 1) or 1) / (divisor if slash else 1)


def _goes_on(note: str, character: str) -> bool:
    if not note:
        return False
    if note[-1] in ACCIDENTALS:
        return character in ACCIDENTALS or character in NOTE_LETTERS
    if character in ",'":
        return note[-1] in NOTE_LETTERS or note[-1] in ",'"
    return character in LENGTHS and len(note) < 12


def _in_line(cursor: AbcCursor, character: str) -> AbcCursor:
    if character != "\n":
        return replace(cursor, line=cursor.line + character, last=character, is_whole=False)
    name, _, text = cursor.line.partition(":")
    is_part = _begins_part(cursor)
    cursor = replace(cursor, line="", last=character, lines=cursor.lines + 1, bar="", is_part=is_part, is_whole=True)
    fraction = read_fraction(text)
    if name == "M" and fraction:
        unit = cursor.unit if cursor.has_unit else Fraction(1, 16 if fraction < Fraction(3, 4) else 8)
        numerator, _, by = text.strip().partition("/")
        is_compound = by == "8" and int(numerator) in COMPOUND
        return replace(_rebased(cursor), metre=fraction, unit=unit, has_metre=True, is_compound=is_compound)
    if name == "L" and fraction:
        return replace(cursor, unit=fraction, has_unit=True)
    if name == "K":
        key = read_key(text)
        return replace(cursor, is_head=False, signature=key.signature if key else cursor.signature, accidentals=())
    return cursor


def _rebased(cursor: AbcCursor) -> AbcCursor:
    """The same position as a new origin, for the ticks of a whole note may change."""
    return replace(cursor, origin=cursor.tick, time=Fraction(0), begun=Fraction(0))


def _open(cursor: AbcCursor, character: str) -> AbcCursor:
    """The cursor after a character that does not continue a note."""
    before = cursor.last
    cursor = replace(cursor, last=character)
    if before == "\n" and character in _FIELD_LETTERS:
        return replace(cursor, line=character)
    if character in NOTE_LETTERS or character in ACCIDENTALS or character == "z":
        is_chord, is_part = cursor.is_chord or before == "[", _begins_part(cursor)
        return replace(cursor, note=character, bar="", is_chord=is_chord, is_part=is_part)
    if character in _BRACKETS:
        return replace(cursor, closing=_BRACKETS[character])
    if before == "(" and character in "23456789":
        count = int(character)
        return replace(cursor, tuplet=(count, Fraction(TUPLETS[count], count)))
    if character == "\n":
        return replace(cursor, is_phrase_end=True)
    if character in "|:]":
        return _barred(cursor, character)
    return cursor


def _barred(cursor: AbcCursor, character: str) -> AbcCursor:
    cursor = replace(cursor, bar=cursor.bar + character)
    if character == "]" or not cursor.position:
        return cursor
    first = cursor.position if cursor.position < cursor.metre else Fraction(0)
    pickup = first if cursor.is_part else cursor.pickup
    return replace(cursor, begun=cursor.time, bars=cursor.bars + 1, pickup=pickup, accidentals=())


def _begins_part(cursor: AbcCursor) -> bool:
    """Does a part begin here? It does after a double bar or a repeat sign."""
    return cursor.bar not in ("", "|") or (cursor.is_part and not cursor.bar)


def _pitch(cursor: AbcCursor) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The pitch of the note being written, and the accidentals of the bar after it."""
    marks = cursor.note[: len(cursor.note) - len(cursor.note.lstrip(ACCIDENTALS))]
    rest = cursor.note[len(marks) :]
    octaves = rest.count("'") - rest.count(",")
    place, name = LETTERS.index(rest[0].upper()), f"{rest[0]}{octaves}"
    known = dict(cursor.accidentals)
    if marks:
        known[name] = marks.count("^") - marks.count("_")
    alteration = known.get(name, altered(place, cursor.signature))
    pitch = 60 + 12 * (rest[0].islower() + octaves) + STEPS[place] + alteration
    return min(127, max(0, pitch)), tuple(known.items())


def _ends(pitch: int | None, tick: int) -> tuple[Ticked, ...]:
    return () if pitch is None else (Ticked(tick, NoteOff(pitch)),)
