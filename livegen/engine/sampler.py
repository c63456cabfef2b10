"""Draws a token from logits: temperature, top-k, top-p and min-p, from one seed.

Top-k: Fan et al., Hierarchical Neural Story Generation, 2018. Top-p: Holtzman et al., The Curious Case of Neural
Text Degeneration, 2020. Min-p: Nguyen et al., Turning Up the Heat, 2024.
"""

from collections.abc import Sequence
from math import inf, isfinite

import numpy as np
from numpy.random import default_rng  # by name: numpy imports it when it is first used, and the engine can read no file
from numpy.typing import NDArray

from livegen.codecs.vocabulary import Mask
from livegen.errors import ModelError
from livegen.settings import Sampling


class Sampler:
    """Owner of the random numbers: the same seed and logits give the same tokens."""

    def __init__(self, settings: Sampling, seed: int | Sequence[int]) -> None:
        self.settings = settings
        self._seed = seed
        self._random = default_rng(seed)

    def branch(self, *numbers: int) -> "Sampler":
        """A sampler whose random numbers depend on the seed and on ``numbers``, not on earlier draws."""
        own = self._seed if isinstance(self._seed, Sequence) else (self._seed,)
        return Sampler(self.settings, (*own, *numbers))

    def draw_chance(self) -> float:
        """The next random number, from 0 up to 1."""
        return float(self._random.random())

    def choose(
        self, logits: NDArray[np.float32], mask: Mask, temperature_factor: float = 1.0, waits: Mask | None = None
    ) -> int:
        """A token that ``mask`` [vocab] allows, drawn by ``logits`` [vocab]; the temperature is scaled by a factor.

        ``waits`` [vocab]: the tokens in which time goes on, for ``timing_temperature``, where the codec has such.
        ModelError when the highest logit is not finite: the network's output is meaningless.
        """
        timing = self.settings.timing_temperature
        if waits is not None and timing not in (0, 1):
            logits = self._timed(logits, waits, self.settings.temperature * temperature_factor, timing)
        allowed = np.flatnonzero(mask)
        logits = logits[allowed]
        top = float(logits.max())
        if not isfinite(top):
            raise ModelError(f"the network's logits are not finite ({top})")
        odds = np.exp((logits - top) / (self.settings.temperature * temperature_factor))
        order = np.argsort(-odds, kind="stable")
        cumulated = np.cumsum(odds[order])
        kept = self._count_kept(odds[order], cumulated)
        draw = self.draw_chance() * float(cumulated[kept - 1])  # not in 32 bits, where 0.99999999 is 1
        return int(allowed[order[np.searchsorted(cumulated[:kept], draw, side="right")]])

    @staticmethod
    def _timed(logits: NDArray[np.float32], waits: Mask, temperature: float, timing: float) -> NDArray[np.float32]:
        """The logits; among the waits the temperature is ``timing`` times as high.

        How likely all of them are together stays as it was: whether time goes on is drawn as before.
        """
        found = logits[waits]
        top = float(found.max())
        if top == -inf:  # no wait is possible
            return logits
        found = (found - top) / temperature
        sharper = found / timing
        changed = logits.copy()
        changed[waits] = (sharper + np.log(np.exp(found).sum() / np.exp(sharper).sum())) * temperature + top
        return changed

    def _count_kept(self, odds: NDArray[np.float32], cumulated: NDArray[np.float32]) -> int:
        """How many of the likeliest tokens, [count] in falling order, top-k, top-p and min-p keep."""
        kept = len(odds)
        if self.settings.top_k:
            kept = min(kept, self.settings.top_k)
        if self.settings.top_p < 1:
            kept = min(kept, 1 + int(np.searchsorted(cumulated, self.settings.top_p * cumulated[-1])))
        if self.settings.min_p:
            kept = min(kept, int(np.count_nonzero(odds >= self.settings.min_p * odds[0])))
        return kept
