"""A stream of music, with the shipped model: forwards, ahead, and back."""

from typing import cast

import numpy as np
import pytest

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import END, FIRST_PITCH, FRAME_END, FRAME_TICKS
from livegen.engine.repetition import Guard
from livegen.engine.sampler import Sampler
from livegen.engine.token_stream import Continuation
from livegen.events import Note, NoteOn, Ticked
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import Logits, State, Stepper, Tokens
from livegen.music.key import Key
from livegen.settings import Sampling

CODEC = ChoraleCodec()
LIKELIEST = Sampling(temperature=1, top_k=1, top_p=1)
MELODY = [Note(0, 72, 960), Note(960, 74, 960), Note(1920, 76, 1920)]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("bach")


def told(bundle: Bundle, seed: int = 0, sampling: Sampling = LIKELIEST, guard: Guard | None = None) -> Continuation:
    """A continuation that knows the melody."""
    continuation = Continuation(bundle.stepper, bundle.codec, Sampler(sampling, seed))
    prompt = bundle.codec.prompt(MELODY, continuation.cursor, Key(0))
    continuation.begin(prompt)
    while not continuation.tell(prompt, most_tokens=7):
        pass
    return continuation


def imagined(continuation: Continuation, frames: int) -> list[Ticked]:
    return [ticked for _ in range(frames) for ticked in continuation.imagine()]


def test_a_phrase_is_told_up_to_its_last_tick(bundle: Bundle) -> None:
    assert told(bundle).cursor.tick == 3840


def test_guessing_ahead_changes_nothing_that_is_chosen(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = imagined(told(bundle), 48)

    monkeypatch.setattr(bundle.codec, "guess", lambda cursor: ())

    assert imagined(told(bundle), 48) == ahead


def test_going_back_leads_to_the_same_music_again(bundle: Bundle) -> None:
    continuation = told(bundle)
    imagined(continuation, 10)
    first = imagined(continuation, 20)

    continuation.retract(3840 + 10 * FRAME_TICKS)

    assert imagined(continuation, 20) == first


def test_after_going_back_the_odds_are_those_of_a_straight_run(bundle: Bundle) -> None:
    back, straight = told(bundle), told(bundle)
    imagined(straight, 5)
    imagined(back, 25)

    back.retract(straight.cursor.tick)

    assert back.cursor == straight.cursor
    assert np.allclose(back._logits(), straight._logits(), atol=1e-4)


def test_a_guess_is_always_allowed(bundle: Bundle) -> None:
    continuation = told(bundle, sampling=Sampling(temperature=1, top_p=1))
    guesses = 0
    for _ in range(100):
        continuation.imagine()
        cursor = continuation.cursor
        for token in bundle.codec.guess(cursor):
            assert bundle.codec.mask(cursor)[token]
            cursor, _ = bundle.codec.step(cursor, token)
            guesses += token == FRAME_END

    assert guesses > 20


class Silent:
    """A network that would rather close each frame than write a note in it."""

    def initial(self) -> State:
        return {"state.nothing": np.zeros((1, 1))}

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        logits[..., FIRST_PITCH:] = 1
        logits[..., FRAME_END] = 5
        return logits, dict(state)


def test_the_guard_leads_out_of_a_loop_and_going_back_takes_its_count_back() -> None:
    looping, watched = (
        Continuation(cast(Stepper, Silent()), CODEC, Sampler(LIKELIEST, 0), guard=guard)
        for guard in (None, Guard(longest_run=8))
    )

    silence, music = imagined(looping, 40), imagined(watched, 40)
    watched.retract(4 * FRAME_TICKS)
    again = imagined(watched, 36)

    assert silence == []
    assert next(ticked.tick // FRAME_TICKS for ticked in music if isinstance(ticked.event, NoteOn)) == 9
    assert again == music


class Ending(Silent):
    """A network that would end every piece at once."""

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        logits[..., END] = 9
        return logits, dict(state)


def test_a_network_that_would_only_end_goes_on_in_time() -> None:
    continuation = Continuation(cast(Stepper, Ending()), CODEC, Sampler(LIKELIEST, 0))

    imagined(continuation, 3)

    assert continuation.cursor.tick == 3 * FRAME_TICKS


class Parallel(Silent):
    """A network that likes parallel fifths: 67 over 60, then 69 over 62."""

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        logits[..., [CODEC.note_token(pitch, tied=False) for pitch in (69, 62)]] = (5, 4)
        logits[..., FRAME_END] = 3
        return logits, dict(state)


@pytest.mark.parametrize(("strikes_faults", "expected"), [(True, (69,)), (False, (69, 62))])
def test_faults_are_struck_out_by_setting(strikes_faults: bool, expected: tuple[int, ...]) -> None:  # noqa: FBT001
    continuation = Continuation(cast(Stepper, Parallel()), CODEC, Sampler(LIKELIEST, 0), strikes_faults=strikes_faults)
    prompt = CODEC.prompt([Note(0, pitch, FRAME_TICKS) for pitch in (67, 60, 55, 48)], continuation.cursor, Key(0))
    continuation.begin(prompt)
    while not continuation.tell(prompt, 1):
        pass

    continuation.imagine()

    assert continuation.cursor.sounding == expected


@pytest.mark.parametrize("seed", range(4))
def test_the_guard_touches_no_music_that_does_not_loop(bundle: Bundle, seed: int) -> None:
    free, watched = (
        Continuation(bundle.stepper, bundle.codec, Sampler(Sampling(temperature=0.9, top_p=0.95), seed), guard=guard)
        for guard in (None, Guard(longest_run=48))
    )

    assert imagined(watched, 100) == imagined(free, 100)
