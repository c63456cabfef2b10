"""Infers all the time, as load for a measurement: ``python -m livegen.bench.inferring [MODEL]``.

It prints one line when the model is loaded, and runs until it is killed.
"""

import sys

import numpy as np

from livegen.model.bundle import load_bundle


def infer(model: str) -> None:
    """Step the network forever, each time with the token that it gave the highest logit."""
    stepper = load_bundle(model).stepper
    state, token = stepper.initial(), 0
    sys.stdout.write("inferring\n")
    sys.stdout.flush()
    while True:
        logits, state = stepper.step(np.array([[token]], np.int64), state)
        token = int(logits[0, -1].argmax())


if __name__ == "__main__":
    infer(*(sys.argv[1:] or ["bach"]))
