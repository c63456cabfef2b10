"""Every shipped model answers a keyboard: on real ports, within its grammar, with nothing left sounding."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from livegen.engine.sampler import Sampler
from livegen.engine.token_stream import TokenStream
from livegen.events import Note
from livegen.model.bundle import load_bundle
from livegen.settings import Sampling
from livegen.shipped import shipped_models
from tests.support.amounts import amounts
from tests.support.jack_stage import hanging, melody, stage, wait_for, wait_for_quiet

MODELS = sorted(shipped_models())
PHRASES = (
    melody((67, 69, 71, 67, 71, 72, 74, 74), beat_ms=250),
    melody((76, 75, 76, 75, 76, 71, 74, 72, 69), beat_ms=180),  # the opening of Für Elise
    melody((60, 62, 64, 65, 67, 67), beat_ms=300),
)


def test_seven_models_are_shipped() -> None:
    assert MODELS == ["bach", "elise-bilstm", "elise-gru", "folk-char", "folk-lstm", "piano-lstm", "touch"]


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
@pytest.mark.parametrize("model", MODELS)
@amounts("phrases", everyday=1, whole=len(PHRASES))
def test_a_shipped_model_answers_phrases_and_ends_every_note(model: str, phrases: int, tmp_path: Path) -> None:
    answers = []
    with stage(model, tmp_path, "--model", model) as on:
        for phrase in PHRASES[:phrases]:
            before = len(on.receiver.events())
            on.player.play(phrase)
            wait_for(lambda seen=before: len(on.receiver.events()) > seen, "an answer")
            wait_for_quiet(on.receiver)
            answers.append(len(on.receiver.events()) - before)
        events = on.receiver.events()
        status = on.daemon.stop()

    assert [count >= 4 for count in answers] == [True] * phrases
    assert hanging(events) == Counter()
    assert status == 0


@pytest.mark.parametrize("model", MODELS)
def test_whatever_a_shipped_model_imagines_its_grammar_allows(model: str) -> None:
    bundle = load_bundle(model)
    codec = bundle.codec
    sampling = bundle.card.sampling
    assert sampling is not None
    chosen: list[bool] = []

    class Watched(Sampler):
        def choose(self, logits, mask, *others):  # type: ignore[no-untyped-def]
            token = super().choose(logits, mask, *others)
            chosen.append(bool(codec.mask(stream.cursor)[token]))
            return token

    sampler = Watched(Sampling(temperature=sampling.temperature, top_p=sampling.top_p), 1)
    stream = TokenStream(bundle.stepper, codec, sampler)
    phrase = [Note(960 * beat, pitch, 960) for beat, pitch in enumerate((67, 69, 71, 74))]
    from livegen.music.key import Key

    prompt = codec.prompt(phrase, stream.cursor, Key(7))
    stream.begin(prompt)
    while not stream.prime(prompt, 64):
        pass
    chosen.clear()
    begin = stream.cursor.tick

    while stream.cursor.tick < begin + 16 * 960:
        stream.imagine()

    assert len(chosen) >= 16
    assert np.all(chosen)
