"""A melody in, four voices out."""

from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FERMATA, FRAME_END, START
from livegen.codecs.voice_leading import parallel
from livegen.errors import LivegenError
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.files.midi_file import Score, read_score, write_score
from livegen.files.midi_tracks import Tempo, TimeSignature
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.key import Key
from livegen.tools.harmonise_file import Harmony, Search, frames_of, harmonise, harmonise_file, melody_of
from tests.support.midi_bytes import END, at, header, track, write

BEAT = TICKS_PER_QUARTER
CODEC = ChoraleCodec()
TUNES = {
    "in C": ((72, 1), (74, 1), (76, 1), (77, 1), (76, 1), (74, 1), (72, 2)),
    "in A minor, with eighths": ((69, 1), (71, 0.5), (72, 0.5), (74, 1), (72, 1), (71, 1), (69, 2)),
    "with a rest": ((67, 1), (71, 1), (0, 1.5), (74, 0.5), (72, 2)),
    "far down": ((45, 1), (47, 1), (48, 2)),
}


def tune(*steps: tuple[int, float], tick: int = 0) -> list[Note]:
    """Notes of (pitch, beats) one after the other; pitch 0 is a rest."""
    notes = []
    for pitch, beats in steps:
        if pitch:
            notes.append(Note(tick, pitch, int(beats * BEAT)))
        tick += int(beats * BEAT)
    return notes


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("bach")


def searched(bundle: Bundle, melody: list[Note], beam: int) -> Harmony:
    return Search(bundle.stepper, CODEC, frames_of(melody)).best(beam, lambda done, whole: None)


@pytest.mark.parametrize("name", TUNES)
def test_four_voices_sound_wherever_the_melody_does(bundle: Bundle, name: str) -> None:
    melody = tune(*TUNES[name])

    voices, _ = harmonise(bundle, CODEC, melody, Key(0), 2, lambda done, whole: None)

    sounding = [{at for note in voice for at in range(note.onset, note.end, BEAT // 4)} for voice in voices]
    assert voices[0] == melody
    assert sounding == [sounding[0]] * 4
    assert all(len(voice) == len({note.onset for note in voice}) for voice in voices)


@pytest.mark.parametrize("name", TUNES)
def test_a_beam_is_never_less_likely_than_greed(bundle: Bundle, name: str) -> None:
    melody = tune(*TUNES[name])
    home = CODEC.shift(Key(0), [note.pitch for note in melody])
    melody = [Note(note.onset, note.pitch + home, note.duration) for note in melody]

    greedy, *beams = (searched(bundle, melody, beam).nats for beam in (1, 2, 5))

    assert all(greedy <= beam < 0 for beam in beams)


def test_a_way_is_as_likely_as_the_network_says(bundle: Bundle) -> None:
    found = searched(bundle, tune(*TUNES["in C"]), 3)

    logits, _ = bundle.stepper.step(np.array([found.tokens[:-1]], np.int64), bundle.stepper.initial())
    logits = logits[0].astype(np.float64)
    nats = (
        logits
        - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
        - logits.max(1, keepdims=True)
    )
    assert found.nats == pytest.approx(nats[np.arange(len(nats)), found.tokens[1:]].sum(), abs=1e-2)


def test_greed_takes_the_likeliest_token_that_the_melody_allows(bundle: Bundle) -> None:
    melody = frames_of(tune(*TUNES["in C"]))
    search = Search(bundle.stepper, CODEC, melody)
    tokens = search.best(1, lambda done, whole: None).tokens

    cursor, state, taken = CODEC.begin(), bundle.stepper.initial(), [tokens[0]]
    while len(taken) < len(tokens):
        cursor, _ = CODEC.step(cursor, taken[-1])
        logits, state = bundle.stepper.step(np.array([taken[-1:]], np.int64), state)
        taken.append(int(np.where(search.mask(cursor), logits[0, -1], -np.inf).argmax()))

    assert tuple(taken) == tokens


def test_a_voice_that_would_make_a_parallel_with_the_melody_is_struck_out(bundle: Bundle) -> None:
    search = Search(bundle.stepper, CODEC, frames_of([Note(0, 72, BEAT // 4), Note(BEAT // 4, 74, BEAT // 4)]))
    cursor, _ = CODEC.step(CODEC.begin(), START)
    for token in (*(CODEC.note_token(pitch, tied=False) for pitch in (72, 65, 60, 53)), FRAME_END):
        cursor, _ = CODEC.step(cursor, token)
    cursor, _ = CODEC.step(cursor, CODEC.note_token(74, tied=False))

    mask = search.mask(cursor)

    allowed = [pitch for pitch in range(60, 80) if mask[CODEC.note_token(pitch, tied=False)]]
    assert allowed == [pitch for pitch in range(60, 74) if pitch != 67]  # 72 over 65 is a fifth, and so is 74 over 67


def test_no_two_voices_move_in_parallel_fifths_or_octaves(bundle: Bundle) -> None:
    voices, _ = harmonise(bundle, CODEC, tune(*TUNES["in C"]), Key(0), 2, lambda done, whole: None)

    chords = [
        [next(note.pitch for note in voice if note.onset <= at < note.end) for voice in voices]
        for at in range(0, voices[0][-1].end, BEAT // 4)
    ]
    moves = [
        parallel((before[above], now[above]), (before[below], now[below]))
        for before, now in pairwise(chords)
        for above in range(4)
        for below in range(above + 1, 4)
    ]
    assert [move for move in moves if move is not None] == []


def test_the_last_note_stands_under_a_fermata(bundle: Bundle) -> None:
    tokens = searched(bundle, tune(*TUNES["in C"]), 1).tokens

    ends = [place for place, token in enumerate(tokens) if token == FRAME_END]
    assert [tokens[before + 1] for before in ends[-9:-1]] == [FERMATA] * 8


def test_of_chords_the_highest_note_is_the_melody() -> None:
    chord = [Note(0, pitch, 2 * BEAT) for pitch in (60, 64, 67)]
    under = [Note(BEAT, 62, BEAT)]
    after = [Note(2 * BEAT, 65, BEAT)]

    assert melody_of([*chord, *under, *after]) == [Note(0, 67, 2 * BEAT), Note(2 * BEAT, 65, BEAT)]


def test_a_note_that_comes_in_above_cuts_the_one_before() -> None:
    assert melody_of([Note(0, 60, 4 * BEAT), Note(BEAT, 64, BEAT)]) == [Note(0, 60, BEAT), Note(BEAT, 64, BEAT)]


def test_gaps_shorter_than_a_beat_are_closed_and_rests_stay() -> None:
    played = [Note(0, 60, BEAT // 2), Note(BEAT + 20, 62, BEAT), Note(4 * BEAT, 64, BEAT)]

    assert melody_of(played) == [Note(0, 60, BEAT), Note(BEAT, 62, BEAT), Note(4 * BEAT, 64, BEAT)]


def test_a_file_becomes_four_tracks_and_a_picture_and_the_same_bytes_again(tmp_path: Path) -> None:
    melody = tune((74, 1), (76, 1), (78, 1), (79, 1), (78, 2), tick=2 * BEAT)
    write_score(tmp_path / "in.mid", [("melody", melody)], Score(tuple(melody)))

    said = [harmonise_file(tmp_path / "in.mid", tmp_path / f"{n}.mid", beam=2, report=lambda *_: None) for n in "ab"]

    notes = read_score(tmp_path / "a.mid").notes
    highest = {at: max(n.pitch for n in notes if n.onset == at) for at in (note.onset for note in melody)}
    assert highest == {note.onset: note.pitch for note in melody}
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "5 notes in D major" in said[0]


def test_the_machines_answer_in_a_file_is_no_melody(tmp_path: Path) -> None:
    melody, answer = tune((74, 1), (76, 1), (78, 1), (79, 1), (78, 2)), tune((86, 1), (88, 1), tick=8 * BEAT)
    write_score(tmp_path / "in.mid", [("player", melody), ("machine", answer)], Score(tuple(melody)))

    said = harmonise_file(tmp_path / "in.mid", tmp_path / "out.mid", report=lambda *_: None)

    assert ": 5 notes in" in said


def test_a_model_that_writes_no_chorales_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(LivegenError, match=r"model 'folk-char' cannot add voices to a melody; give a chorale model"):
        harmonise_file(tmp_path / "in.mid", tmp_path / "out.mid", model="folk-char", report=lambda *_: None)


def test_the_file_has_the_bars_of_the_melody_and_the_key_that_was_found(tmp_path: Path) -> None:
    melody = tune((74, 1), (76, 1), (78, 1), (79, 1), (78, 2), tick=BEAT)
    signs = (TimeSignature(0, 3, 4), Tempo(0, 600_000), Tempo(3 * BEAT, 300_000))
    write_score(tmp_path / "in.mid", [("melody", melody)], Score(tuple(melody), signs))
    write_score(tmp_path / "bare.mid", [("melody", melody)], Score(tuple(melody)))

    for name in ("in", "bare"):
        harmonise_file(tmp_path / f"{name}.mid", tmp_path / f"{name}-4.mid", report=lambda *_: None)

    assert told(tmp_path / "in-4.mid") == ["D", (3, 4), 600_000, 300_000]
    assert told(tmp_path / "bare-4.mid") == ["D", 500_000, (4, 4)]


def told(path: Path) -> list[object]:
    """The key, the time signatures and the tempos of a file, in order."""
    said: list[object] = []
    for message in mido.MidiFile(path).tracks[0]:
        match message.dict():
            case {"type": "key_signature", "key": key}:
                said.append(key)
            case {"type": "time_signature", "numerator": beats, "denominator": unit}:
                said.append((beats, unit))
            case {"type": "set_tempo", "tempo": tempo_us}:
                said.append(tempo_us)
    return said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"melody", "not a Standard MIDI File"),
    ],
)
def test_what_is_no_melody_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "in.mid").write_bytes(content)

    with pytest.raises(LivegenError, match=said):
        harmonise_file(tmp_path / "in.mid", tmp_path / "out.mid", report=lambda *_: None)
    assert not (tmp_path / "out.mid").exists()


def test_a_file_without_notes_is_refused(tmp_path: Path) -> None:
    write_score(tmp_path / "in.mid", [("melody", [])], Score(()))

    with pytest.raises(LivegenError, match="has no notes"):
        harmonise_file(tmp_path / "in.mid", tmp_path / "out.mid", report=lambda *_: None)


def test_a_key_that_is_struck_again_before_its_note_off_is_written_is_a_note_of_its_own(tmp_path: Path) -> None:
    steps = [
        at(480 * bool(n), 0x90, 60 + n // 4, 80) + (at(0, 0x80, 60 + n // 4, 0) if n % 4 else b"") for n in range(8)
    ]
    steps.insert(4, at(480, 0x80, 60, 0))
    source = write(tmp_path / "in.mid", header(), track(*steps, at(480, 0x80, 61, 0), END))

    said = harmonise_file(source, tmp_path / "out.mid", report=lambda *_: None)

    assert ": 8 notes in" in said


@pytest.mark.parametrize("taken", ["out.mid", "out.png"])
def test_neither_the_music_nor_the_picture_is_written_over_the_melody(tmp_path: Path, taken: str) -> None:
    write_score(tmp_path / "in.mid", [("melody", tune((60, 1)))], Score(()))
    (tmp_path / taken).hardlink_to(tmp_path / "in.mid")

    with pytest.raises(LivegenError, match="write to another name"):
        harmonise_file(tmp_path / "in.mid", tmp_path / "out.mid", report=lambda *_: None)
