"""Writes a melody as ABC: its key, its metre, its bars."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livegen.codecs.abc.fields import LETTERS, STEPS, AbcKey, altered
from livegen.codecs.abc.transposing import pitch_text
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.metre import Bars
from livegen.music.tempo_map import round_div

STEPS_OF_A_UNIT = 2  # sixteenths in an eighth
_MARKS = {-1: "_", 0: "=", 1: "^"}


@dataclass(frozen=True, slots=True)
class Time:
    """A metre, and how beats are written in it."""

    metre: str
    step_ticks: int  # ticks of a sixteenth
    bar: int  # sixteenths in a bar


SIMPLE = Time("4/4", TICKS_PER_QUARTER // 4, 16)
COMPOUND = Time("6/8", TICKS_PER_QUARTER // 6, 12)  # a beat is three eighths


def time_of(notes: Iterable[Note]) -> Time:
    """The metre for notes: ``COMPOUND`` when their onsets are nearer to sixths of a beat than to quarters of it."""
    onsets = [note.onset for note in notes]
    quarters, sixths = (sum(_off(onset, TICKS_PER_QUARTER // parts) for onset in onsets) for parts in (4, 6))
    return COMPOUND if sixths < quarters else SIMPLE


def time_in(bars: Bars) -> Time:
    """The metre of bars that were heard."""
    steps = 6 if bars.is_compound else 4  # sixteenths of a beat
    return Time(str(bars), TICKS_PER_QUARTER // steps, bars.beats * steps)


def head(key: AbcKey, time: Time) -> str:
    """The header of a tune."""
    return f"X: 1\nM:{time.metre}\nL:1/8\nK:{key}\n"


def body(notes: Sequence[Note], key: AbcKey, time: Time, upbeat: int = 0) -> str:
    """The bars of a melody, the highest note of each onset; they end with a bar line, or in mid-bar with a space.

    ``upbeat``: ticks up to the first bar line, where the melody does not begin on one.
    """
    text, at = "", -round_div(upbeat, time.step_ticks) % time.bar
    known: dict[str, int] = {}
    for pitch, steps in melody(notes, time):
        while steps:
            part = min(steps, time.bar - at % time.bar)
            name = "z" if pitch is None else _named(pitch, key.signature, known)
            text += name + _length(part) + ("-" if part < steps and pitch is not None else "")
            at, steps = at + part, steps - part
            if at % time.bar == 0:
                text += "|"
                known = {}
    return text if text.endswith("|") else f"{text} "


def melody(notes: Sequence[Note], time: Time) -> list[tuple[int | None, int]]:
    """Pitches, None for a rest, each with its duration in sixteenths; one at a time, from tick 0."""
    highest: dict[int, Note] = {}
    for note in sorted(notes):
        highest[round_div(note.onset, time.step_ticks)] = note
    onsets = sorted(highest)
    line: list[tuple[int | None, int]] = []
    at = 0
    for onset, after in zip(onsets, [*onsets[1:], None], strict=True):
        if onset > at:
            line.append((None, onset - at))
        lasting = max(1, round_div(highest[onset].duration, time.step_ticks))
        lasting = lasting if after is None else min(lasting, after - onset)
        line.append((highest[onset].pitch, lasting))
        at = onset + lasting
    return line


def _named(pitch: int, signature: int, known: dict[str, int]) -> str:
    """A note with the accidental that it needs; ``known``, the accidentals of its bar so far, is updated."""
    letter, alteration = _spelled(pitch % 12, signature)
    octave = (pitch - STEPS[letter] - alteration) // 12 - 5
    name = pitch_text(letter, octave)
    mark = "" if known.get(name, altered(letter, signature)) == alteration else _MARKS[alteration]
    known[name] = alteration
    return mark + name


def _spelled(pitch_class: int, signature: int) -> tuple[int, int]:
    """Letter and alteration: as in the signature, else natural, else sharp or flat like the signature."""
    spellings = [(letter, alteration) for alteration in (0, 1, -1) for letter in range(len(LETTERS))]
    fitting = [spelling for spelling in spellings if (STEPS[spelling[0]] + spelling[1]) % 12 == pitch_class]
    wanted = 1 if signature >= 0 else -1
    return min(
        fitting,
        key=lambda spelling: (spelling[1] != altered(spelling[0], signature), spelling[1] != 0, spelling[1] != wanted),
    )


def _length(sixteenths: int) -> str:
    if sixteenths % STEPS_OF_A_UNIT:
        return "/" if sixteenths == 1 else f"{sixteenths}/2"
    units = sixteenths // STEPS_OF_A_UNIT
    return "" if units == 1 else str(units)


def _off(tick: int, grid: int) -> int:
    return abs(tick - round_div(tick, grid) * grid)
