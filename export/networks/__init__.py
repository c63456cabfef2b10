"""Networks by the kind that a recipe gives."""

from typing import Any

from export.networks import recurrent, rereading, timed_lstm, windowed_lstm
from export.networks.network import Dropout, Network
from export.recipes import Recipe
from livegen.codecs.codec import Codec
from livegen.errors import SettingsError


def make_network(recipe: Recipe, codec: Codec[Any]) -> Network:
    """The recipe's network for the codec's vocabulary, untrained."""
    shape, dropout = recipe.network, Dropout(**recipe.dropout.model_dump())
    sizes: dict[str, Any] = shape.model_dump(exclude={"kind", "beat"})
    vocab = len(codec.vocabulary)
    match shape.kind:
        case "recurrent":
            return recurrent.Recurrent(recurrent.Sizes(vocab=vocab, **sizes), dropout)
        case "rereading":
            return rereading.Rereading(rereading.Sizes(vocab=vocab, **sizes), dropout)
        case "timed-lstm":
            return timed_lstm.TimedLstm(timed_lstm.Sizes(**timed_lstm.timing_of(codec), **sizes), dropout)
        case "windowed-lstm":
            if shape.bar and shape.beat not in codec.vocabulary.texts:
                raise SettingsError(f"'network.beat' is '{shape.beat}', which is no token of codec '{recipe.codec}'")
            beat = codec.vocabulary.token(shape.beat) if shape.bar else -1
            return windowed_lstm.WindowedLstm(windowed_lstm.Sizes(vocab=vocab, beat_token=beat, **sizes), dropout)
