"""A stream of music, with the shipped model: forwards, ahead, and back."""

import numpy as np
import pytest

from livegen.codecs.chorale import FRAME_END
from livegen.codecs.frames import FRAME_TICKS
from livegen.events import Note, Ticked
from livegen.imagine.bundle import Bundle, load_bundle
from livegen.imagine.continuation import Continuation
from livegen.imagine.sampler import Sampler
from livegen.settings import Sampling

LIKELIEST = Sampling(temperature=1, top_k=1, top_p=1)
MELODY = [Note(0, 72, 960), Note(960, 74, 960), Note(1920, 76, 1920)]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("bach")


def told(bundle: Bundle, seed: int = 0, sampling: Sampling = LIKELIEST) -> Continuation:
    """A continuation that knows the melody."""
    continuation = Continuation(bundle.stepper, bundle.codec, Sampler(sampling, seed))
    prompt = bundle.codec.prompt(MELODY, continuation.cursor)
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
