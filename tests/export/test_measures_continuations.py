"""Continuations: a scripted network goes on from openings, and each row is on its own."""

from dataclasses import replace

import numpy as np
import pytest

from export.corpora.work import Piece, Split
from export.measures.continuations import MOST_TOKENS, Choice, Plan, generate, openings
from export.measures.music import Music
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.notes import END, FIRST_PITCH, START, NotesCodec, NotesCursor
from livegen.engine.repetition import RepetitionGuard
from livegen.events import Note, Ticked
from livegen.settings import Sampling

CODEC = NotesCodec()
VOCAB = len(CODEC.vocabulary)
SURE = Sampling(temperature=1, top_k=1, top_p=1)
FREE = Sampling(temperature=1, top_p=1)
C = FIRST_PITCH + 60 - CODEC.low


class Rising:
    """Goes up a semitone from the token heard last, its state counting what it heard; a little likes every token."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def begin(self, batch: int) -> Arrays:
        return {"heard": np.zeros((batch, 1), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        self.batches.append(len(tokens))
        logits = np.zeros((*tokens.shape, VOCAB), np.float32)
        logits[:, -1, END] = -100
        np.put_along_axis(logits, np.minimum(tokens + 1, VOCAB - 1)[:, :, None], 5, axis=2)
        return logits, {"heard": state["heard"] + 1}


class Stuck(Rising):
    """Repeats the token heard last, a semitone up being the next best."""

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        logits, after = super().step(tokens, state)
        np.put_along_axis(logits, tokens[:, :, None], 9, axis=2)
        return logits, after


def piece(name: str, *pitches: int) -> Piece:
    return Piece(name, np.array([START, *(FIRST_PITCH + pitch - CODEC.low for pitch in pitches), END]))


def tokens_of(music: list[Music]) -> list[list[int]]:
    return [[token for event in one.events for token in event.tokens] for one in music]


def test_continuation_goes_on_from_its_opening() -> None:
    told = [[START, C], [START, C, C + 4, C + 7]]

    music = generate(Rising(), CODEC, told, Choice(SURE), Plan(events=3))

    assert tokens_of(music) == [[C + 1, C + 2, C + 3], [C + 8, C + 9, C + 10]]
    assert [[note.pitch for note in one.notes] for one in music] == [[61, 62, 63], [68, 69, 70]]


def test_row_that_is_long_enough_leaves_the_batch() -> None:
    network = Rising()

    generate(network, CODEC, [[START, C], [START, C, C, C]], Choice(SURE), Plan(events=2))

    assert network.batches == [2, 2, 2, 1, 1]


def test_row_that_stays_keeps_its_own_state() -> None:
    class Faithful(Rising):
        """Repeats the first note that it heard."""

        def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
            first = np.where(state["heard"] == START, tokens, state["heard"])
            logits = np.zeros((*tokens.shape, VOCAB), np.float32)
            np.put_along_axis(logits, first[:, :, None], 9, axis=2)
            return logits, {"heard": first}

    told = [[START, C], [START, C + 7, C, C]]

    music = generate(Faithful(), CODEC, told, Choice(SURE), Plan(events=2))

    assert tokens_of(music) == [[C, C], [C + 7, C + 7]]


def test_same_seed_gives_the_same_music_whatever_is_in_the_batch() -> None:
    told = [[START, C]] * 3
    alone = generate(Rising(), CODEC, told[:1], Choice(FREE), Plan(events=20, seed=7))

    together = generate(Rising(), CODEC, told, Choice(FREE), Plan(events=20, seed=7))

    assert tokens_of(together)[:1] == tokens_of(alone)
    assert len({tuple(line) for line in tokens_of(together)}) == 3


def test_guard_leads_out_of_a_loop() -> None:
    told = [[START, C]]

    free = generate(Stuck(), CODEC, told, Choice(SURE), Plan(events=12))
    guarded = generate(Stuck(), CODEC, told, Choice(SURE, RepetitionGuard(4)), Plan(events=12))

    assert tokens_of(free) == [[C] * 12]
    assert tokens_of(guarded) == [[C] * 4 + [C + 1] * 5 + [C + 2] * 3]


def test_faults_are_struck_out() -> None:
    codec = ChoraleCodec()
    told = codec.encode([Note(0, 72, 240), Note(0, 65, 240), Note(240, 74, 240)])[:-2]  # then a fifth below is a fault
    fifth = codec.note_token(67, tied=False)

    class Parallel(Rising):
        def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
            logits = np.zeros((*tokens.shape, len(codec.vocabulary)), np.float32)
            logits[:, :, fifth] = 9
            return logits, {"heard": state["heard"] + 1}

    (music,) = generate(Parallel(), codec, [told], Choice(SURE), Plan(events=1))

    assert fifth not in music.events[0].tokens


def test_openings_are_of_held_out_pieces_in_turn_and_of_fur_elise() -> None:
    split = Split(
        train=(piece("Elise", 76, 75, 76, 75), piece("known", 50, 51, 52)),
        valid=(piece("valid", 70, 71, 72),),
        test_tokens=np.empty(0, np.int64),
        test=(piece("test", 60, 61, 62), piece("short")),
    )

    told = openings(CODEC, split, Plan(count=12, opening=2))

    elise, test, valid = ([int(token) for token in piece("", *pitches).tokens[:3]] for pitches in PITCHES)
    assert told == [elise, valid, test, valid, test, valid, test, valid, test, valid, elise, valid]


PITCHES = ((76, 75), (60, 61), (70, 71))


def test_model_that_writes_nothing_but_marks_is_stopped() -> None:
    class Marks(NotesCodec):
        def step(self, cursor: NotesCursor, token: int) -> tuple[NotesCursor, tuple[Ticked, ...]]:
            return replace(cursor, is_inside=True), ()

    (music,) = generate(Rising(), Marks(), [[START]], Choice(SURE), Plan(events=2))

    assert [event.is_mark for event in music.events] == [True] * 2 * MOST_TOKENS


@pytest.mark.parametrize("count", [1, 60])
def test_every_opening_gets_its_continuation(count: int) -> None:
    music = generate(Rising(), CODEC, [[START, C]] * count, Choice(FREE), Plan(events=2))

    assert [len(one.events) for one in music] == [2] * count
