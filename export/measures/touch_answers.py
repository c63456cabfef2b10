"""What models answer to phrases of held-out performances, beside how people went on.

The engine answers as it does to a player who plays the phrase, in the time that it hears in it, at its usual settings;
but a silence of up to two seconds does not end the phrase, so that all of it is answered. An answer and people's
continuation begin with their first notes, and both end where the shorter one does.

*Motif* and *copies* are those of ``motif``; what begins within 40 ms begins together. *Rhythm*: the same of the ratios
of times between onsets, to the nearest half of a doubling, for nobody plays exactly. *Loudness*: the overlap of the
velocities with those of people's continuation, in 16 bins. *Level*: the correlation, over the phrases, of the mean
velocity with that of people's continuation. *Sd*: the standard deviation of velocities within an answer. *Told apart*:
the accuracy of a judge (``playing_judge``); of people's own, it has to tell their continuations from their phrases.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import log2
from statistics import fmean

import numpy as np

from export.measures.continuations import Each
from export.measures.interval import Estimate, Floats, estimate, of_pieces, resampled, summed
from export.measures.motif import COPY, RUN, kinship
from export.measures.performance_openings import UP, Opening
from export.measures.playing import Playing, heard, together
from export.measures.playing_figures import figures, loudness, overlaps
from export.measures.playing_judge import told_apart
from livegen.engine.engine import Engine
from livegen.events import Note, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle
from livegen.music.skyline import intervals
from livegen.settings import Play, Settings
from livegen.tools.render import converse

_PAUSE_MS = 2000  # a shorter silence within a phrase does not end it
_MOST_HALVES = 6  # of a doubling

Value = tuple[float, float]  # a sum and its weight


def answers(bundle: Bundle, told: Sequence[Opening], seed: int, each: Each) -> list[Playing]:
    """What the engine plays to each phrase, from the answer's first note on."""
    return [answer_of(bundle, opening, seed) for opening in each(told, f"answers of {bundle.card.name}")]


def answer_of(bundle: Bundle, opening: Opening, seed: int) -> Playing:
    """The answer to one phrase, at the end of which all keys and the pedal come up."""
    engine = Engine(bundle, Settings(play=Play(model=bundle.card.name, seed=seed, pause_ms=_PAUSE_MS)))
    played = converse(engine, _played(opening))
    begin = _first(played, opening.cut_ns)
    return heard(played, begin, max(begin, played[-1].at_ns)) if played else Playing((), (), 0)


def people_of(opening: Opening) -> Playing:
    """How people went on, from the first note on."""
    return heard(opening.events, _first(opening.events, opening.cut_ns), opening.end_ns)


def compare(
    of_models: Mapping[str, Sequence[Playing]], told: Sequence[Opening], seed: int = 0
) -> list[dict[str, object]]:
    """A row for each model, for people, and for people's continuations of another piece."""
    people = [people_of(opening) for opening in told]
    strangers = [people[told.index(_stranger(opening, told))] for opening in told]
    phrases = [opening.phrase for opening in told]
    rows = [_row(name, ours, people, told, seed) for name, ours in of_models.items()]
    rows.append({**_row("people", people, people, told, seed), "loudness": "", "level": ""})
    rows[-1]["told apart"] = _told_apart(people, phrases, told, seed)
    rows.append({**_row("another piece", strangers, people, told, seed), "told apart": ""})
    return rows


def _stranger(opening: Opening, told: Sequence[Opening]) -> Opening:
    """An opening of another piece of the same kind, half of them further on; itself where there is none."""
    kin = [other for other in told if other.kind == opening.kind]
    place = kin.index(opening) + len(kin) // 2
    return next((other for other in (*kin, *kin)[place:] if other.piece != opening.piece), opening)


def _row(
    name: str, ours: Sequence[Playing], people: Sequence[Playing], told: Sequence[Opening], seed: int
) -> dict[str, object]:
    pairs = list(_as_long(ours, people))
    found: Mapping[str, Sequence[Value]] = {
        "motif": [_kinship(one, opening.phrase) for (one, _), opening in zip(pairs, told, strict=True)],
        "rhythm": [_kinship(one, opening.phrase, of=paces) for (one, _), opening in zip(pairs, told, strict=True)],
        "copies": [_kinship(one, opening.phrase, length=COPY) for (one, _), opening in zip(pairs, told, strict=True)],
        "loudness": [_loudness(*pair) for pair in pairs],
        "sd": [figures(one)["loudness sd"] for one, _ in pairs],
    }
    places = np.unique([opening.piece for opening in told], return_inverse=True)[1]
    row: dict[str, object] = {"answers of": name, "answers": sum(bool(one.notes) for one in ours)}
    for what, values in found.items():
        sums, weights = summed(np.array(values, np.float64), places).T
        row[what] = of_pieces(sums, weights, seed)
    return {**row, "level": _level(pairs, places, seed), "told apart": _told_apart(ours, people, told, seed)}


def paces(line: Sequence[Note]) -> list[float]:
    """How much longer each time between two onsets is than the one before, in halves of a doubling."""
    times = [after.onset - before.onset for before, after in pairwise(line)]
    halves = [round(2 * log2(after / before)) for before, after in pairwise(times)]
    return [min(max(each, -_MOST_HALVES), _MOST_HALVES) for each in halves]


def _kinship(
    one: Playing, phrase: Playing, of: Callable[[Sequence[Note]], Sequence[float]] = intervals, length: int = RUN
) -> Value:
    share = kinship(together(one.notes), together(phrase.notes), of, length)
    return (0, 0) if share is None else (share, 1)


def _loudness(one: Playing, other: Playing) -> Value:
    if not one.notes or not other.notes:
        return 0, 0
    return float(overlaps(loudness(one), loudness(other))), 1


def _level(pairs: Sequence[tuple[Playing, Playing]], places: np.ndarray, seed: int) -> Estimate:
    """The correlation of the mean velocities of both."""
    moments = np.zeros((len(pairs), 6))  # [pairs, (1, x, y, xx, yy, xy)]
    for place, pair in enumerate(pairs):
        if all(playing.notes for playing in pair):
            x, y = (fmean(note.velocity for note in playing.notes) for playing in pair)
            moments[place] = 1, x, y, x * x, y * y, x * y
    of_piece = summed(moments, places)
    drawn = _correlations(resampled(len(of_piece), seed) @ of_piece)
    return estimate(float(_correlations(of_piece.sum(axis=0)[None])[0]), drawn)


def _correlations(moments: Floats) -> Floats:
    """Of draws, by their sums [draws, (1, x, y, xx, yy, xy)]; nan where one does not vary."""
    _, x, y, xx, yy, xy = (moments / np.maximum(moments[:, :1], 1)).T
    spread = np.sqrt(np.maximum(xx - x * x, 0) * np.maximum(yy - y * y, 0))
    found: Floats = np.where(spread > 1e-9, (xy - x * y) / np.maximum(spread, 1e-9), np.nan)
    return found


def _told_apart(
    ours: Sequence[Playing], people: Sequence[Playing], told: Sequence[Opening], seed: int
) -> Estimate | str:
    names = [opening.piece for opening in told]
    pairs = list(_as_long(ours, people))
    sides = [[(name, pair[who]) for name, pair in zip(names, pairs, strict=True)] for who in range(2)]
    verdict = told_apart(sides[0], sides[1], seed)
    return verdict.both if verdict else ""


def _as_long(ours: Sequence[Playing], people: Sequence[Playing]) -> Iterator[tuple[Playing, Playing]]:
    """Both of each pair, until the shorter one ends."""
    for one, other in zip(ours, people, strict=True):
        length = min(one.length, other.length)
        yield one.until(length), other.until(length)


def _played(opening: Opening) -> list[Timed]:
    """The events of a phrase; at its end all keys and the pedal come up."""
    events = [each for each in opening.events if each.at_ns < opening.cut_ns]
    down = dict.fromkeys(each.event.pitch for each in events if isinstance(each.event, NoteOn))
    return [*events, *(Timed(opening.cut_ns, NoteOff(pitch)) for pitch in down), Timed(opening.cut_ns, UP)]


def _first(events: Sequence[Timed], begin_ns: int) -> int:
    """When the first note from a moment on begins; that moment where there is none."""
    onsets = (each.at_ns for each in events if each.at_ns >= begin_ns and isinstance(each.event, NoteOn))
    return next(onsets, begin_ns)
