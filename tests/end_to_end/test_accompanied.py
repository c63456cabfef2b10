"""Sopranos of chorales that the model never saw, harmonised note by note on real ports.

The first notes of one by default; ten whole ones by LIVEGEN_CHORALES=10. Parallels are counted beside Bach's own.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from export import corpora
from export.voice_leading import Chord, parallels
from livegen.clock import NS_PER_MS
from livegen.codecs.chorale import ChoraleCodec
from livegen.events import Timed
from tests.engine.test_answers import score
from tests.support.jack_stage import Played, hanging, notes, stage, wait_for_quiet

CHORALES = int(os.environ.get("LIVEGEN_CHORALES", "0"))
TEMPO_BPM = 100.0
FEW = 12  # notes, where no number is asked for
pytestmark = [pytest.mark.jack, pytest.mark.timed, pytest.mark.usefixtures("jack_server")]


def test_the_sopranos_of_chorales_are_harmonised_in_four_voices(tmp_path: Path) -> None:
    codec = ChoraleCodec()
    pieces = corpora.load("bach-chorales", "chorale").split.test[: CHORALES or 1]
    chords: list[list[Chord]] = []
    with stage("harmony", tmp_path, "--role", "harmonise", "--tempo", str(TEMPO_BPM)) as on:
        for piece in pieces:
            played = soprano_of(piece.tokens.tolist(), codec)[: None if CHORALES else FEW]
            heard, before = len(on.receiver.events()), len(on.player.events())
            on.player.play(score(played, TEMPO_BPM))
            wait_for_quiet(on.receiver, quiet_ms=1_000)
            chords.append(list(sounding(on.player.events()[before:], on.receiver.events()[heard:])))
        events = on.receiver.events()

    four = [len(chord) == 4 for piece in chords for chord in piece]
    crossed = [any(lower > upper for upper, lower in pairwise(chord)) for piece in chords for chord in piece]
    ours = [parallels(unbroken(piece)) for piece in chords]
    report(
        ours,
        [parallels(bach_of(p.tokens.tolist(), codec)[: len(c)]) for p, c in zip(pieces, chords, strict=True)],
        four,
        crossed,
    )
    assert hanging(events) == Counter()
    assert sum(four) >= 0.97 * len(four)
    assert sum(crossed) <= 0.01 * len(crossed)


def sounding(player: Sequence[Timed], machine: Sequence[Timed]) -> Iterable[Chord]:
    """What sounds 60 ms after each note of the melody: the melody first, the voices from the top down."""
    voices = notes(machine)
    for note in notes(player):
        at_ns = note.onset_ns + 60 * NS_PER_MS
        below = sorted((v.pitch for v in voices if is_sounding(v, at_ns)), reverse=True)
        yield (note.pitch, *below)


def is_sounding(note: Played, at_ns: int) -> bool:
    return note.onset_ns <= at_ns and (note.end_ns is None or note.end_ns > at_ns)


def unbroken(chords: Iterable[Chord]) -> list[Chord]:
    """Chords of four voices; another is a rest, which no parallel leads over."""
    return [chord if len(chord) == 4 else () for chord in chords]


def bach_of(tokens: Iterable[int], codec: ChoraleCodec) -> list[Chord]:
    """Bach's own chords at the onsets of his soprano."""
    cursor, chords = codec.begin(), list[Chord]()
    for token in tokens:
        written = cursor.notes
        cursor, _ = codec.step(cursor, token)
        if cursor.is_whole and written and not written[0][1]:
            chords.append(cursor.sounding)
    return unbroken(chords)


def soprano_of(tokens: Iterable[int], codec: ChoraleCodec) -> list[tuple[int, int]]:
    """(pitch, sixteenths) of the highest voice."""
    cursor, melody = codec.begin(), list[tuple[int, int]]()
    for token in tokens:
        written, before = cursor.notes, cursor.tick
        cursor, _ = codec.step(cursor, token)
        if cursor.tick == before or not written:
            continue
        pitch, tied = written[0]
        if tied and melody and melody[-1][0] == pitch:
            melody[-1] = (pitch, melody[-1][1] + 1)
        else:
            melody.append((pitch, 1))
    return melody


def report(
    ours: Sequence[tuple[int, int, int]],
    bachs: Sequence[tuple[int, int, int]],
    four: Sequence[bool],
    crossed: Sequence[bool],
) -> None:
    """The figures, in pytest's output with -s."""
    for name, counted in (("ours", ours), ("Bach's", bachs)):
        changes, fifths, octaves = (sum(figures) for figures in zip(*counted, strict=True))
        rates = f"{1000 * fifths / changes:.1f} fifths, {1000 * octaves / changes:.1f} octaves"
        sys.stdout.write(f"\n{name}: parallel {rates} per 1,000 of {changes} changes")
    sys.stdout.write(
        f"\nfour voices {100 * sum(four) / len(four):.1f} %, melody crossed {100 * sum(crossed) / len(four):.2f} %"
    )
