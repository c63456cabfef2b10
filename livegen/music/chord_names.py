"""Names the chord that sounds, as on a lead sheet."""

from collections.abc import Collection, Sequence

from livegen.key_names import LETTERS, NAMES, PITCH_CLASSES

_LETTER_STEPS = (0, 1, 1, 2, 2, 3, 4, 4, 4, 6, 6, 6)  # of a chord's tone, by its semitones above the root

_SUFFIXES = {  # semitones above the root → what follows its name
    frozenset({4, 7}): "",
    frozenset({3, 7}): "m",
    frozenset({3, 6}): "dim",
    frozenset({4, 8}): "aug",
    frozenset({5, 7}): "sus4",
    frozenset({4, 7, 10}): "7",
    frozenset({4, 7, 11}): "maj7",
    frozenset({3, 7, 10}): "m7",
    frozenset({3, 7, 11}): "m(maj7)",
    frozenset({3, 6, 10}): "m7b5",
    frozenset({3, 6, 9}): "dim7",
    frozenset({4, 10}): "7",  # without its fifth
    frozenset({4, 11}): "maj7",
    frozenset({3, 10}): "m7",
}


def chord_name(pitches: Collection[int], names: Sequence[str] = NAMES) -> str:
    """The name of these MIDI pitches as a chord, such as "Am7" or "C/E"; "" when they are no triad or seventh chord.

    ``names`` are those of the twelve pitch classes.
    Where two roots would do (augmented and diminished sevenths), the lowest pitch is the root.
    """
    if not pitches:
        return ""
    bass = min(pitches) % 12
    sounding = {pitch % 12 for pitch in pitches}
    for root in sorted(sounding, key=lambda pitch_class: (pitch_class - bass) % 12):
        suffix = _SUFFIXES.get(frozenset((pitch_class - root) % 12 for pitch_class in sounding - {root}))
        if suffix is not None:
            return names[root] + suffix + (f"/{_above(names[root], bass)}" if root != bass else "")
    return ""


def _above(root: str, pitch_class: int) -> str:
    """A tone of the chord on ``root``: the third of C# is E#, not F."""
    semitones = (pitch_class - PITCH_CLASSES[root]) % 12
    letters = list(LETTERS)
    letter = letters[(letters.index(root[0]) + _LETTER_STEPS[semitones]) % len(letters)]
    sharps = (pitch_class - LETTERS[letter] + 6) % 12 - 6
    return letter + (sharps * "#" if sharps > 0 else -sharps * "b")
