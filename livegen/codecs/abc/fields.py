"""The fields of ABC that determine its notes: key, metre and unit length.

Key signatures are counted in fifths: 2 is two sharps, -3 three flats (abc standard 2.1, section 4.6).
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from livegen.events import TICKS_PER_QUARTER
from livegen.music.key import Key

WHOLE = 4 * TICKS_PER_QUARTER
LETTERS = "CDEFGAB"
FIFTHS = "FCGDAEB"  # the order in which letters are sharpened
STEPS = (0, 2, 4, 5, 7, 9, 11)  # semitones of each letter above C

_MODES = {
    "": 0,
    "maj": 0,
    "ion": 0,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "mix": -1,
    "dor": -2,
    "phr": -4,
    "lyd": 1,
    "loc": -5,
}
_KEY = re.compile(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)")
_FRACTION = re.compile(r"\s*(\d{1,3})\s*/\s*(\d{1,3})\s*$")
_MARKS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


@dataclass(frozen=True, slots=True)
class AbcKey:
    """A key in ABC: its tonic in fifths from C (G is 1, F is -1), and its mode as written."""

    tonic: int
    mode: str = ""

    def __str__(self) -> str:
        return f"{spelled(self.tonic)}{self.mode}"

    @property
    def signature(self) -> int:
        """The count of sharps; negative for flats."""
        return self.tonic + _MODES[_short(self.mode)]


def read_key(text: str) -> AbcKey | None:
    """Read the text of a ``K:`` field; None when it names no key. ``HP`` (bagpipes) is D."""
    if text.strip().lower() == "hp":
        return AbcKey(2)
    found = _KEY.match(text)
    if not found or _short(found[3]) not in _MODES:
        return None
    return AbcKey(in_fifths(found[1], found[2]), found[3])


def write_key(key: Key) -> AbcKey:
    """A key spelled with the fewest sharps or flats."""
    mode = "m" if key.is_minor else ""
    spellings = (AbcKey(fifths, mode) for fifths in range(-8, 13) if 7 * fifths % 12 == key.tonic)
    return min(spellings, key=lambda spelling: abs(spelling.signature))


def read_fraction(text: str) -> Fraction | None:
    """Read the text of an ``M:`` or ``L:`` field, as a fraction of a whole note; None when it is not one."""
    text = {"C": "4/4", "C|": "2/2"}.get(text.strip(), text)
    found = _FRACTION.match(text)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[1]) and int(found[2]) else None


def altered(letter: int, signature: int) -> int:
    """Semitones, -1 to 1, by which a signature alters a letter (an index of ``LETTERS``)."""
    place = FIFTHS.index(LETTERS[letter])
    return (signature + 6 - place) // 7


def in_fifths(letter: str, mark: str = "") -> int:
    """A letter with ``#``, ``b`` or nothing, in fifths from C."""
    return FIFTHS.index(letter.upper()) - 1 + 7 * (mark.count("#") - mark.count("b"))


def spelled(fifths: int) -> str:
    """The note name at a distance of ``fifths`` from C; beyond double sharps and flats its enharmonic name."""
    while not -15 <= fifths <= 19:
        fifths -= 12 if fifths > 0 else -12
    alteration, place = divmod(fifths + 1, 7)
    return FIFTHS[place] + _MARKS[alteration]


def _short(mode: str) -> str:
    return mode if mode == "m" else mode.lower()[:3]
