"""How often the metre and the tempo of a phrase are heard right."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.corpora.metred import Metred
from export.measures.interval import wilson
from export.metre.performed import TEMPOS, Performed, excerpt, perform
from livegen.clock import NS_PER_S
from livegen.music.metre_detection import hear_metre

SAME_TEMPO = 0.03  # a tempo that is no further off is right; so are half and double of it
_REELS, _WALTZES, _SONGS, _HYMNS = 20, 20, 40, 20
_SWINGS = (1.5, 2.2)
_COUNTED = ("jig", "hornpipe", "waltz", "swing", "song")


@dataclass(frozen=True, slots=True)
class Heard:
    """A phrase, and whether its metre and its tempo were heard right."""

    kind: str
    name: str
    metre: str  # as it was heard
    is_metre: bool
    is_tempo: bool
    swing: float


def phrases(test: Mapping[str, Sequence[Metred]], bars: int, seed: int) -> Iterator[tuple[str, Performed]]:
    """The held-out phrases: the first ``bars`` bars of a tune, or as many from a bar of a song, drawn by chance."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(test["reel"]))
    for kind, most in (("jig", None), ("hornpipe", None), ("waltz", _WALTZES), ("hymn", _HYMNS)):
        for piece in test[kind][:most]:
            yield from _tune(kind, piece, bars, chance)
    for index, at in enumerate(order[: 2 * _REELS]):
        swing = 1.0 if index >= _REELS else _SWINGS[0] + (_SWINGS[1] - _SWINGS[0]) * index / (_REELS - 1)
        yield from _tune("reel" if index >= _REELS else "swing", test["reel"][at], bars, chance, swing=swing)
    for name in chance.permutation(sorted({piece.name[:3] for piece in test["song"]}))[:_SONGS]:
        parts = [piece for piece in test["song"] if piece.name.startswith(name)]
        for _ in range(20):
            piece = parts[int(chance.integers(len(parts)))]
            first = int(chance.integers(max(1, len(piece.beat_s) // piece.bars.beats - bars)))
            if phrase := excerpt(piece, first, bars):
                yield "song", phrase
                break


def _tune(
    kind: str, piece: Metred, bars: int, chance: np.random.Generator, *, swing: float = 1.0
) -> Iterator[tuple[str, Performed]]:
    bpm = chance.uniform(*TEMPOS[piece.kind])
    if phrase := perform(piece, 0, bars, bpm, chance, swing=swing):
        yield kind, phrase


def hear(kind: str, phrase: Performed) -> Heard:
    """What the ear hears in it."""
    piece = phrase.piece
    heard = hear_metre(*phrase.notes)
    ratio = heard.tempo.beat_ns / NS_PER_S / phrase.beat_s
    is_tempo = min(abs(ratio / octave - 1) for octave in (0.5, 1, 2)) < SAME_TEMPO
    is_metre = str(heard.bars) == str(piece.bars)
    return Heard(kind, piece.name, str(heard.bars), is_metre, is_tempo, heard.tempo.swing)


def table(found: Iterable[Heard]) -> list[dict[str, object]]:
    """A row for each kind of phrase, and one for those of ``_COUNTED``."""
    rows: list[dict[str, object]] = []
    heard = list(found)
    kinds = [*Counter(each.kind for each in heard)]
    for name, members in (*((kind, {kind}) for kind in kinds), ("these: " + ", ".join(_COUNTED), _COUNTED)):
        own = [each for each in heard if each.kind in members]
        rows.append(
            {
                "phrases": name,
                "count": len(own),
                **{
                    what: _in_words(sum(getattr(each, f"is_{what}") for each in own), len(own))
                    for what in ("metre", "tempo")
                },
                "swung": sum(each.swing != 1 for each in own),
            }
        )
    return rows


def _in_words(right: int, count: int) -> str:
    if not count:
        return "none"
    share, low, high = wilson(right, count)
    return f"{100 * share:.1f} % ({100 * low:.0f} to {100 * high:.0f})"
