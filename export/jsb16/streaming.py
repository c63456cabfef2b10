"""The benchmark's network as a model that plays: a token in, the logits of the next voice out.

The tokens are those of the codec 'voices': START, then soprano, bass, alto, tenor of each frame.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import pad

from export.jsb16.data import HIGHEST, LOWEST, PITCHES, START, VOICES
from export.jsb16.network import ChoraleNetwork, Context, State
from export.jsb16.train import ORDER, canonical
from export.networks.network import Network
from export.networks.network import State as Parts
from livegen.codecs.voices import VoicesCodec

CODEC = VoicesCodec(LOWEST, HIGHEST)
RINGS = ("keys", "values")  # neither emptied nor put back: to copy them cost a third of a token, see ``advance``
NEVER = -30.0  # the logit of START, which no frame brings


class Streaming(Network):
    """A trained network, token by token; its memory is a ring of ``span`` frames.

    Its logits are divided by ``temperature``, which costs nothing: the weights that make them are.
    """

    def __init__(self, network: ChoraleNetwork, span: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.vocab = len(CODEC.vocabulary)
        self.network, self.span = _folded(network, temperature), span

    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """What the network carries from frame to frame, and what is known of the frame being written."""
        shape = self.network.shape
        ring = (shape.attention, self.span, shape.key)
        return {
            "last": ((VOICES,), START),
            "held": ((VOICES,), 0),
            "time": ((), 0),
            "hidden": ((shape.layers, shape.hidden), 0.0),
            "cell": ((shape.layers, shape.hidden), 0.0),
            "reading": ((shape.hidden,), 0.0),
            "keys": (ring, 0.0),
            "values": (ring, 0.0),
            "features": ((shape.features,), 0.0),
            "whole": ((shape.hidden + shape.attention * shape.key,), 0.0),
            "frame": ((VOICES,), 0),
            "place": ((), 0),
        }

    def matrices(self) -> tuple[tuple[int, int], ...]:
        """Of the reading of a frame, the layers, the memory and the voices; weights of each voice on their own."""
        network = self.network
        linear = [network.read, *(getattr(network.memory, name) for name in ("query", "key", "value"))]
        weights = [layer.weight for layer in (*linear, network.voices.context)]
        weights += [weight for layer in network.layers for weight in layer.parameters() if weight.ndim == 2]
        voices = network.voices
        weights += [part.T for each in (voices.seen, voices.output, voices.by_leap) for part in each]
        return tuple((rows, columns) for rows, columns in (weight.shape for weight in weights))

    def forward(self, tokens: Tensor, state: Parts) -> tuple[Tensor, Parts]:
        """Logits [batch, time, vocab] after each of ``tokens`` [batch, time]."""
        logits = []
        for token in tokens.unbind(1):
            now, state = self.advance(token, state)
            logits.append(now)
        return torch.stack(logits, 1), state

    def advance(self, token: Tensor, before: Parts) -> tuple[Tensor, Parts]:
        """Logits [batch, vocab] after one token [batch]; a frame is read when its last voice has come.

        A frame that is not whole yet is read as well, into the place of the rings that the whole one overwrites; its
        other parts are left. What the rings hold from before a START is not seen, for their frames are told by time.
        """
        order = torch.tensor(ORDER)
        is_start = token == CODEC.start
        is_whole = is_start | (before["place"] == VOICES - 1)
        is_voice = torch.arange(VOICES) == order[before["place"]][:, None]
        frame = torch.where(is_voice, token[:, None], before["frame"])
        shown = torch.where(is_start[:, None], START, frame)
        rings = {name: before[name] for name in RINGS}
        rest = {name: part for name, part in before.items() if name not in RINGS}
        begun = {**_chosen(is_start, self.begin(token.shape[0]), rest), **rings}
        context, read = self.network.step(shown, self._state(begun))
        after = {name: getattr(read, name) for name in State.__dataclass_fields__}
        after |= {"features": context.features, "whole": context.reading}
        after |= {"frame": torch.zeros_like(frame), "place": torch.zeros_like(token)}
        left = _chosen(is_whole, after, {**rest, "frame": frame, "place": before["place"] + 1})
        after = {name: after[name] if name in RINGS else left[name] for name in before}
        now = Context(after["features"], after["whole"], after["last"])
        every = self.network.voices(now, after["frame"], canonical(after["frame"]))  # [batch, voices, pitches]
        voice = order[after["place"]][:, None, None].expand(-1, 1, PITCHES)
        return pad(every.gather(1, voice)[:, 0], (0, 1), value=NEVER), after

    @staticmethod
    def _state(parts: Parts) -> State:
        return State(**{name: parts[name] for name in State.__dataclass_fields__})


def _folded(network: ChoraleNetwork, temperature: float) -> ChoraleNetwork:
    """A copy whose tables by pitch hold the parts by class and the temperature: what is rounded is what is used."""
    twin = copy.deepcopy(network).eval()
    with torch.no_grad():
        for pitches in (twin.pitches, twin.voices.pitches):
            pitches.token.copy_(pitches.whole())
            pitches.pitch_class.zero_()
        twin.voices.output.copy_(twin.voices.whole_output())
        twin.voices.by_class.zero_()
        for weight in (twin.voices.output, twin.voices.by_leap, twin.voices.bias):
            weight.div_(temperature)
    return twin


def _chosen(where: Tensor, these: Parts, those: Parts) -> Parts:
    """Part by part, in the rows where it is true [batch], these, else those."""
    return {
        name: torch.where(where.view(-1, *[1] * (part.ndim - 1)), these[name], part) for name, part in those.items()
    }
