"""The form of long music: which bars come back, how bars repeat a rhythm, how much their density varies.

A bar is so many beats from the beginning of the music: four, of tunes two. It *comes back* when its highest line
(onsets in the bar and pitches) is that of an earlier one; bars without an onset are left out. *Rhythm*: the onsets of
the bar before. *Density*: the standard deviation of onsets in a bar, in parts of their mean. *Closes*: chords after
which nothing begins for a beat and a half, and which end a cadence; in 100 bars. A solo goes from piece to
piece, so people's pieces are strung together in the same way, until each string is as long as a solo.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, pstdev, stdev

from export.measures.cadence import LOCAL_BEATS, judged_key
from export.measures.continuations import Each
from export.measures.played import notes_of
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.engine.parts import BREATH
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.midi_out.offline import OfflinePlayer
from livegen.model.bundle import Bundle
from livegen.music.cadence import cadence
from livegen.music.skyline import skyline
from livegen.music.tempo_map import next_multiple
from livegen.settings import Play, Settings, Time

BPM = 100.0
_BAR_BEATS = {"abc": 2}
_STEP_NS = 50 * NS_PER_MS
_GRID = TICKS_PER_QUARTER // 12
_FEWEST = 8  # bars
_REST = TICKS_PER_QUARTER * 3 // 2

_Bar = tuple[tuple[int, int], ...]  # (onset in the bar, pitch) of each note


@dataclass(frozen=True, slots=True)
class Form:
    """Of one piece or solo, from 0 to 1, the density's variation, and closes in 100 bars."""

    come_back: float
    same_rhythm: float
    density: float
    closes: float


def bar_beats(codec: str) -> int:
    """Beats of a bar, for a codec."""
    return _BAR_BEATS.get(codec, 4)


def form_of(notes: Iterable[Note], beats: int) -> Form | None:
    """The form of music whose first bar begins at tick 0; None where it has too few bars."""
    notes = list(notes)
    bars = bars_of(notes, beats)
    if len(bars) < _FEWEST:
        return None
    known, back = set[_Bar](), 0
    for bar in bars_of(skyline(notes), beats):
        back += bar in known
        known.add(bar)
    rhythms = [tuple(sorted({onset for onset, _ in bar})) for bar in bars]
    counts = [len(rhythm) for rhythm in rhythms]
    same = fmean(before == after for before, after in pairwise(rhythms))
    return Form(back / len(bars), same, pstdev(counts) / fmean(counts), 100 * _closes(notes) / len(bars))


def _closes(notes: Sequence[Note]) -> int:
    """How many chords are rested on, and end a cadence in the key of the beats before them."""
    count = 0
    for onset, after in pairwise(sorted({note.onset for note in notes})):
        if after - onset >= _REST:
            near = [
                replace(note, duration=min(note.end, after) - note.onset)
                for note in notes
                if onset - LOCAL_BEATS * TICKS_PER_QUARTER < note.end and note.onset <= onset
            ]
            count += cadence(near, judged_key(near), None) is not None
    return count


def bars_of(notes: Iterable[Note], beats: int) -> list[_Bar]:
    """The bars in which a note begins, in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for note in notes:
        onset = (note.onset + _GRID // 2) // _GRID * _GRID
        bar, within = divmod(onset, beats * TICKS_PER_QUARTER)
        found.setdefault(bar, []).append((within, note.pitch))
    return [tuple(sorted(found[bar])) for bar in sorted(found)]


def strung(pieces: Iterable[Sequence[Note]], least: int) -> Iterator[list[Note]]:
    """The pieces one after the other, with the rest of a solo between two; a new string after ``least`` ticks.

    The last string is left out where it is shorter and not the only one.
    """
    notes, at, is_first = list[Note](), 0, True
    for piece in pieces:
        notes += [replace(note, onset=note.onset + at) for note in piece]
        at = next_multiple(max((note.end for note in notes), default=0) + BREATH, TICKS_PER_QUARTER)
        if at >= least:
            yield notes
            notes, at, is_first = [], 0, False
    if notes and is_first:
        yield notes


def solo_of(bundle: Bundle, seed: int, seconds: float) -> list[Note]:
    """What a solo plays, from its first note on."""
    play = Play(model=bundle.card.name, role="solo", role_after_touch="solo", seed=seed)
    engine = Engine(bundle, Settings(play=play, time=Time(tempo_bpm=BPM)))
    player = OfflinePlayer()
    for now_ns in range(0, round(seconds * NS_PER_S), _STEP_NS):
        player.play(engine.imagine(now_ns).events)
        player.sound(now_ns)
    return notes_of(player.sounded, round(60 * NS_PER_S / BPM))


def compare(
    bundle: Bundle, pieces: Iterable[Sequence[Note]], seeds: int, seconds: float, each: Each
) -> list[dict[str, object]]:
    """A row for people's pieces and one for solos."""
    beats = bar_beats(bundle.codec.name)
    solos = [form_of(solo_of(bundle, seed, seconds), beats) for seed in each(range(seeds), "solos")]
    people = [form_of(notes, beats) for notes in strung(pieces, round(seconds * BPM / 60) * TICKS_PER_QUARTER)]
    return [_row("people", people), _row("solos", solos)]


def _row(who: str, forms: Sequence[Form | None]) -> dict[str, object]:
    found = [form for form in forms if form]
    row: dict[str, object] = {"who": who, "count": len(found)}
    for name in ("come_back", "same_rhythm", "density", "closes"):
        values = [getattr(form, name) for form in found]
        half = 1.96 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 1.0
        row[name.replace("_", " ")] = f"{fmean(values):.2f} ± {half:.2f}" if values else ""
    return row
