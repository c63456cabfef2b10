"""The text of a ``K:`` or ``V:`` field of ABC: what sharpens and flattens, and by how much a voice sounds higher."""

import re
from collections.abc import Mapping

from livegen.codecs.abc.fields import LETTERS, altered, read_key

OCTAVE = 12  # semitones
MARKS = {"": 0, "^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}  # semitones

_TONIC = re.compile(r"([A-G][#b]?)([A-Za-z]*)$")
_ACCIDENTAL = re.compile(r"(\^\^?|__?|=)([A-Ga-g])")
_ACCIDENTALS = re.compile(rf"(?:{_ACCIDENTAL.pattern})+")
_GLUED = re.compile(r"^([A-G][#b]?[A-Za-z]*)((?:[_^=]+[A-Ga-g])+)\b")  # ``Dmix=c``
_OTHER = re.compile(r"[a-z0-9]+=|(?:treble|alto|tenor|bass|perc|none)(?:[+-]8|[0-9])*$")
_SHIFT = re.compile(r"\b(transpose|octave)=(-?\d{1,2})\b")


def signature(text: str) -> Mapping[int, int] | None:
    """Semitones by letter (an index of ``LETTERS``); empty when the text names no key, None when it cannot be read."""
    words = _GLUED.sub(r"\1 \2", text).split()
    marks = [found for word in words if _ACCIDENTALS.fullmatch(word) for found in _ACCIDENTAL.findall(word)]
    own = {LETTERS.index(letter.upper()): MARKS[mark] for mark, letter in marks}
    if not words or words[0].lower() == "none":
        return dict.fromkeys(range(len(LETTERS)), 0)
    if _OTHER.match(words[0]):
        return {}
    key = _sharps(words)
    return None if key is None else {**{letter: altered(letter, key) for letter in range(len(LETTERS))}, **own}


def _sharps(words: list[str]) -> int | None:
    """Sharps of the key, negative for flats; of ``exp`` none."""
    if words[0].lower() == "hp":
        return 2
    found = _TONIC.match(words[0])
    if not found:
        return None
    after = words[1] if len(words) > 1 and words[1].isalpha() else ""
    if "exp" in (found[2], after):
        return 0
    key = read_key(f"{found[1]} {found[2] or after}") or (None if found[2] else read_key(found[1]))
    return None if key is None else key.signature


def sounding_shift(text: str) -> int | None:
    """Semitones by which a voice sounds higher than it is written; None when the text does not say."""
    found = dict(_SHIFT.findall(text))
    eighth = re.search(r"(?:treble|alto|tenor|bass|[GFC][1-5]?)([+-])8\b", text)
    if not found and not eighth:
        return None
    octaves = int(found.get("octave", 0)) + (int(eighth[1] + "1") if eighth else 0)
    return int(found.get("transpose", 0)) + OCTAVE * octaves


def is_for_drums(text: str) -> bool:
    """Whether the clef is that of unpitched percussion."""
    return bool(re.search(r"(?:clef=|\s|^)perc\b", text))
