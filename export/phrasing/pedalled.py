"""What a pedal does to notes: how long it is down, how often it changes, what it holds over a change of chord."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from export.phrasing.examples import Sung
from livegen.music.pedalling import clashes

_BASS_S = 1.2  # an onset with the lowest note of so long is a change of chord, if its bass has another name
_BASS = 60  # ... and is no higher than this
_STILL_S = 0.3  # after a change of chord, what still sounds of the chord before
_LONGEST_S = 8.0


@dataclass(frozen=True, slots=True)
class Pedalled:
    """Of one performance."""

    share: float  # of its time
    changes: float  # a bar
    dissonance: float  # pitch classes held by the pedal alone, a semitone from a note of the new chord, at a change


def pedalled(sung: Sung, pedal: Sequence[tuple[float, bool]]) -> Pedalled:
    """A performance with this pedal, (moment, goes down) in turn."""
    played = sung.played
    end_s = float(played.onset_s[-1])
    spans = list(_spans(pedal, end_s))
    bars = max(1, int(((played.beat_in_bar == 0) & (played.beat_s >= 0) & (played.beat_s <= end_s)).sum()))
    return Pedalled(
        sum(min(up, end_s) - down for down, up in spans if down < end_s) / end_s,
        sum(is_down for _, is_down in pedal) / bars,
        _dissonance(sung, spans),
    )


def _spans(pedal: Sequence[tuple[float, bool]], end_s: float) -> Iterator[tuple[float, float]]:
    """From when until when it is down."""
    since: float | None = None
    for at_s, is_down in pedal:
        if is_down and since is None:
            since = at_s
        elif not is_down and since is not None:
            yield since, at_s
            since = None
    if since is not None:
        yield since, max(end_s, since)


def _dissonance(sung: Sung, spans: Sequence[tuple[float, float]]) -> float:
    played = sung.played
    downs, ups = np.array([down for down, _ in spans]), np.array([up for _, up in spans])
    at = np.searchsorted(downs, played.end_s, "right") - 1
    rings = np.where((at >= 0) & (played.end_s <= ups[at]), ups[at], played.end_s) if spans else played.end_s
    found = []
    for moment in _changes(sung):
        first, last = np.searchsorted(played.onset_s, [moment - _LONGEST_S, moment])
        before = slice(first, last)
        is_held = (played.end_s[before] < moment) & (rings[before] >= moment + _STILL_S)
        after = slice(last, np.searchsorted(played.onset_s, moment + _STILL_S))
        found.append(
            clashes(frozenset(played.pitch[before][is_held].tolist()), frozenset(played.pitch[after].tolist()))
        )
    return float(np.mean(found)) if found else 0.0


def _changes(sung: Sung) -> Iterator[float]:
    """The moments of the changes of chord."""
    name, recent = -1, list[tuple[float, int]]()
    for onset in sung.onsets:
        bottom = onset.pitches[-1]
        recent = [(at_s, pitch) for at_s, pitch in recent if onset.at_s - at_s <= _BASS_S]
        if bottom <= _BASS and all(bottom <= pitch for _, pitch in recent):
            if bottom % 12 != name and name >= 0:
                yield onset.at_s
            name = bottom % 12
        recent.append((onset.at_s, bottom))
