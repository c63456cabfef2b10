"""Which characters may come next in a tune: readable fields, and bars that fill their metre."""

from dataclasses import replace
from fractions import Fraction

from livegen.codecs.abc.fields import LETTERS
from livegen.codecs.abc.reading import ACCIDENTALS, NOTE_LETTERS, AbcCursor, duration

MODES = ("", "m", "mix", "dor")
VALUES = {
    "M": ("2/4", "3/4", "4/4", "2/2", "3/2", "6/4", "5/4", "3/8", "6/8", "9/8", "12/8"),
    "L": ("1/4", "1/8", "1/16"),
    "K": tuple(f"{letter}{mark}{mode}" for letter in LETTERS for mark in ("", "#", "b") for mode in MODES),
}
HEAD = "XTSMLRPK%"
BARS = frozenset({"|", "||", "|]", "|:", ":|", ":||", ":|]", ":|:", "::"})
_PREFIXES = frozenset(bar[:length] for bar in BARS for length in range(1, len(bar) + 1))
LONGEST_LINE = 60  # characters
LONGEST_CHORD_NAME = 8
MOST_LINES = 10  # of a tune's header
FEWEST_BARS = 4
MOST_BARS = 96  # of 1,000 tunes that are learned from, one is longer than 72; a network may never find the end
LONGEST_NOTE = 16  # units
PRINTABLE = frozenset(map(chr, range(32, 127)))
END = "<end>"

_STARTS = frozenset(NOTE_LETTERS + ACCIDENTALS)


def following(cursor: AbcCursor) -> frozenset[str]:
    """The characters, and ``END``, that may come next inside a tune; at least one."""
    if cursor.line:
        return _in_line(cursor)
    if cursor.is_head:
        return _at_head(cursor)
    if cursor.closing:
        return _in_chord_name(cursor)
    return _in_note(cursor) if cursor.note else after(cursor, cursor.position)


def after(cursor: AbcCursor, position: Fraction) -> frozenset[str]:
    """What may come at ``position`` in the bar when no note is being written."""
    if cursor.last == "[":
        return frozenset("12")
    if cursor.last == "(":
        return frozenset("3")
    if cursor.last == "\\":
        return frozenset("\n")
    if cursor.tuplet[0] or cursor.share != 1:
        return _STARTS
    if cursor.bars >= MOST_BARS and cursor.bar in BARS and not position:
        return frozenset({END if cursor.last == "\n" else "\n"})
    allowed = set(_bar_line(cursor, position))
    if cursor.bar and cursor.bar not in BARS:
        return frozenset(allowed)
    room = cursor.metre - position
    if room > 0:
        allowed |= _STARTS | {"z"}
        if cursor.last != '"':
            allowed.add('"')
        if room >= 2 * cursor.unit:
            allowed.add("(")
    if cursor.last not in ' \n"' and not cursor.last.isdigit():
        allowed.add(" ")
    return frozenset(allowed | _between_bars(cursor, position))


def _bar_line(cursor: AbcCursor, position: Fraction) -> set[str]:
    """Characters that begin or continue a bar line."""
    if cursor.bar and not position:
        return {character for character in "|:]" if cursor.bar + character in _PREFIXES and cursor.last in "|:"}
    is_pickup = cursor.is_part and 0 < position < cursor.metre
    is_short = bool(cursor.pickup) and position == cursor.metre - cursor.pickup
    if position >= cursor.metre or is_pickup:
        return {"|", ":"} if cursor.bars else {"|"}
    return {":"} if is_short else set()


def _between_bars(cursor: AbcCursor, position: Fraction) -> set[str]:
    """What may come at the beginning of a bar."""
    if position or not cursor.bars:
        return set()
    if cursor.last == "\n":
        return {"P", *([END] if cursor.bars >= FEWEST_BARS else [])} if cursor.bar else set()
    if not cursor.bar:
        return set()
    if cursor.last in "|:]":
        return {"\n", "\\", "[", *("12" if cursor.last == "|" else "")}
    return {"\n", "["} if cursor.last == " " else set()


def _in_note(cursor: AbcCursor) -> frozenset[str]:
    note = cursor.note.lstrip(ACCIDENTALS)
    if not note:
        return frozenset(NOTE_LETTERS)
    written = duration(cursor.note, cursor.unit)
    length = written * cursor.share * cursor.tuplet[1]
    room = cursor.metre - cursor.position
    allowed = _octaves(note)
    if not cursor.tuplet[0] and cursor.share == 1:
        allowed |= _lengths(cursor, note, room)
    if length <= room:
        allowed |= _ended(cursor, note, cursor.position + length)
    return frozenset(allowed)


def _octaves(note: str) -> set[str]:
    if note[-1].isdigit() or note[-1] == "/" or note[0] == "z" or len(note) > 2:
        return set()
    return {"'"} if note[0].islower() else {","}


def _lengths(cursor: AbcCursor, note: str, room: Fraction) -> set[str]:
    number, slash, by = note.lstrip(NOTE_LETTERS + "z,'").partition("/")
    if slash:
        units = int(number or 1) * cursor.unit
        return set() if by else {divisor for divisor in "24" if units / int(divisor) <= room}
    longer = {
        digit
        for digit in "0123456789"
        if 2 <= int(number + digit) <= LONGEST_NOTE and int(number + digit) * cursor.unit <= room
    }
    if not number and room >= 10 * cursor.unit:
        longer.add("1")
    return longer | {"/"}


def _ended(cursor: AbcCursor, note: str, position: Fraction) -> set[str]:
    """What may follow a note that ends at ``position``."""
    left, _ = cursor.tuplet
    if left > 1:
        return set(_STARTS)
    if cursor.share != 1 or left:
        return set(after(_free(cursor), position))
    more = {"-"} if note[0] != "z" else set()
    is_plain = not note.lstrip(NOTE_LETTERS + "z,'") and note[0] != "z"
    if is_plain and cursor.metre - position >= cursor.unit:
        more |= {">", "<"}
    return more | set(after(_free(cursor), position))


def _free(cursor: AbcCursor) -> AbcCursor:
    """The cursor after its note, as far as the grammar needs it."""
    return replace(cursor, note="", bar="", share=Fraction(1), tuplet=(0, Fraction(1)), last="A")


def _in_chord_name(cursor: AbcCursor) -> frozenset[str]:
    if len(cursor.passed) >= LONGEST_CHORD_NAME:
        return frozenset('"')
    return frozenset("ABCDEFGm7#b/+di") | ({'"'} if cursor.passed else set())


def _in_line(cursor: AbcCursor) -> frozenset[str]:
    name, colon, text = cursor.line.partition(":")
    if not colon and name[0] != "%":
        return frozenset(":")
    if name in VALUES:
        nexts = {value[len(text) : len(text) + 1] or "\n" for value in VALUES[name] if value.startswith(text)}
        return frozenset(nexts)
    if name == "X":
        return frozenset("0123456789 " if len(text) < 5 else "").union("\n" if text.strip() else "")
    if name == "P" and not cursor.is_head:
        return frozenset("ABCD") if not text else frozenset("\n")
    return PRINTABLE | {"\n"} if len(cursor.line) < LONGEST_LINE else frozenset("\n")


def _at_head(cursor: AbcCursor) -> frozenset[str]:
    """The letter of the next field: X: first; K: last, and after M:."""
    if not cursor.lines:
        return frozenset("X")
    if cursor.lines >= MOST_LINES:
        return frozenset("K" if cursor.has_metre else "M")
    names = frozenset(HEAD) - {"X"}
    names -= {"M", "L"} if cursor.has_metre and cursor.lines > MOST_LINES - 4 else set()
    return names if cursor.has_metre else names - {"K"}
