"""One step of a network: tokens and state in, logits and a new state out."""

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

State = Mapping[str, NDArray[np.generic]]  # name → [batch, ...]
Logits = NDArray[np.float32]
Tokens = NDArray[np.int64]


class Stepper:
    """Runs an onnxruntime session. It never changes a given state: an old state can be stepped from again."""

    def __init__(self, session: ort.InferenceSession, initial: State) -> None:
        self._session = session
        self._initial = initial
        self._names = tuple(initial)
        self._outputs = ["logits", *(f"{name}.next" for name in self._names)]

    def initial(self, batch: int = 1) -> State:
        """The state before any token, [batch, ...]."""
        return {name: np.repeat(value, batch, axis=0) for name, value in self._initial.items()}

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        """Feed ``tokens`` [batch, time]; return logits [batch, time, vocab] and the state after them."""
        logits, *after = self._session.run(self._outputs, {"tokens": tokens, **state})
        return logits, dict(zip(self._names, after, strict=True))
