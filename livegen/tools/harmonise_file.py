"""Adds alto, tenor and bass to a melody: the likeliest voices, by greedy search or by beam search.

The melody is the soprano of every frame; under each of its notes the network writes three more voices. Greedy search
takes the likeliest token that the melody allows (BachBot: Liang 2016, section 5.3); beam search keeps several
candidates, as proposed there, and continues with the likeliest of all their expansions. A candidate's log-probability
is the sum over all of its tokens, the melody's included.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FERMATA, FIRST_PITCH, FRAME_END, FRAME_TICKS, START, VOICES, ChoraleCursor
from livegen.codecs.vocabulary import Mask
from livegen.engine.best_of_n import Branch, Candidate, search
from livegen.engine.checkpoint import beginning
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER, Note, Timed
from livegen.files.bar_map import BarMap, with_defaults
from livegen.files.midi_file import SUFFIXES, Score, events_of, read_score, write_score
from livegen.files.midi_tracks import KeySignature
from livegen.files.piano_roll import draw_roll
from livegen.files.target import PICTURE, check_target
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import Stepper
from livegen.music.key import Key, find_key, parse_key
from livegen.terminal import Report

NAMES = ("soprano", "alto", "tenor", "bass")
_LOWEST = 21  # a piano's lowest pitch
_LONGEST_GAP = TICKS_PER_QUARTER  # a shorter gap between two notes is articulation, not a rest

_Candidate = Candidate[ChoraleCursor]
Melody = Sequence[tuple[int, bool] | None]  # for each frame (pitch, tied); None is a rest


@dataclass(frozen=True, slots=True)
class Harmony:
    """The tokens of a melody with its harmony, and their log-probability."""

    tokens: tuple[int, ...]  # from START on, complete frames
    nats: float  # log-probability, at most 0


def harmonise_file(
    source: Path, target: Path, *, model: str = "bach", beam: int = 1, key: str | None = None, report: Report
) -> str:
    """Write the melody of a MIDI file in four voices, a track each, and a picture beside it; return a line about it.

    ``report`` gets the count of frames done, and of all frames.
    """
    picture = target.with_suffix(".png")
    check_target(target, SUFFIXES, source)
    check_target(picture, PICTURE, source)
    bundle = load_bundle(model)
    codec = bundle.codec
    if not isinstance(codec, ChoraleCodec):
        raise SettingsError(f"model '{model}' cannot add voices to a melody; give a chorale model: bach")
    score = read_score(source, of_player=True)
    melody = melody_of(score.notes)
    home = parse_key(key) if key else find_key([(note.pitch, note.duration / TICKS_PER_QUARTER) for note in melody])
    voices, _ = harmonise(bundle, codec, melody, home, beam, report)
    signs = (KeySignature(0, home), *with_defaults(score.signs))
    write_score(target, list(zip(NAMES, voices, strict=True)), Score(score.notes, signs))
    bars = BarMap(signs)
    soprano, others = (_timed(part, bars) for part in (voices[:1], voices[1:]))
    draw_roll(picture, soprano, others, f"{source.name}, harmonised by {model}", bars)
    return f"{target}: {len(melody)} notes in {home}, three voices added; a picture: {picture}"


def harmonise(
    bundle: Bundle, codec: ChoraleCodec, melody: Sequence[Note], key: Key, beam: int, report: Report
) -> tuple[list[list[Note]], Harmony]:
    """The four voices, the highest first, of a melody in ``key``, and the harmony that they are from."""
    shift = codec.shift(key, [note.pitch for note in melody])
    begin = melody[0].onset
    frames = frames_of(
        [replace(note, onset=note.onset - begin, pitch=codec.fold(note.pitch + shift)) for note in melody]
    )
    harmony = Search(bundle.stepper, codec, frames).best(beam, report)
    written = voices_of(codec, harmony.tokens)
    added = [[_moved(note, begin, -shift) for note in voice] for voice in written[1:]]
    return [list(melody), *added], harmony


def melody_of(notes: Iterable[Note]) -> list[Note]:
    """The highest voice, on a grid of sixteenths: a note sounds until it ends, or until one begins that is not lower.

    Gaps shorter than a beat are closed.
    """
    melody: list[Note] = []
    for note in sorted(map(_on_grid, notes), key=lambda note: (note.onset, -note.pitch)):
        before = melody[-1] if melody else None
        if before and before.end > note.onset and (before.pitch > note.pitch or before.onset == note.onset):
            continue
        if before and note.onset - before.end < _LONGEST_GAP:
            melody[-1] = replace(before, duration=note.onset - before.onset)
        melody.append(note)
    return melody


def frames_of(melody: Sequence[Note]) -> Melody:
    """A melody, its first note at tick 0, as frames of a sixteenth."""
    frames: list[tuple[int, bool] | None] = [None] * (melody[-1].end // FRAME_TICKS)
    for note in melody:
        for frame in range(note.onset // FRAME_TICKS, note.end // FRAME_TICKS):
            frames[frame] = (note.pitch, frame > note.onset // FRAME_TICKS)
    return frames


def voices_of(codec: ChoraleCodec, tokens: Iterable[int]) -> list[list[Note]]:
    """The notes of each voice, the highest first; in each frame all voices must sound, or none."""
    cursor, voices = codec.begin(), [list[Note]() for _ in range(VOICES)]
    for token in tokens:
        if token == FRAME_END:
            for voice, (pitch, tied) in zip(voices, cursor.notes, strict=False):
                if tied:
                    voice[-1] = replace(voice[-1], duration=voice[-1].duration + FRAME_TICKS)
                else:
                    voice.append(Note(cursor.tick, pitch, FRAME_TICKS))
        cursor, _ = codec.step(cursor, token)
    return voices


class Search:
    """Searches for the likeliest harmony of one melody; the same melody gives the same harmony."""

    def __init__(self, stepper: Stepper, codec: ChoraleCodec, melody: Melody) -> None:
        self._stepper, self._codec, self._melody = stepper, codec, melody
        self._last_onset = max(frame for frame, note in enumerate(melody) if note and not note[1])

    def best(self, beam: int, report: Report) -> Harmony:
        """The likelier result of beam search and greedy search: a beam is never worse than none."""
        widths = sorted({1, beam})
        whole = len(widths) * len(self._melody)
        found = []
        for turn, width in enumerate(widths):
            found.append(self._run(width, lambda done, turn=turn: report(turn * len(self._melody) + done, whole)))  # type: ignore[misc]
        return max(found, key=lambda harmony: harmony.nats)

    def mask(self, cursor: ChoraleCursor) -> Mask:
        """Tokens that keep the melody on top and three voices below it, each tied to its own last pitch only."""
        frame = self._melody[cursor.tick // FRAME_TICKS]
        if not frame:
            return self._codec.vocabulary.only(FRAME_END)
        if not cursor.notes:
            return self._top(cursor, *frame)
        mask = self._codec.mask(cursor)
        rank = len(cursor.notes)
        if rank == VOICES:
            return mask
        for pitch in cursor.sounding[:rank] + cursor.sounding[rank + 1 :]:
            mask[self._codec.note_token(pitch, tied=True)] = False
        lowest = self._codec.low + VOICES - 1 - rank  # leaves pitches for the voices below
        mask[FRAME_END] = False
        mask[FIRST_PITCH : self._codec.note_token(lowest, tied=False)] = False
        voice_leading_errors = self._codec.voice_leading_errors(cursor)
        better = mask if voice_leading_errors is None else mask & ~voice_leading_errors
        return better if better.any() else mask

    def _top(self, cursor: ChoraleCursor, pitch: int, tied: bool) -> Mask:  # noqa: FBT001 (as in a frame)
        """The melody's note; a fermata before it where the network chooses one, and over the last note always."""
        is_tied = tied and pitch in cursor.sounding
        if not cursor.is_whole:
            return self._codec.vocabulary.only(self._codec.note_token(pitch, tied=is_tied))
        if cursor.tick // FRAME_TICKS >= self._last_onset:
            return self._codec.vocabulary.only(FERMATA)
        mask = self._codec.vocabulary.only(self._codec.note_token(pitch, tied=is_tied))
        mask[FERMATA] = True
        return mask

    def _run(self, width: int, report: Callable[[int], None]) -> Harmony:
        """Search voice by voice: only candidates with equally many voices of a frame are compared."""
        begin = beginning(self._codec, self._stepper.initial(), is_guarded=False)
        beam = [Candidate(begin).after(self._codec, START)]
        for frame in range(len(self._melody)):
            for written in range(1, VOICES + 2):  # the voices, then the frame end
                advance, expand = partial(self._advance, frame, written), partial(self._expand, width)
                beam = search(self._stepper, beam, advance, expand, width)
            report(frame + 1)
        return Harmony(beam[0].tokens, beam[0].nats)

    def _advance(self, frame: int, written: int, candidate: _Candidate) -> tuple[_Candidate, Mask | None]:
        cursor = candidate.checkpoint.cursor
        is_there = cursor.tick > frame * FRAME_TICKS or len(cursor.notes) >= written
        return candidate, None if is_there else self.mask(cursor)

    def _expand(self, width: int, branches: Sequence[Branch[ChoraleCursor]]) -> Iterator[_Candidate]:
        """The likeliest ``width`` expansions of all branches."""
        nats = _log_softmax(np.stack([branch.logits for branch in branches]).astype(np.float64))
        masks = np.stack([branch.mask for branch in branches])
        sums = np.where(masks, nats + np.array([[branch.candidate.nats] for branch in branches]), -np.inf)
        order = np.argsort(-sums, axis=None, kind="stable")[: min(width, int(masks.sum()))]
        for row, token in zip(*np.unravel_index(order, sums.shape), strict=True):
            yield branches[row].candidate.after(self._codec, int(token), float(nats[row, token]))


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised


def _on_grid(note: Note) -> Note:
    onset, end = ((tick + FRAME_TICKS // 2) // FRAME_TICKS * FRAME_TICKS for tick in (note.onset, note.end))
    return replace(note, onset=onset, duration=max(FRAME_TICKS, end - onset))


def _moved(note: Note, ticks: int, semitones: int) -> Note:
    pitch = note.pitch + semitones
    pitch += 12 * max(0, -((pitch - _LOWEST) // 12))
    return replace(note, onset=note.onset + ticks, pitch=pitch)


def _timed(voices: Sequence[Sequence[Note]], bars: BarMap) -> list[Timed]:
    events = [event for channel, voice in enumerate(voices) for event in events_of(voice, channel)]
    events.sort(key=lambda ticked: ticked.tick)
    return [Timed(bars.ns_at(event.tick), event.event) for event in events]
