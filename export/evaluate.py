"""The figures of a model file on music it never saw, as ONNX Runtime runs it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.corpora import Corpus
from export.corpora.work import concatenate
from export.fields import nats_per_note, nats_per_played_note
from export.scoring import Arrays, Logits, Predictor, Score, Tokens, in_streams, whole_piece
from export.tunes import bits_per_character
from livegen.codecs.abc.codec import AbcCodec
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_END
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import ModelError
from livegen.model.bundle import initial
from livegen.model.card import Card

Each = Callable[[Sequence[Any], str], Iterable[Any]]  # goes through a sequence, and may show how far it is


class OnnxPredictor:
    """A model file in ONNX Runtime, one thread, nothing spinning, as the engine runs it."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        if "livegen.card" not in metadata:
            raise ModelError(f"{path.name}: metadata 'livegen.card' is missing")
        self.card = Card.from_json(metadata["livegen.card"], path.name)

    def begin(self, batch: int) -> Arrays:
        """The state before anything is heard, by the card."""
        return {part.name: initial(part, batch) for part in self.card.state}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        """Logits after each token, and the state after all."""
        feed = {"tokens": tokens, **{f"state.{name}": part for name, part in state.items()}}
        logits, *after = self._session.run(None, feed)
        return logits, dict(zip(state, after, strict=True))


def evaluate(predictor: Predictor, corpus: Corpus, each: Each = lambda items, _: items) -> Mapping[str, float]:
    """Nats per token of the test part in three ways, and what else is measured of music in this codec.

    ``test_nats`` is BachBot's protocol: streams whose state is carried on from piece to piece; ``test_nats_reset``
    forgets everything after every 128 tokens; ``test_nats_whole`` reads each whole test piece from its start.
    """
    data = corpus.split
    tokens = data.test_tokens
    carried = in_streams(predictor, tokens, each=lambda chunks: each(chunks, "streams"))
    reset = in_streams(predictor, tokens, carries_state=False, each=lambda chunks: each(chunks, "state reset"))
    whole = sum((whole_piece(predictor, piece) for piece in each(data.test, "whole pieces")), Score(0.0, 0))
    figures = {
        "test_nats": carried.per_token,
        "test_nats_reset": reset.per_token,
        "test_nats_whole": whole.per_token,
        "test_tokens": float(carried.tokens),
    }
    match corpus.codec:
        case ChoraleCodec():
            figures["test_nats_per_frame"] = carried.per_token * len(tokens) / frame_count(tokens)
            figures["test_nats_whole_per_frame"] = whole.nats / frame_count(concatenate(data.test))
        case AbcCodec():
            figures |= bits_per_character(predictor, corpus.codec, data.test)
        case NoteDurationCodec():
            figures |= nats_per_note(predictor, corpus.codec, each(data.test, "notes"))
        case PerformanceCodec():
            figures |= nats_per_played_note(predictor, corpus.codec, each(data.test, "notes"))
    return figures


def frame_count(tokens: NDArray[np.int64]) -> int:
    """Sixteenths in a stream of a chorale's tokens."""
    return int((tokens == FRAME_END).sum())
