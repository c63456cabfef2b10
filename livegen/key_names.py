"""The names of keys: English ones, and what German, French, Italian and Spanish ones are in English."""

import re
import unicodedata

from livegen.errors import SettingsError, nearest

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
PITCH_CLASSES = {name: pc for pc, name in enumerate(NAMES)} | {"Db": 1, "D#": 3, "Gb": 6, "G#": 8, "A#": 10}

_MAJOR, _MINOR = "major maj dur majeur maggiore mayor", "minor min m moll mineur minore menor"
_MODES = {word: "major" for word in _MAJOR.split()} | {word: "minor" for word in _MINOR.split()}
_SHARPS = frozenset(["#", "sharp", "is", "diese", "diesis", "sostenido"])
_FLATS = frozenset(["b", "flat", "es", "bemol", "bemolle"])
LETTERS = {letter: 2 * index - (index > 2) for index, letter in enumerate("CDEFGAB")}  # the pitch class of each
_SYLLABLES = dict(zip(["do", "ut", "re", "mi", "fa", "sol", "la", "si"], "CCDEFGAB", strict=True))
_CHURCH_MODES = {  # the key of the same tonic that has nearly the same notes
    **dict.fromkeys(("ionian", "lydian", "mixolydian"), "major"),
    **dict.fromkeys(("aeolian", "dorian", "phrygian", "locrian"), "minor"),
}
_IN_WORDS = ((re.compile(r"[\s-]*(sharp\b|♯)"), "#"), (re.compile(r"[\s-]*(flat\b|♭)"), "b"))
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_IN_SHARPS = (7, 2, 9, 4, 11, 6)  # major keys with one to six sharps
_MAJORS = ("C", "Db", *NAMES[2:])  # with the fewest sharps or flats
_MINORS = (*NAMES[:8], "G#", *NAMES[9:])


def tonic_name(tonic: int, *, is_minor: bool) -> str:
    """A tonic's pitch class, spelled with the fewest sharps or flats: ``Db`` in major, ``C#`` in minor."""
    return (_MINORS if is_minor else _MAJORS)[tonic]


def read_key(text: str) -> tuple[int, bool]:
    """The tonic's pitch class, and whether it is minor, of ``"F# minor"``, ``"Eb"``, ``"c minor"`` or ``"E flat"``.

    SettingsError with the English name of "fis moll" otherwise.
    """
    name, _, mode = _in_signs(text.strip()).partition(" ")
    name = name[:1].upper() + name[1:]
    mode = mode.strip().lower()
    if name in PITCH_CLASSES and mode in _CHURCH_MODES:
        raise SettingsError(
            f"key '{text}': livegen knows major and minor; the nearest is '{name} {_CHURCH_MODES[mode]}'"
        )
    if name not in PITCH_CLASSES or mode not in ("", "major", "minor"):
        english = english_name(text) or nearest(text, _names_of(text[:1].upper()))
        remedy = f"write '{english}'" if english else "write a key such as 'G', 'Bb major' or 'F# minor'"
        raise SettingsError(f"unknown key '{text}'; {remedy}: livegen reads English names")
    return PITCH_CLASSES[name], mode == "minor"


def note_names(tonic: int, *, is_minor: bool) -> tuple[str, ...]:
    """The names of the twelve pitch classes in this key: with sharps, with flats, or in C major and A minor mixed."""
    relative = (tonic + 3) % 12 if is_minor else tonic
    if relative == 0:
        return NAMES
    return _SHARP_NAMES if relative in _IN_SHARPS else _FLAT_NAMES


def _in_signs(text: str) -> str:
    """``F# minor`` for "F sharp minor"."""
    for word, sign in _IN_WORDS:
        text = word.sub(sign, text)
    return text


def _names_of(letter: str) -> list[str]:
    return [f"{tonic} {mode}" for tonic in PITCH_CLASSES for mode in ("major", "minor") if tonic[0] == letter]


def key_name(tonic: int, *, is_minor: bool) -> str:
    """``Db major``, ``C# minor``."""
    return f"{tonic_name(tonic, is_minor=is_minor)} {'minor' if is_minor else 'major'}"


def english_name(text: str) -> str | None:
    """The English name of a key that is written otherwise: "B dur" is "Bb major"; None when it is no key's name."""
    words = _plain(text).split()
    mode = _MODES.get(words[-1]) if len(words) > 1 else None
    is_german = words[-1:] in (["dur"], ["moll"])
    tonic = "".join(words[:-1] if mode else words)
    if not mode and tonic.endswith("m") and (found := _tonic(tonic[:-1], is_german=False)):
        return f"{found} minor"
    found = _tonic(tonic, is_german=is_german)
    return f"{found} {mode or 'major'}" if found else None


def _plain(text: str) -> str:
    """Lower case without accents; sharps and flats as # and b."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("♯", "#").replace("♭", "b").replace("-", " "))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _tonic(text: str, *, is_german: bool) -> str | None:
    if text == "h" or (text == "b" and is_german):
        return "B" if text == "h" else "Bb"
    for name, letter in (*_SYLLABLES.items(), *((letter.lower(), letter) for letter in LETTERS), ("h", "B")):
        if text.startswith(name) and (accidental := _accidental(letter, text.removeprefix(name))) is not None:
            spelt = letter + ("", "#", "b")[accidental]
            return spelt if spelt in PITCH_CLASSES else NAMES[(LETTERS[letter] + accidental) % 12]
    return None


def _accidental(letter: str, text: str) -> int | None:
    """1 for a sharp, -1 for a flat, 0 for nothing, None for anything else; in German "Des" is flat, and "As" is."""
    if text in _SHARPS:
        return 1
    if text in _FLATS or (text == "s" and letter in "AE"):
        return -1
    return None if text else 0
