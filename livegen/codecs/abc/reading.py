"""Reads ABC one character at a time: the position in a tune, and the events that each character settles.

The abc standard 2.1 as far as a melody needs it: fields, also within a line, notes with accidentals, octaves and
lengths, broken rhythm, ties, tuplets, bars, repeat signs (played once). Other characters are ignored; of a chord the
first note sounds.
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
_INLINE_LETTERS = "IKLMNPQRUVmr"  # of the fields that may stand within a line
_DECORATIONS = ".~uv"  # of a chord
_BROKEN = "<>"
_MOST_DOTS = 3
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
    is_inline: bool = False  # a field in brackets
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
    dots: int = 0  # signs of a broken rhythm so far ...
    plain: Fraction = Fraction(0)  # ... after a note of this length, in whole notes
    group: str = ""  # the numbers of a tuplet being written
    tuplet: tuple[int, Fraction] = (0, Fraction(1))  # how many notes are left, and the factor of their length
    chord: str = ""  # "[" while its first note is written, then "]" with its length; "-" when that note has a tie
    held: int | None = None  # the pitch of a note with a tie, or before a broken rhythm
    held_name: str = ""  # its letter with its octave
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
    cursor = replace(cursor, told=cursor.told + 1)
    if cursor.dots:
        return _after_broken(cursor, character)
    if cursor.closing:
        return _passed(cursor, character), ()
    if cursor.line or cursor.is_head:
        return _in_line(cursor, character)
    if cursor.group and (character == ":" or (":" in cursor.group and character.isdigit())):
        return _in_group(cursor, cursor.group + character), ()
    if cursor.chord and cursor.note.lstrip(ACCIDENTALS) and (inside := _in_chord(cursor, character)):
        return inside, ()
    if _goes_on(cursor.note, character) and not cursor.chord.startswith("]"):
        return replace(cursor, note=cursor.note + character, last=character, bar="", is_whole=False), ()
    settled, events = complete(cursor, character)
    settled = replace(settled, group="", is_whole=settled.time > cursor.time, is_phrase_end=False)
    return _open(settled, character), events


def _passed(cursor: AbcCursor, character: str) -> AbcCursor:
    """The cursor after one more character of an ignored passage."""
    is_over = character in (cursor.closing, "\n")
    passed, closing = ("", "") if is_over else (cursor.passed + character, cursor.closing)
    chord = cursor.chord.replace("[", "]") if is_over else cursor.chord
    return replace(cursor, closing=closing, passed=passed, chord=chord, last=character, is_whole=False)


def _in_chord(cursor: AbcCursor, character: str) -> AbcCursor | None:
    """The cursor after one more character of a chord or of its length; None when neither goes on."""
    if cursor.chord.startswith("]"):
        is_length = character in LENGTHS and len(cursor.chord) < 8
        return replace(cursor, chord=cursor.chord + character, last=character) if is_length else None
    if _goes_on(cursor.note, character):
        return None
    chord = "[-" if character == "-" else "["
    return _passed(replace(cursor, closing="]", chord=chord), character)


def _in_group(cursor: AbcCursor, group: str) -> AbcCursor:
    """The cursor after one more character of a tuplet's numbers: ``3``, ``3:2``, ``3:2:2``."""
    count, within, notes = [int(number or 0) for number in (*group[:8].split(":"), "", "")[:3]]
    usual = 3 if cursor.is_compound and count in (5, 7, 9) else TUPLETS.get(count, count)
    factor = Fraction(within or usual, count or 1)
    return replace(cursor, group=group, last=group[-1], tuplet=(notes or count, factor))


def _after_broken(cursor: AbcCursor, character: str) -> tuple[AbcCursor, tuple[Ticked, ...]]:
    """The cursor after what follows a ``>`` or ``<``: one more of them, or the end of the note before."""
    if character == cursor.last and cursor.dots < _MOST_DOTS:
        before, (own, other) = _shares(character, cursor.dots)[0], _shares(character, cursor.dots + 1)
        time = cursor.time + cursor.plain * (own - before)
        tick = cursor.origin + round(time * cursor.whole_ticks)
        return replace(cursor, dots=cursor.dots + 1, share=other, time=time, tick=tick, is_whole=False), ()
    ended = _ends(cursor.held, cursor.tick)
    after, events = read(replace(cursor, told=cursor.told - 1, dots=0, held=None), character)
    return after, (*ended, *events)


def _shares(sign: str, dots: int) -> tuple[Fraction, Fraction]:
    """The factors of the lengths before and after a broken rhythm."""
    less = Fraction(1, 2**dots)
    return (2 - less, less) if sign == ">" else (less, 2 - less)


def complete(cursor: AbcCursor, following: str = "") -> tuple[AbcCursor, tuple[Ticked, ...]]:
    """The cursor after the note that was being written, if any, and its events."""
    letter = cursor.note.lstrip(ACCIDENTALS)[:1]
    if not letter:
        return (replace(cursor, note="", chord="") if cursor.note else cursor), ()
    is_broken = following in _BROKEN and following != ""
    own, other = _shares(following, 1) if is_broken else (Fraction(1), Fraction(1))
    left, factor = cursor.tuplet
    plain = duration(cursor.note, cursor.unit) * units(cursor.chord.lstrip("[]-")) * cursor.share * factor
    time = cursor.time + plain * own
    tick = cursor.origin + round(time * cursor.whole_ticks)
    after = replace(cursor, note="", chord="", share=other, dots=int(is_broken), plain=plain, time=time, tick=tick)
    after = replace(after, tuplet=(left - 1, factor) if left > 1 else (0, Fraction(1)))
    if letter == "z":
        return replace(after, held=None), _ends(cursor.held, cursor.tick)
    pitch, accidentals = _pitch(cursor)
    begin = () if cursor.held == pitch else (*_ends(cursor.held, cursor.tick), Ticked(cursor.tick, NoteOn(pitch)))
    goes_on = is_broken or following == "-" or "-" in cursor.chord
    end = () if goes_on else _ends(pitch, tick)
    after = replace(after, accidentals=accidentals, held=pitch if goes_on else None, held_name=_name(cursor.note))
    return after, (*begin, *end)


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
    held = None if letter or cursor.dots else cursor.held
    return _pitch(replace(cursor, note=characters, accidentals=known, held=held))[0]


def duration(note: str, unit: Fraction) -> Fraction:
    """The written length of a note, in whole notes: ``A3/2`` with a unit of an eighth is 3/16."""
    return unit * units(note.lstrip(ACCIDENTALS)[1:].lstrip(",'"))


def units(length: str) -> Fraction:
    """A written length in units: ``3/2``, ``/`` for a half, nothing for one."""
    number, slash, by = length.partition("/")
    halvings = 1 + by.count("/")
    divisor = int(by.strip("/") or 0) or 2**halvings
    return Fraction(int(number or 1) or 1, divisor if slash else 1)


def _goes_on(note: str, character: str) -> bool:
    if not note:
        return False
    if note[-1] in ACCIDENTALS:
        return character in ACCIDENTALS or character in NOTE_LETTERS
    if character in ",'":
        return note[-1] in NOTE_LETTERS or note[-1] in ",'"
    return character in LENGTHS and len(note) < 12


def _in_line(cursor: AbcCursor, character: str) -> tuple[AbcCursor, tuple[Ticked, ...]]:
    """The cursor after one more character of a field or a comment."""
    if cursor.is_inline and len(cursor.line) == 1 and character != ":":  # no field, but a chord with a decoration
        return read(replace(cursor, told=cursor.told - 1, line="", is_inline=False, last="["), character)
    if character != "\n" and not (cursor.is_inline and character == "]"):
        return replace(cursor, line=cursor.line + character, last=character, is_whole=False), ()
    name, _, text = cursor.line.partition(":")
    if cursor.is_inline:
        ended = replace(cursor, line="", is_inline=False, last=character)
    else:
        is_part, lines = _begins_part(cursor), cursor.lines + 1
        ended = replace(cursor, line="", last=character, lines=lines, bar="", is_part=is_part, is_whole=True)
    return _after_field(ended, name, text), ()


def _after_field(cursor: AbcCursor, name: str, text: str) -> AbcCursor:
    fraction = read_fraction(text)
    if name == "M" and fraction:
        by_metre = Fraction(1, 16 if fraction < Fraction(3, 4) else 8)
        unit = by_metre if cursor.is_head and not cursor.has_unit else cursor.unit
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
    if before == "[" and character in _INLINE_LETTERS:
        return replace(cursor, line=character, is_inline=True)
    chord = "[" if before == "[" or cursor.chord else ""
    if chord and character in _DECORATIONS:
        return replace(cursor, chord=chord)
    if character in NOTE_LETTERS or character in ACCIDENTALS or character == "z":
        is_part = _begins_part(cursor)
        return replace(cursor, note=character, bar="", chord=chord, is_part=is_part)
    if character in _BRACKETS:
        return replace(cursor, closing=_BRACKETS[character])
    if before == "(" and character in "23456789":
        return _in_group(cursor, character)
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
    rest = cursor.note.lstrip(ACCIDENTALS)
    marks = cursor.note[: len(cursor.note) - len(rest)]
    octaves = rest.count("'") - rest.count(",")
    place, name = LETTERS.index(rest[0].upper()), _name(cursor.note)
    known = dict(cursor.accidentals)
    if cursor.held is not None and not marks and name == cursor.held_name:
        return cursor.held, cursor.accidentals  # a tie over the bar line keeps its accidental
    if marks:
        known[name] = marks.count("^") - marks.count("_")
    alteration = known.get(name, altered(place, cursor.signature))
    pitch = 60 + 12 * (rest[0].islower() + octaves) + STEPS[place] + alteration
    return min(127, max(0, pitch)), tuple(known.items())


def _name(note: str) -> str:
    """The letter of a note with its octave, as a key for the accidentals of its bar."""
    rest = note.lstrip(ACCIDENTALS)
    octaves = rest.count("'") - rest.count(",")
    return f"{rest[0]}{octaves}"


def _ends(pitch: int | None, tick: int) -> tuple[Ticked, ...]:
    return () if pitch is None else (Ticked(tick, NoteOff(pitch)),)
