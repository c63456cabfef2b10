"""Times one token, and the bare matrix-vector products of the same weights in the same run."""

import importlib.util
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from livegen.bench.conditions import conditions, percentiles_us
from livegen.codecs.codec import Codec, Cursor
from livegen.engine.sampler import Sampler
from livegen.engine.session_cache import CAPACITY, SessionCache, cache_for
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import Stepper
from livegen.own_process import module_command
from livegen.settings import Sampling

_OWN = 2_048  # tokens
_BLOCK = 250  # steps of one kind in a row; the kinds take turns, so that the conditions are the same


def measure_step(model: str, steps: int, report: Callable[[int, int], None]) -> dict[str, Any]:
    """Time ``steps`` of each kind: products, network step, token (mask, step, sample, decode). Microseconds.

    ``remembering``: a token with the session's cache, full of the model's own music, where its codec has one.
    """
    bundle = load_bundle(model)
    kinds = {
        "products": _products(bundle),
        "step": _step(bundle.stepper, len(bundle.codec.vocabulary)),
        "token": _token(bundle.stepper, bundle.codec),
    }
    if cache := cache_for(bundle.codec):
        kinds["remembering"] = _token(bundle.stepper, bundle.codec, cache)
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
        **_of_memory(figures),
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


def _of_memory(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    found = figures.get("remembering")
    return {"remembering_times_token": round(found["p50"] / figures["token"]["p50"], 2)} if found else {}


def _token(stepper: Stepper, codec: Codec[Cursor], cache: SessionCache | None = None) -> Callable[[], None]:
    """A token as the engine makes it, but each takes a step of its own, also a token without alternative."""
    sampler = Sampler(Sampling(temperature=1, top_p=0.95), seed=0)
    cursor, state, token = codec.begin(), stepper.initial(), int(np.flatnonzero(codec.mask(codec.begin()))[0])
    cursor, _ = codec.step(cursor, token)

    def run() -> None:
        nonlocal cursor, state, token
        logits, state = stepper.step(np.array([[token]], np.int64), state)
        mask, odds = codec.mask(cursor), logits[0, -1]
        token = sampler.choose(cache.mixed(odds, mask, 1.0) if cache else odds, mask)
        cursor, _ = codec.step(cursor, token)
        if cache:
            cache.add(token, is_own=True)

    if cache:
        _fill(cache, run)
    return run


def _fill(cache: SessionCache, run: Callable[[], None]) -> None:
    """Fill a cache with music: what the model plays from nothing on, several times."""
    while cache.position < _OWN:
        run()
    own = cache.between(0, _OWN)
    while cache.position < CAPACITY:
        cache.extend(own)


def _torch_eager(model: str) -> dict[str, float] | None:
    """The same network stepped by torch, in a process of its own; None where torch is not installed."""
    if not (importlib.util.find_spec("torch") and importlib.util.find_spec("export")):
        return None
    command = module_command("export", "eager", model)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    figures: dict[str, float] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return figures
