"""How soon an accompaniment plays on the beat of a melody that somebody plays, and how near to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from export.corpora.metred import Metred
from export.measures.interval import wilson
from export.measures.metre import SAME_TEMPO
from export.metre.performed import Performed, excerpt, perform
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.music.beat_tracker import BeatTracker
from livegen.music.metre import Metre
from livegen.music.phrase_capture import HeardNote
from livegen.music.tempo_map import SteadyTempo, nearest

AFTER = (8, 16)  # onsets after which it is looked at the beat
_TEMPOS = (60, 140)  # beats a minute
_BARS = 12
_MOST = 40  # phrases of a kind
_FRAME = 240  # ticks: a sixteenth
_NEWEST = 8  # onsets that the player's beat is found from
_USUAL_NS = 600 * NS_PER_MS  # a quarter of an accompaniment that hears no beat: 100 bpm
_STEP_NS = NS_PER_MS  # listening once
_OCTAVES = (0.5, 1, 2)


@dataclass(frozen=True, slots=True)
class Followed:
    """A phrase, and the beat after each of ``AFTER`` onsets: of the tracker, and of a steady 100 bpm."""

    kind: str
    is_tempo: tuple[bool, ...]
    off_ms: tuple[float, ...]  # from the player's beat to the nearest sixteenth of ours
    is_usual_tempo: tuple[bool, ...]
    usual_off_ms: tuple[float, ...]


def melodies(test: Mapping[str, Sequence[Metred]], seed: int) -> Iterator[tuple[str, Performed]]:
    """The beginnings of held-out pieces: tunes and sopranos at tempos drawn by chance, songs as they were performed."""
    chance = np.random.default_rng(seed)
    for kind in ("jig", "hornpipe", "waltz", "reel", "hymn", "song"):
        for at in chance.permutation(len(test[kind]))[:_MOST]:
            piece = test[kind][at]
            bpm = chance.uniform(*_TEMPOS)
            played = excerpt(piece, 0, _BARS) if piece.beat_s else perform(piece, 0, _BARS, bpm, chance)
            if played and len(played.at_s) > max(AFTER):
                yield kind, played


def follow(kind: str, phrase: Performed) -> Followed:
    """Let an accompaniment's tracker hear the phrase while it is played."""
    notes = [
        HeardNote(NS_PER_S + at_ns, NS_PER_S + at_ns, pitch, 64) for at_ns, pitch in zip(*phrase.notes, strict=True)
    ]
    tempos = list(track(notes, [NS_PER_S + round(at * NS_PER_S) for at in phrase.at_s]))
    usual = SteadyTempo(NS_PER_S, _USUAL_NS)
    return Followed(
        kind,
        tuple(_is_right(tempos[count - 1], phrase) for count in AFTER),
        tuple(_off_ms(tempos[count - 1], phrase, count) for count in AFTER),
        tuple(_is_right(usual, phrase) for _ in AFTER),
        tuple(_off_ms(usual, phrase, count) for count in AFTER),
    )


def track(notes: Sequence[HeardNote], onsets_ns: Sequence[int]) -> Iterator[SteadyTempo]:
    """The tempo before each onset but the first, of a tracker that listens whenever it may."""

    def newest(count: int, until_ns: int) -> Sequence[HeardNote]:
        return [note for note in notes if note.onset_ns <= until_ns][-count:]

    begun = Metre(onsets_ns[0], 0, _USUAL_NS, 4)
    tracker = BeatTracker(begun, None, newest=newest, counted=lambda heard: heard, fixed_ns=lambda: 0)
    for at_ns, until_ns in pairwise(onsets_ns):
        tracker.note_on(at_ns)
        for now_ns in range(at_ns, until_ns, _STEP_NS):
            if tracker.is_behind(now_ns):
                tracker.advance(now_ns)
        yield tracker.tempo


def _is_right(tempo: SteadyTempo, phrase: Performed) -> bool:
    quarter_s = phrase.beat_s * (2 / 3 if phrase.piece.bars.is_compound else 1)
    ratio = tempo.beat_ns / NS_PER_S / quarter_s
    return min(abs(ratio / octave - 1) for octave in _OCTAVES) < SAME_TEMPO


def _off_ms(tempo: SteadyTempo, phrase: Performed, count: int) -> float:
    """From the player's last beat to the nearest sixteenth."""
    slope, begin_s = np.polyfit(phrase.beats[count - _NEWEST : count], phrase.at_s[count - _NEWEST : count], 1)
    beat_ns = NS_PER_S + round((begin_s + slope * np.floor(phrase.beats[count - 1])) * NS_PER_S)
    return float(abs(tempo.ns_at(nearest(tempo.tick_at(beat_ns), _FRAME)) - beat_ns) / NS_PER_MS)


def table(found: Iterable[Followed]) -> list[dict[str, object]]:
    """A row for each kind of phrase, and one for all: how many have the right tempo, half or double, in percent."""
    followed = list(found)
    rows: list[dict[str, object]] = []
    for name in (*dict.fromkeys(each.kind for each in followed), "all"):
        own = [each for each in followed if name in (each.kind, "all")]
        row: dict[str, object] = {"phrases": name, "count": len(own)}
        for index, count in enumerate(AFTER):
            row[f"100 bpm after {count}"] = _in_words([each.is_usual_tempo[index] for each in own])
            row[f"heard after {count}"] = _in_words([each.is_tempo[index] for each in own])
            usual, heard = (
                np.median([getattr(each, name)[index] for each in own]) for name in ("usual_off_ms", "off_ms")
            )
            row[f"off, ms, after {count}"] = f"{usual:.0f} -> {heard:.0f}"
        rows.append(row)
    return rows


def _in_words(right: Sequence[bool]) -> str:
    share, low, high = wilson(sum(right), len(right))
    return f"{100 * share:.1f} ({100 * max(low, 0):.0f} to {100 * high:.0f})"
