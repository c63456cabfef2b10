"""Dialogues to listen to: three phrases that people know, each answered, for every model and seed.

The phrases and the seeds were chosen before anything was heard, and all of what came out is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import MACHINE, write_midi
from livegen.files.piano_roll import draw_roll
from livegen.model.bundle import load_bundle
from livegen.music.metre import Mark
from livegen.settings import Play, Settings
from livegen.shipped import shipped_models
from livegen.tools.render import converse

SEEDS = (1, 2, 3)
_Melody = Sequence[tuple[int, int]]  # pitches, each with its length in eighths
# Old Hundredth (Louis Bourgeois, Geneva Psalter, 1551), two lines
_HYMN: _Melody = tuple(
    zip(
        (67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69),
        (2, 2, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2, 4),
        strict=True,
    )
)
# The Irish Washerwoman (traditional; in print since 1792), its first part
_JIG_PITCHES = (
    *(74, 72, 71, 67, 67, 62, 67, 67, 71, 67, 71, 74, 72, 71, 72, 69, 69, 64, 69, 69, 72, 69, 72, 76, 74, 72),
    *(71, 67, 67, 62, 67, 67, 71, 67, 71, 74, 72, 71, 72, 71, 72, 69, 74, 72, 71, 67, 67),
)
_JIG: _Melody = (*((pitch, 1) for pitch in _JIG_PITCHES), (67, 2))
# Ludwig van Beethoven, Ninth Symphony, 1824: the first lines of the Ode to Joy
_ODE: _Melody = (
    *((pitch, 2) for pitch in (64, 64, 65, 67, 67, 65, 64, 62, 60, 60, 62, 64)),
    *((64, 3), (62, 1), (62, 4)),
    *((pitch, 2) for pitch in (64, 64, 65, 67, 67, 65, 64, 62, 60, 60, 62, 64)),
    *((62, 3), (60, 1), (60, 4)),
)
_PHRASES: tuple[tuple[_Melody, int], ...] = ((_HYMN, 330), (_JIG, 190), (_ODE, 260))  # ms of an eighth
_WAITS_NS = 18 * NS_PER_S  # for an answer, from the end of one phrase to the next
_DETACHED = 0.9


def phrases() -> Iterator[Timed]:
    """The three phrases, one after the other, with time for an answer after each."""
    at_ns = NS_PER_S
    for melody, eighth_ms in _PHRASES:
        for pitch, eighths in melody:
            length_ns = eighths * eighth_ms * NS_PER_MS
            yield Timed(at_ns, NoteOn(pitch, 80))
            yield Timed(at_ns + round(length_ns * _DETACHED), NoteOff(pitch))
            at_ns += length_ns
        at_ns += _WAITS_NS


def write_dialogues(folder: Path, report: Callable[[int, int], None]) -> list[Path]:
    """A MIDI file and a picture for each shipped model and seed; return their paths, without the suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(model, seed) for model in sorted(shipped_models()) for seed in SEEDS]
    for done, (model, seed) in enumerate(wanted):
        report(done, len(wanted))
        _write(folder / f"{model}-{seed}", model, seed)
    report(len(wanted), len(wanted))
    return [folder / f"{model}-{seed}" for model, seed in wanted]


def _write(path: Path, model: str, seed: int) -> None:
    player, marks = list(phrases()), list[Mark]()
    machine = converse(
        Engine(load_bundle(model), Settings(play=Play(model=model, seed=seed))), player, mark=marks.append
    )
    bars = lay_bars(marks, 0, is_fixed=True)
    write_midi(path.with_suffix(".mid"), [("player", player), (MACHINE, machine)], bars)
    draw_roll(path.with_suffix(".png"), player, machine, f"{model}, seed {seed}", bars)
