"""Transposes ABC text: letters, key signatures, accidentals and chord names change, the rest stays."""

import re

from livegen.codecs.abc.fields import LETTERS, STEPS, AbcKey, altered, in_fifths, read_key, spelled

MOST_FLATS, MOST_SHARPS = -4, 5
LOWEST, HIGHEST = 53, 86  # F, to d'': the range of the tunes' instruments

_PARTS = re.compile(
    r'"(?P<chord>[^"\n]*)"|![^!\n]*!|\[(?P<field>[A-Za-z]:[^\]\n]*)\]'
    r"|(?P<accidental>\^+|_+|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)"
)
_KEYS = re.compile(r"(?:^|\[)K:([^\]\n]*)", re.MULTILINE)
_FIELD = re.compile(r"([A-Za-z]):(.*)")
_ROOT = re.compile(r"^([A-Ga-g])([#b]?)")
_BASS = re.compile(r"/([A-Ga-g])([#b+]?)")


def transposed(tune: str, semitones: int) -> str:
    """The tune, transposed up by ``semitones``; unchanged when it would need too many sharps or flats."""
    keys = [key for text in _KEYS.findall(tune) if (key := read_key(text))]
    fifths = _fifths(keys, semitones)
    if not semitones or fifths is None:
        return tune
    shifter = _Shifter(fifths, semitones)
    return "\n".join(shifter.line(line) for line in tune.split("\n"))


def shifts(tune: str) -> tuple[int, int]:
    """The lowest and the highest transposition that keep every note in the range of the tunes' instruments."""
    pitches = [
        60 + STEPS[LETTERS.index(letter.upper())] + 12 * (letter.islower() + marks.count("'") - marks.count(","))
        for line in tune.split("\n")
        if not _FIELD.match(line) and not line.startswith("%")
        for letter, marks in (part.group("letter", "octave") for part in _PARTS.finditer(line))
        if letter
    ]
    return (min(0, LOWEST - min(pitches)), max(0, HIGHEST - max(pitches))) if pitches else (0, 0)


def _fifths(keys: list[AbcKey], semitones: int) -> int | None:
    """The transposition in fifths after which every key of a tune has few sharps or flats; None when there is none."""
    signatures = [key.signature for key in keys]
    for fifths in (7 * semitones % 12, 7 * semitones % 12 - 12):
        if signatures and min(signatures) + fifths >= MOST_FLATS and max(signatures) + fifths <= MOST_SHARPS:
            return fifths
    return None


class _Shifter:
    """Transposes line by line. Owner of the current line's key signature."""

    def __init__(self, fifths: int, semitones: int) -> None:
        self._fifths = fifths
        self._steps = _letter_steps(fifths, semitones)
        self._signature = 0

    def line(self, line: str) -> str:
        field = _FIELD.match(line)
        if field and field[1] == "K" and (key := read_key(field[2])):
            self._signature = key.signature
            return f"K:{AbcKey(key.tonic + self._fifths, key.mode)}"
        if field or line.startswith("%"):
            return line
        return _PARTS.sub(self._part, line)

    def _part(self, part: re.Match[str]) -> str:
        if part["letter"]:
            return self._note(part["accidental"] or "", part["letter"], part["octave"])
        if part["field"]:
            return f"[{self.line(part['field'])}]"
        if part["chord"]:
            return '"' + _BASS.sub(self._name, _ROOT.sub(self._name, part["chord"])) + '"'
        return part[0]

    def _note(self, accidental: str, letter: str, marks: str) -> str:
        before = LETTERS.index(letter.upper())
        octave, after = divmod(before + self._steps, 7)
        octave += letter.islower() + marks.count("'") - marks.count(",")
        if accidental:
            alteration = accidental.count("^") - accidental.count("_") - altered(before, self._signature)
            alteration += altered(after, self._signature + self._fifths)
            accidental = "^" * alteration or "_" * -alteration or "="
        return accidental + pitch_text(after, octave)

    def _name(self, root: re.Match[str]) -> str:
        name = spelled(in_fifths(root[1], root[2].replace("+", "#")) + self._fifths)
        slash = "/" if root[0].startswith("/") else ""
        name = name.replace("#", "+") if slash and root[2] != "#" else name  # the tunes write a bass in this way
        return slash + (name[0].lower() if root[1].islower() else name[0]) + name[1:]


def pitch_text(letter: int, octave: int) -> str:
    """A letter (an index of ``LETTERS``) in an octave, 0 being that of middle C."""
    name = LETTERS[letter] if octave < 1 else LETTERS[letter].lower()
    return name + "," * -octave + "'" * (octave - 1)


def _letter_steps(fifths: int, semitones: int) -> int:
    """The transposition in steps of the scale: a fifth is four steps, an octave seven."""
    return 4 * fifths + 7 * ((semitones - 7 * fifths) // 12)
