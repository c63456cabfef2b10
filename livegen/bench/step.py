"""Times one token, and the bare matrix-vector products of the same weights in the same run."""

import importlib.util
import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from livegen.bench.conditions import conditions, percentiles_us
from livegen.codecs.codec import Codec, Cursor
from livegen.engine.sampler import Sampler
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import Stepper
from livegen.own_process import module_command
from livegen.settings import Sampling

_BLOCK = 250  # steps of one kind in a row; the kinds take turns, so that the conditions are the same


def measure_step(model: str, steps: int, report: Callable[[int, int], None]) -> dict[str, Any]:
    """Time ``steps`` of each kind: products, network step, token (mask, step, sample, decode). Microseconds."""
    bundle = load_bundle(model)
    kinds = {
        "products": _products(bundle),
        "step": _step(bundle.stepper, len(bundle.codec.vocabulary)),
        "token": _token(bundle.stepper, bundle.codec),
    }
    times_ns: dict[str, list[int]] = {kind: [] for kind in kinds}
    for done in range(0, steps, _BLOCK):
        report(done, steps)
        for kind, run in kinds.items():
            times_ns[kind] += [_time(run) for _ in range(_BLOCK)]
    report(steps, steps)
    figures = {kind: percentiles_us(times) for kind, times in times_ns.items()}
    floor = figures["products"]["p50"]
    return {
        "model": model,
        "count": len(times_ns["step"]),
        "us": figures,
        "step_times_products": round(figures["step"]["p50"] / floor, 2),
        "token_times_products": round(figures["token"]["p50"] / floor, 2),
        "torch_eager_us": _torch_eager(model),
        "conditions": conditions(provider="CPUExecutionProvider"),
    }


def _time(run: Callable[[], None]) -> int:
    begin = time.perf_counter_ns()
    run()
    return time.perf_counter_ns() - begin


def _products(bundle: Bundle) -> Callable[[], None]:
    """Random float32 matrices of the shapes of the network's weight matrices, each times a vector, in BLAS."""
    random = np.random.default_rng(0)
    pairs = [
        (random.standard_normal((rows, columns), np.float32), random.standard_normal(columns, np.float32))
        for rows, columns in bundle.card.matrices
    ]

    def run() -> None:
        for matrix, vector in pairs:
            matrix @ vector

    return run


def _step(stepper: Stepper, vocab: int) -> Callable[[], None]:
    tokens = np.random.default_rng(0).integers(0, vocab, (4096, 1, 1))
    state, index = stepper.initial(), 0

    def run() -> None:
        nonlocal state, index
        _, state = stepper.step(tokens[index % 4096], state)
        index += 1

    return run


def _token(stepper: Stepper, codec: Codec[Cursor]) -> Callable[[], None]:
    """A token as the engine makes it, but each takes a step of its own, also a token without alternative."""
    sampler = Sampler(Sampling(temperature=1, top_p=0.95), seed=0)
    cursor, state, token = codec.begin(), stepper.initial(), int(np.flatnonzero(codec.mask(codec.begin()))[0])
    cursor, _ = codec.step(cursor, token)

    def run() -> None:
        nonlocal cursor, state, token
        logits, state = stepper.step(np.array([[token]], np.int64), state)
        token = sampler.choose(logits[0, -1], codec.mask(cursor))
        cursor, _ = codec.step(cursor, token)

    return run


def _torch_eager(model: str) -> dict[str, float] | None:
    """The same network stepped by torch, in a process of its own; None where torch is not installed."""
    if not (importlib.util.find_spec("torch") and importlib.util.find_spec("export")):
        return None
    command = module_command("export", "eager", model)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    figures: dict[str, float] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return figures
