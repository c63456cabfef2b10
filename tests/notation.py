"""Exported files in other programs: their bars are where they were heard, and where they were played.

    python -m tests.notation --folder F [--only SCENE] [--musescore mscore3] [--lilypond lilypond]

Each scene is played to livegen with a shipped model: sessions of a daemon, exported with ``livegen session export``,
and files of ``livegen render`` and ``livegen harmonise``. Each file is opened by mido, MuseScore (Debian: musescore3)
and LilyPond (Debian: lilypond). It exits with 0 if

- each phrase begins on the beat of a bar on which it was played, its notes are on their beats, and key, time signature
  and tempo are those in which it was played. Of a phrase with an upbeat it is only printed where it was heard;
- each of the player's notes is at the place in its bar at which livegen heard it, as far as livegen told it;
- MuseScore and LilyPond put every note, the machine's too, into the bar and on the beat that mido reads, under the same
  signs, and MuseScore has a part for each track, under its name.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import mido

from livegen.clock import NS_PER_S
from livegen.events import TICKS_PER_QUARTER, ControlChange, Event, NoteOff, NoteOn, SongPosition, Transport, to_bytes
from livegen.ipc.marks import marks_of
from livegen.music.metre import Metre
from livegen.realtime import CARRYING, lower_thread, raise_thread
from livegen.recording.format import Session, read_session
from livegen.recording.tracks import track
from livegen.terminal import show
from livegen.tools.harmonise_file import NAMES
from tests.support.notation_programs import (
    Onset,
    Written,
    differences,
    in_one_octave,
    read_by_lilypond,
    read_by_mido,
    read_by_musescore,
)
from tests.support.recital import Recital, recital
from tests.test_cli import livegen

_DETACHED = 0.85  # a note sounds for this part of its length
_TEMPO = 0.02  # by which a tempo may differ from the one that was played: hands, and this machine, are no clocks
_PULSES = 24  # of a MIDI clock, to the quarter
_PATIENCE_S = 30
_PEDAL = 64

_LATE_S = 0.03  # an event that is played later is not where it should be
_TRIES = 10

Timeline = Callable[[float], float]  # when a quarter of a phrase is due, in s
Score = list[tuple[float, Event]]  # what is played, and when


class TooLate(Exception):
    """An event was not played when it was due."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is played: pitches and their quarters; the key and the metre in which it is to be heard.

    ``first``: the quarter of its bar on which it begins; where that is not 0, it has an upbeat. ``at``: the quarter of
    the clock's song, or of the file, on which it begins. ``bar``: of the file that is written, counted from 1, where
    there is only one that is right.
    """

    notes: tuple[tuple[int, float], ...]
    beat_s: float
    fifths: int
    beats: int = 4
    first: int = 0
    at: int = 0
    bar: int | None = None
    channel: int = 0

    @property
    def onsets(self) -> list[float]:
        """Quarters from its beginning, of each note."""
        return list(accumulate((length for _, length in self.notes[:-1]), initial=0.0))

    def score(self, due: Timeline, *, jitter_s: float = 0, has_pedal: bool = False) -> Score:
        """Its note-ons and note-offs; ``jitter_s``: the standard deviation of the onsets."""
        drawn = random.Random(1)
        score: Score = [(due(0) - 0.03, ControlChange(_PEDAL, 127, self.channel))] if has_pedal else []
        for onset, (pitch, length) in zip(self.onsets, self.notes, strict=True):
            score.append((due(onset) + drawn.gauss(0, jitter_s), NoteOn(pitch, 80, self.channel)))
            score.append((due(onset + length * _DETACHED), NoteOff(pitch, self.channel)))
        return [*score, (score[-1][0] + 0.02, ControlChange(_PEDAL, 0, self.channel))] if has_pedal else score


@dataclass(frozen=True, slots=True)
class Made:
    """A file that livegen has written; of an export also the session."""

    path: Path
    session: Session | None = None
    tracks: tuple[str, ...] = ("player", "machine")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played, and how ``make`` makes a file of it, in a folder."""

    phrases: tuple[Phrase, ...]
    make: Callable[[Path, Sequence[Phrase]], Made]


def in_quarters(*pitches: int) -> tuple[tuple[int, float], ...]:
    """A quarter each but for the last, which has two."""
    return (*((pitch, 1.0) for pitch in pitches[:-1]), (pitches[-1], 2.0))


def as_waltz(*pitches: int) -> tuple[tuple[int, float], ...]:
    """A half and a quarter by turns, the last a dotted half."""
    return (*((pitch, 2.0 - index % 2) for index, pitch in enumerate(pitches[:-1])), (pitches[-1], 3.0))


# Sessions.


def session(program: Callable[[Recital, Sequence[Phrase]], None], **sections: dict[str, Any]) -> Callable[..., Made]:
    """A session in which ``program`` is played, exported."""

    def make(folder: Path, phrases: Sequence[Phrase]) -> Made:
        settings = {**sections, "play": {"seed": 1}, "daemon": {"realtime": True}}
        raise_thread(CARRYING)  # the player, where the system allows it
        try:
            recital(folder, lambda on: program(on, phrases), **settings)
        finally:
            lower_thread()
        path = max(folder.glob("*.session"))
        exported = folder / "exported.mid"
        run("session", "export", path.stem, str(exported), "--folder", str(folder))
        run("session", "picture", path.stem, str(exported.with_suffix(".png")), "--folder", str(folder))
        return Made(exported, read_session(path))

    return make


def run(*arguments: str) -> None:
    """A command of livegen, which must succeed."""
    done = livegen(*arguments)
    if done.returncode:
        raise SystemExit(f"livegen {' '.join(arguments)}: {done.stderr}")


def steady(begin_s: float, beat_s: float) -> Timeline:
    """A tempo that does not change."""
    return lambda quarter: begin_s + quarter * beat_s


def play(on: Recital, score: Score) -> None:
    """Each event at its moment of ``time.monotonic``; TooLate when this machine has no time for it."""
    for at_s, event in sorted(score, key=lambda placed: placed[0]):
        time.sleep(max(at_s - time.monotonic(), 0))
        if time.monotonic() - at_s > _LATE_S:
            raise TooLate
        on.play(event)


def wait_for_answer(on: Recital, begun: int) -> None:
    """Until more than ``begun`` events have been sent, and the machine is silent."""
    until = time.monotonic() + _PATIENCE_S
    while len(on.machine) <= begun:
        if time.monotonic() > until:
            raise SystemExit("a phrase is not answered")
        time.sleep(0.05)
    on.wait_for_rest()


def by_hand(
    on: Recital, phrases: Sequence[Phrase], *, rest_s: float = 0, jitter_s: float = 0, has_pedal: bool = False
) -> None:
    """Without a clock: each phrase until it is answered, with a rest between two."""
    for number, phrase in enumerate(phrases):
        time.sleep(rest_s if number else 0)
        begun = len(on.machine)
        due = steady(time.monotonic() + 0.1, phrase.beat_s)
        play(on, phrase.score(due, jitter_s=jitter_s, has_pedal=has_pedal))
        wait_for_answer(on, begun)


def on_own_clock(on: Recital, phrases: Sequence[Phrase]) -> None:
    """On the pulses that livegen sends to its output."""
    while not (pulses := [timed for timed in list(on.ports.output.sent) if timed.event is Transport.CLOCK]):
        time.sleep(0.01)
    for phrase in phrases:
        begun = len(on.machine)
        begin_s = pulses[0].at_ns / NS_PER_S + phrase.at * phrase.beat_s
        play(on, phrase.score(steady(begin_s, phrase.beat_s)))
        wait_for_answer(on, begun)


@dataclass(frozen=True, slots=True)
class Run:
    """A clock that runs from a quarter of its song on; how long each quarter is, in s."""

    quarter: int
    beats_s: tuple[float, ...]


def on_midi_clock(on: Recital, phrases: Sequence[Phrase], *, runs: Sequence[tuple[Run, int]]) -> None:
    """On a clock that we send: in each run so many phrases."""
    rest = list(phrases)
    for clock, count in runs:
        begin_s = time.monotonic() + 0.5
        moments = list(accumulate(clock.beats_s, initial=begin_s))
        where = Transport.CONTINUE if clock.quarter else Transport.START
        score: Score = [(begin_s - 0.02, SongPosition(clock.quarter * 4)), (begin_s - 0.01, where)]
        for at_s, beat_s in zip(moments, clock.beats_s, strict=False):
            score += [(at_s + pulse * beat_s / _PULSES, Transport.CLOCK) for pulse in range(_PULSES)]

        def due(quarter: float, phrase: Phrase, clock: Run = clock, moments: Sequence[float] = moments) -> float:
            whole, part = divmod(phrase.at - clock.quarter + quarter, 1)
            return moments[int(whole)] + part * clock.beats_s[int(whole)]

        for phrase in rest[:count]:
            score += phrase.score(partial(due, phrase=phrase))
        play(on, [*score, (moments[-1], Transport.STOP)])
        rest = rest[count:]
    time.sleep(1)


# Files.


def write_source(path: Path, phrases: Sequence[Phrase], *, has_metre: bool) -> None:
    """A file with phrases, each at its own tempo, on the quarter at which it begins, with time signatures or not."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    signs: list[tuple[int, mido.MetaMessage]] = []
    notes: list[tuple[int, mido.Message]] = []
    for phrase in phrases:
        tick = 480 * phrase.at
        signs.append((tick, mido.MetaMessage("set_tempo", tempo=round(phrase.beat_s * 1_000_000))))
        if has_metre:
            signs.append((tick, mido.MetaMessage("time_signature", numerator=phrase.beats, denominator=4)))
        for quarter, event in phrase.score(lambda quarter: quarter):
            notes.append((tick + round(quarter * 480), mido.Message.from_bytes(to_bytes(event))))
    signs[0] = (0, signs[0][1])
    for messages in (signs, notes):
        ticks = [0, *(tick for tick, _ in messages)]
        waits = (after - before for before, after in pairwise(ticks))
        file.tracks.append(mido.MidiTrack(m.copy(time=wait) for (_, m), wait in zip(messages, waits, strict=True)))
    file.save(path)


def rendered(folder: Path, phrases: Sequence[Phrase]) -> Made:
    """A file without time signatures, answered by ``livegen render``."""
    source, target = folder / "source.mid", folder / "rendered.mid"
    write_source(source, phrases, has_metre=False)
    run("render", str(source), str(target), "--seed", "1", "--picture", str(folder / "rendered.png"))
    return Made(target)


def harmonised(folder: Path, phrases: Sequence[Phrase]) -> Made:
    """A melody whose metre changes, harmonised by ``livegen harmonise``."""
    source, target = folder / "source.mid", folder / "harmonised.mid"
    write_source(source, phrases, has_metre=True)
    run("harmonise", str(source), str(target))
    return Made(target, tracks=NAMES)


# What is compared.


def as_played(written: Written, phrases: Sequence[Phrase]) -> list[str]:
    """Where the player's track differs from what was played."""
    found, rest = [], written
    for number, phrase in enumerate(phrases, start=1):
        mine, rest = rest[: len(phrase.notes)], rest[len(phrase.notes) :]
        begin, signs = mine[0]
        if phrase.bar and begin.bar + 1 != phrase.bar:
            found.append(f"phrase {number}: it begins in bar {begin.bar + 1}, not {phrase.bar}")
        expected = [
            Onset(begin.bar + int(at // phrase.beats), at % phrase.beats, pitch)
            for at, (pitch, _) in zip((phrase.first + at for at in phrase.onsets), phrase.notes, strict=True)
        ]
        heard = (
            f"phrase {number}: bar {begin.bar + 1}, quarter {begin.quarter + 1:g} of {signs.beats[0]}/{signs.beats[1]}"
        )
        show(f"{heard}, {signs.tempo_bpm:.2f} bpm, {signs.fifths} fifths")
        if phrase.first:
            show(f"phrase {number}: it was played from quarter {phrase.first + 1} of {phrase.beats}/4 on")
            continue
        if [onset for onset, _ in mine] != expected:
            found.append(f"phrase {number}: the notes are at {[onset for onset, _ in mine]}, not at {expected}")
        if signs.beats != (phrase.beats, 4):
            found.append(f"phrase {number}: {signs.beats}, not {phrase.beats}/4")
        if signs.fifths != phrase.fifths:
            found.append(f"phrase {number}: {signs.fifths} fifths, not {phrase.fifths}")
        if abs(signs.tempo_bpm * phrase.beat_s / 60 - 1) > _TEMPO:
            found.append(f"phrase {number}: {signs.tempo_bpm:.2f} bpm, not {60 / phrase.beat_s:.2f}")
    return [*found, *(f"{onset} was not played" for onset, _ in rest)]


def as_heard(written: Written, session: Session) -> list[str]:
    """Where the player's notes are at other places of their bars than livegen told."""
    metres = [mark for mark in marks_of(session) if isinstance(mark, Metre)]
    onsets = [timed for timed in track(session, "player") if isinstance(timed.event, NoteOn)]
    found = []
    for (onset, signs), timed in zip(written, onsets, strict=True):
        metre = [metre for metre in metres if metre.at_ns <= timed.at_ns + metre.beat_ns // 8][-1]
        quarter = (metre.tick / TICKS_PER_QUARTER + (timed.at_ns - metre.at_ns) / metre.beat_ns) % metre.beats_per_bar
        heard = (round(quarter * 4) / 4) % metre.beats_per_bar
        if (onset.quarter, signs.beats[0]) != (heard, metre.beats_per_bar):
            found.append(f"{onset} in {signs.beats} was heard on {heard} of {metre.beats_per_bar}")
    return found


# At 100 and 86 bpm, where a tempo is heard as it is played: uneven hands at 120 bpm are often heard at half the tempo.
G_IN_FOUR = Phrase(in_quarters(67, 69, 71, 72, 71, 69, 67), 0.6, 1)  # a hymn would be heard with its upbeat
F_IN_FOUR = Phrase(in_quarters(65, 67, 69, 70, 69, 67, 65), 0.7, -1)
G_IN_THREE = Phrase(as_waltz(67, 69, 71, 69, 67, 66, 64, 66, 67), 0.6, 1, beats=3)
F_IN_THREE = Phrase(as_waltz(65, 67, 69, 70, 72, 70, 69, 67, 65), 0.7, -1, beats=3)
UPBEAT_IN_FOUR = replace(G_IN_FOUR, notes=((62, 1.0), *G_IN_FOUR.notes), first=3)
UPBEAT_IN_THREE = replace(G_IN_THREE, notes=((62, 1.0), *G_IN_THREE.notes), first=2)


RITARDANDO = (*(0.5,) * 24, *(0.5 + 0.02 * step for step in range(8)), *(0.66,) * 28)
SCENES = {
    "4/4": Scene((G_IN_FOUR, F_IN_FOUR), session(by_hand)),
    "3/4": Scene((G_IN_THREE, F_IN_THREE), session(by_hand)),
    "3/4 and 4/4": Scene((G_IN_THREE, F_IN_FOUR), session(by_hand)),
    "upbeats": Scene((UPBEAT_IN_FOUR, UPBEAT_IN_THREE), session(by_hand)),
    "uneven hands": Scene((G_IN_FOUR, F_IN_FOUR), session(partial(by_hand, jitter_s=0.02))),
    "a pedal and two channels": Scene(
        (replace(G_IN_FOUR, bar=1), replace(F_IN_FOUR, channel=1)),
        session(partial(by_hand, has_pedal=True), time={"beats_per_bar": 4}),
    ),
    "minutes of silence": Scene((G_IN_FOUR, F_IN_FOUR), session(partial(by_hand, rest_s=150))),
    "the internal clock": Scene(
        (replace(G_IN_THREE, beat_s=0.5, at=6, bar=1), replace(F_IN_THREE, beat_s=0.5, at=48, bar=15)),
        session(on_own_clock, time={"clock": "internal", "send_clock": True, "tempo_bpm": 120, "beats_per_bar": 3}),
    ),
    "a MIDI clock": Scene(
        (
            replace(G_IN_FOUR, beat_s=0.5, at=4, bar=1),
            replace(F_IN_FOUR, at=36, beat_s=0.66, bar=9),
            replace(G_IN_FOUR, at=104),
        ),
        session(
            partial(on_midi_clock, runs=((Run(0, RITARDANDO), 2), (Run(100, (0.6,) * 28), 1))),
            time={"clock": "midi"},
        ),
    ),
    "render": Scene(
        (replace(G_IN_FOUR, at=3, bar=2), replace(F_IN_THREE, at=50), replace(G_IN_FOUR, at=700)), rendered
    ),
    "harmonise": Scene(
        (replace(G_IN_FOUR, at=0, bar=1), replace(G_IN_THREE, at=12, bar=4), replace(G_IN_FOUR, at=30, bar=10)),
        harmonised,
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Play, export, open, compare: scene by scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", choices=SCENES, action="append")
    parser.add_argument("--musescore", default="mscore3")
    parser.add_argument("--lilypond", default="lilypond")
    options = parser.parse_args(arguments)
    found = []
    for number, name in enumerate(SCENES):
        if name in (options.only or SCENES):
            show(f"{name}:")
            made = in_time(SCENES[name], options.folder / f"{number}")
            new = faults(made, SCENES[name].phrases, options.musescore, options.lilypond)
            show("\n".join(new) or "no difference")
            found += new
    return bool(found)


def in_time(scene: Scene, folder: Path) -> Made:
    """A scene in which every event was played when it was due, in a folder for each try."""
    for number in range(_TRIES):
        here = folder / f"{number}"
        here.mkdir(parents=True)
        try:
            return scene.make(here, scene.phrases)
        except TooLate:
            show("this machine was too busy to play in time; again")
    raise SystemExit("this machine is too busy to play in time")


def faults(made: Made, phrases: Sequence[Phrase], musescore: str, lilypond: str) -> list[str]:
    """All differences of a file."""
    voices = read_by_mido(made.path)
    found = [f"mido: {fault}" for fault in as_played(voices[0], phrases)]
    if made.session:
        found += [f"mido: {fault}" for fault in as_heard(voices[0], made.session)]
    every = [note for voice in voices for note in voice]
    names, by_musescore = read_by_musescore(made.path, musescore)
    by_lilypond = in_one_octave(read_by_lilypond(made.path, lilypond))
    found += [f"MuseScore: {fault}" for fault in differences(by_musescore, every, _TEMPO)]
    found += [f"MuseScore: no part is called {name}" for name in made.tracks if not any(name in each for each in names)]
    found += [f"LilyPond: {fault}" for fault in differences(by_lilypond, in_one_octave(every), _TEMPO)]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
