"""A stream of music, with the shipped model: forwards, ahead, and back."""

from typing import cast

import numpy as np
import pytest

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import END, FIRST_PITCH, FRAME_END, FRAME_TICKS
from livegen.engine.repetition import RepetitionGuard
from livegen.engine.sampler import Sampler
from livegen.engine.token_stream import TokenStream
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


def told(
    bundle: Bundle, seed: int = 0, sampling: Sampling = LIKELIEST, repetition: RepetitionGuard | None = None
) -> TokenStream:
    """A token stream that was given the melody."""
    stream = TokenStream(bundle.stepper, bundle.codec, Sampler(sampling, seed))
    prompt = bundle.codec.prompt(MELODY, stream.cursor, Key(0))
    stream.begin(prompt)
    while not stream.prime(prompt, most_tokens=7):
        pass
    return stream


def imagined(stream: TokenStream, frames: int) -> list[Ticked]:
    return [ticked for _ in range(frames) for ticked in stream.imagine()]


def test_a_phrase_is_told_up_to_its_last_tick(bundle: Bundle) -> None:
    assert told(bundle).cursor.tick == 3840


def test_guessing_ahead_changes_nothing_that_is_chosen(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = imagined(told(bundle), 48)

    monkeypatch.setattr(bundle.codec, "draft_tokens", lambda cursor: ())

    assert imagined(told(bundle), 48) == ahead


def test_going_back_leads_to_the_same_music_again(bundle: Bundle) -> None:
    stream = told(bundle)
    imagined(stream, 10)
    first = imagined(stream, 20)

    stream.retract(3840 + 10 * FRAME_TICKS)

    assert imagined(stream, 20) == first


def test_after_going_back_the_odds_are_those_of_a_straight_run(bundle: Bundle) -> None:
    back, straight = told(bundle), told(bundle)
    imagined(straight, 5)
    imagined(back, 25)

    back.retract(straight.cursor.tick)

    assert back.cursor == straight.cursor
    assert np.allclose(back._logits(), straight._logits(), atol=1e-4)


def test_a_guess_is_always_allowed(bundle: Bundle) -> None:
    stream = told(bundle, sampling=Sampling(temperature=1, top_p=1))
    guesses = 0
    for _ in range(100):
        stream.imagine()
        cursor = stream.cursor
        for token in bundle.codec.draft_tokens(cursor):
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
        TokenStream(cast(Stepper, Silent()), CODEC, Sampler(LIKELIEST, 0), repetition=repetition)
        for repetition in (None, RepetitionGuard(longest_run=8))
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
    stream = TokenStream(cast(Stepper, Ending()), CODEC, Sampler(LIKELIEST, 0))

    imagined(stream, 3)

    assert stream.cursor.tick == 3 * FRAME_TICKS


class Parallel(Silent):
    """A network that likes parallel fifths: 67 over 60, then 69 over 62."""

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        logits[..., [CODEC.note_token(pitch, tied=False) for pitch in (69, 62)]] = (5, 4)
        logits[..., FRAME_END] = 3
        return logits, dict(state)


@pytest.mark.parametrize(("avoids_errors", "expected"), [(True, (69,)), (False, (69, 62))])
def test_faults_are_struck_out_by_setting(avoids_errors: bool, expected: tuple[int, ...]) -> None:  # noqa: FBT001
    stream = TokenStream(cast(Stepper, Parallel()), CODEC, Sampler(LIKELIEST, 0), avoids_errors=avoids_errors)
    prompt = CODEC.prompt([Note(0, pitch, FRAME_TICKS) for pitch in (67, 60, 55, 48)], stream.cursor, Key(0))
    stream.begin(prompt)
    while not stream.prime(prompt, 1):
        pass

    stream.imagine()

    assert stream.cursor.sounding == expected


@pytest.mark.parametrize("seed", range(4))
def test_the_guard_touches_no_music_that_does_not_loop(bundle: Bundle, seed: int) -> None:
    free, watched = (
        TokenStream(
            bundle.stepper, bundle.codec, Sampler(Sampling(temperature=0.9, top_p=0.95), seed), repetition=repetition
        )
        for repetition in (None, RepetitionGuard(longest_run=48))
    )

    assert imagined(watched, 100) == imagined(free, 100)
