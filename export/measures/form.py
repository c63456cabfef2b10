"""The form of long music: which bars come back, how bars repeat a rhythm, how much their density varies.

A bar is so many beats from the beginning of the music: four, of tunes two. It *comes back* when its highest line
(onsets in the bar and pitches) is that of an earlier one; bars without an onset are left out. *Rhythm*: the onsets of
the bar before. *Density*: the standard deviation of onsets in a bar, in parts of their mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, pstdev, stdev

from export.measures.continuations import Each
from export.measures.played import notes_of
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.midi_out.offline import OfflinePlayer
from livegen.model.bundle import Bundle
from livegen.music.skyline import skyline
from livegen.settings import Play, Settings, Time

BPM = 100.0
_BAR_BEATS = {"abc": 2}
_STEP_NS = 50 * NS_PER_MS
_GRID = TICKS_PER_QUARTER // 12
_FEWEST = 8  # bars

_Bar = tuple[tuple[int, int], ...]  # (onset in the bar, pitch) of each note


@dataclass(frozen=True, slots=True)
class Form:
    """Of one piece or solo, from 0 to 1, and the density's variation."""

    come_back: float
    same_rhythm: float
    density: float


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
    return Form(back / len(bars), same, pstdev(counts) / fmean(counts))


def bars_of(notes: Iterable[Note], beats: int) -> list[_Bar]:
    """The bars in which a note begins, in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for note in notes:
        onset = (note.onset + _GRID // 2) // _GRID * _GRID
        bar, within = divmod(onset, beats * TICKS_PER_QUARTER)
        found.setdefault(bar, []).append((within, note.pitch))
    return [tuple(sorted(found[bar])) for bar in sorted(found)]


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
    people = [form_of(notes, beats) for notes in pieces]
    return [_row("people", people), _row("solos", solos)]


def _row(who: str, forms: Sequence[Form | None]) -> dict[str, object]:
    found = [form for form in forms if form]
    row: dict[str, object] = {"who": who, "count": len(found)}
    for name in ("come_back", "same_rhythm", "density"):
        values = [getattr(form, name) for form in found]
        half = 1.96 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 1.0
        row[name.replace("_", " ")] = f"{fmean(values):.2f} ± {half:.2f}" if values else ""
    return row
