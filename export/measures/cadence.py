"""How often an answer ends with a cadence, beside people's own continuations of the same phrases.

The key is the judge's own: the profiles of Krumhansl and Kessler (1982) over the last eight beats. An answer is what
the engine plays, from its first note to its last, at a tempo that is set.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from export.corpora.work import Piece
from export.measures.continuations import Each
from export.measures.interval import wilson
from export.measures.played import notes_of
from livegen.clock import NS_PER_S
from livegen.codecs.codec import Codec
from livegen.engine.endings import End
from livegen.engine.engine import Engine
from livegen.engine.parts import Answer
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle
from livegen.music.cadence import KINDS, Cadence, cadence
from livegen.music.key import Key
from livegen.music.metre import Bars
from livegen.settings import Play, Settings, Time
from livegen.tools.render import converse

BEAT_NS = NS_PER_S * 6 // 10
_PHRASE_BARS = 8
_PIANO_BEATS = 16
_FEWEST = 6  # notes
LOCAL_BEATS = 8  # before the end, in which the key is judged: chorales and sonatas cadence in other keys, too
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Asked:
    """A phrase and how people went on from its end, where tick 0 of ``people`` is; ``bars`` of theirs, if known."""

    name: str
    phrase: tuple[Note, ...]
    length: int
    people: tuple[Note, ...]
    bars: Bars | None


def judged_key(notes: Iterable[Note]) -> Key:
    """The key whose profile is nearest to what sounds."""
    lengths = np.zeros(12)
    for note in notes:
        lengths[note.pitch % 12] += note.duration
    scores = {
        Key(tonic, is_minor): float(np.corrcoef(lengths, np.roll(profile, tonic))[0, 1])
        for is_minor, profile in ((False, _MAJOR), (True, _MINOR))
        for tonic in range(12)
    }
    return max(scores, key=lambda key: scores[key])


def ends_with(asked: Asked, answer: Sequence[Note]) -> Cadence | None:
    """The cadence with which this answer ends."""
    end = max((note.end for note in answer), default=0)
    nearby = [note for note in answer if note.end > end - LOCAL_BEATS * TICKS_PER_QUARTER]
    return cadence(answer, judged_key(nearby), asked.bars) if nearby else None


def asked_of(codec: Codec[Any], pieces: Iterable[Piece]) -> Iterator[Asked]:
    """The beginning of each piece that is long enough, and as much again."""
    for piece in pieces:
        notes = codec.decode(piece.tokens.tolist())
        cuts = _CUTS[codec.name](codec, piece.tokens.tolist()) if notes else None
        if cuts:
            length, end, bars = cuts
            phrase = tuple(note for note in _until(notes, length))
            people = [replace(note, onset=note.onset - length) for note in _until(notes, end) if note.onset >= length]
            if min(len(phrase), len(people)) >= _FEWEST:
                if codec.name == "chorale":
                    people = _held(people)
                yield Asked(piece.name, phrase, length, tuple(people), bars)


def _held(notes: Sequence[Note]) -> list[Note]:
    """The same, its last chord twice as long: it stands under a fermata."""
    last = max(note.onset for note in notes)
    return [replace(note, duration=2 * note.duration) if note.onset == last else note for note in notes]


def _until(notes: Iterable[Note], end: int) -> list[Note]:
    """The notes that begin before a tick, cut there."""
    return [replace(note, duration=min(note.end, end) - note.onset) for note in notes if note.onset < end]


def _cut_tune(codec: Codec[Any], tokens: Sequence[int]) -> tuple[int, int, Bars | None] | None:
    """After eight bars of a tune, and after sixteen, both before the upbeat."""
    bars, whole = bars_of_tune(codec, tokens)
    if not bars or whole < 2 * _PHRASE_BARS * bars.ticks - bars.upbeat:
        return None
    return _PHRASE_BARS * bars.ticks, 2 * _PHRASE_BARS * bars.ticks, bars


def bars_of_tune(codec: Codec[Any], tokens: Sequence[int]) -> tuple[Bars | None, int]:
    """The bars of a tune in ABC, None where they are no whole beats, and the ticks that it lasts as it is written."""
    cursor, bar, upbeat = codec.begin(), 0, None
    for token in tokens[:-1]:
        cursor, _ = codec.step(cursor, token)
        if cursor.has_metre and not bar:
            bar = round(cursor.metre * cursor.whole_ticks)
        if cursor.bars and cursor.tick and upbeat is None:
            upbeat = cursor.tick % bar if bar else None
    beats, rest = divmod(bar, TICKS_PER_QUARTER)
    return None if upbeat is None or rest else Bars(beats, cursor.is_compound, upbeat), cursor.tick


def _cut_chorale(codec: Codec[Any], tokens: Sequence[int]) -> tuple[int, int, Bars | None] | None:
    """After the second fermata, and after the fermata that is nearest to twice that; the upbeat is the judge's guess.

    Fermatas of chorales stand on strong beats: bar lines are where most of them begin.
    """
    cursor, ends, begins = codec.begin(), list[int](), list[int]()
    for token in tokens[:-1]:
        before, (cursor, _) = cursor, codec.step(cursor, token)
        if cursor.is_whole and cursor.tick > before.tick and cursor.under_fermata != before.under_fermata:
            (begins if cursor.under_fermata else ends).append(before.tick)
    if begins and len(begins) > len(ends):
        ends.append(cursor.tick)
    if len(ends) < 3:
        return None
    length = ends[1]
    end = min(ends[2:], key=lambda tick: abs(tick - 2 * length))
    half = 2 * TICKS_PER_QUARTER
    phases = [begin % half for begin in begins]
    phase = max(set(phases), key=phases.count)
    return length, end, Bars(2, upbeat=(phase - length) % half)


def _cut_piano(codec: Codec[Any], tokens: Sequence[int]) -> tuple[int, int, Bars | None] | None:
    """After sixteen beats, and after as many again; nothing is known of the bars."""
    length = _PIANO_BEATS * TICKS_PER_QUARTER
    return length, 2 * length, None


_CUTS = {"abc": _cut_tune, "chorale": _cut_chorale, "note_duration": _cut_piano, "notes": _cut_piano}


def answer_of(bundle: Bundle, asked: Asked, settings: Settings) -> tuple[list[Note], End | None]:
    """What the engine answers to the phrase, and how it chose its end; tick 0 is the beat on which it begins."""
    heard = sorted(
        (Timed(tick * BEAT_NS // TICKS_PER_QUARTER, event) for tick, event in _events(asked.phrase)),
        key=lambda timed: (timed.at_ns, isinstance(timed.event, NoteOn)),
    )
    engine = Engine(bundle, settings)
    played = converse(engine, heard)
    chosen = engine.part.chosen if isinstance(engine.part, Answer) else None
    return notes_of(played, BEAT_NS), chosen


def compare(bundle: Bundle, asked: Sequence[Asked], seeds: int, each: Each) -> list[dict[str, object]]:
    """A row for people and one for the model's answers: how many end with each cadence, and what choosing it costs."""
    settings = [
        Settings(play=Play(model=bundle.card.name, seed=seed), time=Time(tempo_bpm=60 * NS_PER_S / BEAT_NS))
        for seed in range(seeds)
    ]
    people = [ends_with(one, one.people) for one in asked]
    ours, costs = list[Cadence | None](), list[float]()
    for one in each(asked, "answers"):
        for setting in settings:
            notes, chosen = answer_of(bundle, one, setting)
            ours.append(ends_with(one, notes))
            costs += [-chosen.nats] if chosen else []
    cost = f"{fmean(costs):+.3f}" if costs else ""
    return [_row("people", people, ""), _row("answers", ours, cost)]


def _row(who: str, ends: Sequence[Cadence | None], cost: str) -> dict[str, object]:
    counts = Counter(ends)
    share, low, high = wilson(len(ends) - counts[None], len(ends))
    kinds: dict[str, object] = {kind: counts[kind] for kind in KINDS}
    rate = f"{share:.2f} ({low:.2f} to {high:.2f})"
    return {"who": who, "count": len(ends), "cadence": rate, **kinds, "nats": cost}


def _events(notes: Iterable[Note]) -> Iterator[tuple[int, NoteOn | NoteOff]]:
    for note in notes:
        yield note.onset, NoteOn(note.pitch, 80)
        yield max(note.onset + 1, note.end - TICKS_PER_QUARTER // 16), NoteOff(note.pitch)
