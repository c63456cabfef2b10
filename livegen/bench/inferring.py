"""An engine that infers all the time, to measure beside: ``python -m livegen.bench.inferring [MODEL]``.

Its one line says that the model is loaded; it ends when it is killed.
"""

import sys

import numpy as np

from livegen.model.bundle import load_bundle


def infer(model: str) -> None:
    """Step the network for ever, each time on a token that it chose itself."""
    stepper = load_bundle(model).stepper
    state, token = stepper.initial(), 0
    sys.stdout.write("inferring\n")
    sys.stdout.flush()
    while True:
        logits, state = stepper.step(np.array([[token]], np.int64), state)
        token = int(logits[0, -1].argmax())


if __name__ == "__main__":
    infer(*(sys.argv[1:] or ["bach"]))
