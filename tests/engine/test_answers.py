"""Phrases of chorale sopranos that the model never saw, twenty in all twelve transpositions, answered on real ports.

The judge is a receiver in a process of its own; key and tempo are those that the daemon says it found.
"""

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from export import corpora
from export.corpora.work import Piece
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.chorale import ChoraleCodec
from livegen.events import NoteOff, NoteOn, to_bytes
from livegen.music.key import parse_key
from tests.support.amounts import amounts
from tests.support.jack_stage import Played, Stage, hanging, notes, stage, wait_for, wait_for_quiet

PHRASES = 20  # of which some are played every day
Melody = list[tuple[int, int]]  # (pitch, sixteenths)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A phrase as it was played, its answer as it arrived, and what the daemon said of it."""

    phrase: list[Played]
    answer: list[Played]
    scale: frozenset[int]
    tempo_bpm: float

    @property
    def relative_length(self) -> float:
        """The answer's length in phrase lengths."""
        return lasts_ns(self.answer) / lasts_ns(self.phrase)

    @property
    def share_in_scale(self) -> float:
        """Of the answer's notes."""
        return sum(note.pitch % 12 in self.scale for note in self.answer) / len(self.answer)

    @property
    def furthest_off_beat_ms(self) -> float:
        """The largest distance of an answer's onset from the sixteenths of the tempo found."""
        sixteenth_ns = 15 * NS_PER_S / self.tempo_bpm
        distances = [distance(note.onset_ns - self.phrase[0].onset_ns, sixteenth_ns) for note in self.phrase]
        phase = sum(distances) / len(distances)  # where the phrase itself lies
        from_begin = [note.onset_ns - self.phrase[0].onset_ns - phase for note in self.answer]
        return max(abs(distance(onset_ns, sixteenth_ns)) for onset_ns in from_begin) / NS_PER_MS


def lasts_ns(played: list[Played]) -> int:
    return max(note.end_ns or 0 for note in played) - played[0].onset_ns


def distance(at_ns: float, grid_ns: float) -> float:
    """From the nearest multiple of ``grid_ns``, signed."""
    return (at_ns + grid_ns / 2) % grid_ns - grid_ns / 2


def soprano_phrases(piece: Piece, codec: ChoraleCodec) -> list[Melody]:
    """The highest voice from fermata to fermata."""
    cursor, phrases, melody = codec.begin(), [], []
    for token in piece.tokens.tolist():
        notes_of_frame, was_fermata = cursor.notes, cursor.under_fermata
        before = cursor.tick
        cursor, _ = codec.step(cursor, token)
        if cursor.tick == before or not notes_of_frame:
            continue
        if was_fermata and not cursor.under_fermata:
            phrases.append(melody)
            melody = []
        pitch, tied = notes_of_frame[0]
        if tied and melody and melody[-1][0] == pitch:
            melody[-1] = (pitch, melody[-1][1] + 1)
        else:
            melody.append((pitch, 1))
    return [phrase for phrase in [*phrases, melody] if 6 <= len(phrase) <= 12]


def score(melody: Melody, tempo_bpm: float) -> list[tuple[float, list[int]]]:
    """(delay in ms, bytes) of a melody played a little detached."""
    sixteenth_ms = 15_000 / tempo_bpm
    events: list[tuple[float, list[int]]] = []
    rest_ms = 0.0
    for pitch, sixteenths in melody:
        events.append((rest_ms, list(to_bytes(NoteOn(pitch, 80)))))
        events.append((sixteenths * sixteenth_ms * 0.9, list(to_bytes(NoteOff(pitch)))))
        rest_ms = sixteenths * sixteenth_ms * 0.1
    return events


def unseen_melodies() -> list[Melody]:
    """One in each of the twelve transpositions, and on from there."""
    codec = ChoraleCodec()
    pieces = corpora.load("bach-chorales", "chorale").split.test
    found = [phrase for piece in pieces for phrase in soprano_phrases(piece, codec)]
    chosen = random.Random(20).sample(found, PHRASES)
    return [[(pitch + index % 12 - 6, length) for pitch, length in melody] for index, melody in enumerate(chosen)]


def exchange(on: Stage, melody: Melody, tempo_bpm: float) -> Exchange:
    def heard() -> list[str]:
        return [line for line in on.daemon.lines() if "heard" in line]

    said = len(heard())
    played, answered = len(on.player.events()), len(on.receiver.events())
    on.player.play(score(melody, tempo_bpm))
    line = wait_for(lambda: heard()[said:], "a phrase that was heard")[0]
    wait_for(lambda: len(on.receiver.events()) > answered, "an answer")
    wait_for_quiet(on.receiver, quiet_ms=4 * 60_000 / tempo_bpm)
    match = re.fullmatch(r"heard \d+ notes, (.+), (\d+\.\d+) bpm, \d+/[48].*", line)
    assert match, line
    return Exchange(
        notes(on.player.events()[played:]),
        notes(on.receiver.events()[answered:]),
        parse_key(match[1]).scale,
        float(match[2]),
    )


@pytest.mark.jack
@pytest.mark.timed
@pytest.mark.usefixtures("jack_server")
@amounts("phrases", everyday=3, whole=PHRASES)
def test_unseen_phrases_are_answered_in_their_key_on_their_beat_at_their_length(phrases: int, tmp_path: Path) -> None:
    tempos = random.Random(7)
    melodies = unseen_melodies()
    with stage("sopranos", tmp_path) as on:
        exchanges = [
            exchange(on, melodies[index * PHRASES // phrases], tempos.uniform(96, 132)) for index in range(phrases)
        ]
        events = on.receiver.events()

    assert [bool(e.answer) for e in exchanges] == [True] * phrases
    assert hanging(events) == Counter()
    assert [e for e in exchanges if e.answer[0].onset_ns <= (e.phrase[-1].end_ns or 0)] == []
    assert [e.relative_length for e in exchanges if not 0.5 <= e.relative_length <= 2] == []
    assert [e.share_in_scale for e in exchanges if e.share_in_scale < 0.85] == []
    assert [e.furthest_off_beat_ms for e in exchanges if e.furthest_off_beat_ms > 30] == []
    record(exchanges)


def record(exchanges: list[Exchange]) -> None:
    """The figures, in pytest's output with -s."""
    for name in ("relative_length", "share_in_scale", "furthest_off_beat_ms"):
        values = sorted(getattr(e, name) for e in exchanges)
        print(f"\n{name}: from {values[0]:.2f} by {values[len(values) // 2]:.2f} to {values[-1]:.2f}", end="")  # noqa: T201
