"""What the grid of the ``performance`` codec does to performances: are they exact on it, and how far does it move them?

What should come back is worked out here from whole notes and whole pedals, not as the codec does it, event by event.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from export.corpora.performances import PIECES, SONGS, is_song
from export.corpora.work import Work
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import (
    END,
    FIRST_LOUDNESS,
    GRID_TICKS,
    LOUDNESSES,
    STEP_NS,
    loudness_token,
    on_grid,
)
from livegen.codecs.performance_writing import HALF_PEDAL, begun
from livegen.events import SUSTAIN_PEDAL, ControlChange, Note, NoteOff, NoteOn, Ticked, Timed
from livegen.music.tempo_map import round_div

_NS_PER_MS = 1_000_000
_Pedal = tuple[int, bool]  # (moment, is down), in ns or in steps


@dataclass(slots=True)
class Moves:
    """What was counted of some performances. A move is how far something comes back from where it was played."""

    pieces: int = 0
    exact: int = 0
    notes: int = 0
    tokens: int = 0
    joined: int = 0  # notes that begin in the moment and on the key of another
    undone: int = 0  # movements of the pedal that are undone within a moment
    onsets_ms: list[float] = field(default_factory=list)
    releases_ms: list[float] = field(default_factory=list)
    velocities: list[float] = field(default_factory=list)
    pedals_ms: list[float] = field(default_factory=list)

    def row(self, name: str) -> dict[str, object]:
        """The figures, as a row of a table."""
        return {
            "performances": name,
            "pieces": self.pieces,
            "exact": self.exact,
            "notes": self.notes,
            "tokens a note": f"{self.tokens / max(1, self.notes):.2f}",
            "onset ms": _mean_and_most(self.onsets_ms),
            "release ms": _mean_and_most(self.releases_ms),
            "velocity": _mean_and_most(self.velocities),
            "pedal ms": _mean_and_most(self.pedals_ms),
            "joined": self.joined,
            "undone": self.undone,
        }


def check(codec: PerformanceCodec, works: Iterable[Work]) -> list[dict[str, object]]:
    """A row for the songs and one for the pieces; of each move the mean and the most, by size."""
    found = {SONGS: Moves(), PIECES: Moves()}
    for work in works:
        add(found[SONGS if is_song(work) else PIECES], codec, work.content)
    return [moves.row(name) for name, moves in found.items() if moves.pieces]


def add(moves: Moves, codec: PerformanceCodec, played: Sequence[Timed]) -> None:
    """Write and read a performance, whole and event by event, and count it."""
    events = list(map(on_grid, played))
    tokens = codec.encode_events(events)
    again = codec.decode_events(tokens)
    notes = sorted(note for pitch, of_key in _keys(codec, played).items() for note in _notes(moves, pitch, of_key))
    pedals, back = _pedals(moves, played), _pedals_of(again)
    if pedals and pedals[-1][1]:
        back.pop()  # it comes up with the end
    moves.pieces += 1
    moves.notes += len(notes)
    moves.tokens += len(tokens)
    moves.exact += (
        codec.decode(tokens) == notes
        and back == pedals
        and codec.encode_events(again) == tokens
        and _event_by_event(codec, events) == (tokens, again)
    )


def _event_by_event(codec: PerformanceCodec, events: Iterable[Ticked]) -> tuple[list[int], list[Ticked]]:
    """The tokens of each event as it happens, and the events that each token settles."""
    out, again = codec.begin(), list[Ticked]()
    writer, told = begun(codec, out)
    tokens = list(told)
    for ticked in events:
        writer, told = writer.hear(ticked)
        tokens += told
    tokens += [*writer.let_go(GRID_TICKS)[1], END]
    for token in tokens:
        out, settled = codec.step(out, token)
        again += settled
    return tokens, again


def _keys(codec: PerformanceCodec, played: Iterable[Timed]) -> dict[int, list[Note]]:
    """By pitch of the codec its notes in the order of their note-ons, as played, in ticks of a nanosecond."""
    keys: dict[int, list[Note]] = {}
    down: dict[tuple[int, int], int] = {}  # where the note of a key stands among its pitch's
    for timed in played:
        match timed.event:
            case NoteOn(pitch, velocity, channel):
                of_pitch = keys.setdefault(codec.fold(pitch), [])
                down[channel, pitch] = len(of_pitch)
                of_pitch.append(Note(timed.at_ns, codec.fold(pitch), 0, velocity))
            case NoteOff(pitch, channel):
                of_pitch, index = keys[codec.fold(pitch)], down.pop((channel, pitch))
                of_pitch[index] = replace(of_pitch[index], duration=timed.at_ns - of_pitch[index].onset)
    return keys


def _notes(moves: Moves, pitch: int, played: Sequence[Note]) -> Iterator[Note]:
    """The notes of a pitch as they should come back: a key comes up with the last that holds it, or is struck again."""
    moments = [list(group) for _, group in groupby(played, key=lambda note: _step(note.onset))]
    until = 0  # ns
    for index, group in enumerate(moments):
        first = group[0]
        following = moments[index + 1][0].onset if index + 1 < len(moments) else None
        until = max(until, *(note.end for note in group))
        end = until if following is None else min(until, following)
        onset, last = _step(first.onset), max(_step(end), _step(first.onset) + 1)
        loudness = LOUDNESSES[loudness_token(first.velocity) - FIRST_LOUDNESS]
        moves.joined += len(group) - 1
        moves.onsets_ms.append(_ms(onset, first.onset))
        moves.releases_ms.append(_ms(last, end))
        moves.velocities.append(abs(loudness - first.velocity))
        yield Note(onset * GRID_TICKS, pitch, (last - onset) * GRID_TICKS, loudness)


def _pedals(moves: Moves, played: Iterable[Timed]) -> list[_Pedal]:
    """The pedal as it should come back: once a moment, then once more at the next, where it is another by then."""
    changes = list[_Pedal]()
    for timed in played:
        match timed.event:
            case ControlChange(number, value) if number == SUSTAIN_PEDAL:
                if (value >= HALF_PEDAL) != (bool(changes) and changes[-1][1]):
                    changes.append((timed.at_ns, value >= HALF_PEDAL))
    found = list[_Pedal]()
    for at_ns, is_down in changes:
        step = _step(at_ns)
        if found and found[-1][0] > step:  # what had to wait for the next moment is undone
            found.pop()
            moves.pedals_ms.pop()
            moves.undone += 2
            continue
        step += bool(found) and found[-1][0] == step
        found.append((step, is_down))
        moves.pedals_ms.append(_ms(step, at_ns))
    return found


def _pedals_of(events: Iterable[Ticked]) -> list[_Pedal]:
    """The pedal as it came back."""
    return [
        (ticked.tick // GRID_TICKS, ticked.event.value >= HALF_PEDAL)
        for ticked in events
        if isinstance(ticked.event, ControlChange)
    ]


def _step(at_ns: int) -> int:
    return round_div(at_ns, STEP_NS)


def _ms(step: int, at_ns: int) -> float:
    return abs(step * STEP_NS - at_ns) / _NS_PER_MS


def _mean_and_most(sizes: Sequence[float]) -> str:
    return f"{np.mean(sizes):.2f}, {max(sizes):.2f}" if sizes else "-"
