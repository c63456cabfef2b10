"""Tests a model file in a process of its own, with limited time and memory.

``python -m livegen.model.sandbox WHERE SIZE`` reads SIZE bytes, limits its own time and memory, opens the model as
the engine would, and feeds it every token once. It exits with 0, or with 1 and the reason in one line.
"""

import os
import sys
import time

import numpy as np

from livegen.errors import LivegenError, ModelError
from livegen.model.bundle import Bundle, open_bundle
from livegen.model.onnx_structure import check_structure
from livegen.model.stepper import Logits, State
from livegen.model.validation import CPU_S

_BASE_BYTES = 512 * 2**20  # of address space: three times what Python and onnxruntime take without a model
_BYTES_A_BYTE = 8  # of the file: read, parsed, converted from float16 to float32, packed for the processor
_SLOWEST_S = 0.1  # a step: a slower model cannot write a chorale's sixteenth in time
_STEPS = 5  # the fastest of them counts
_SPAN = 64  # tokens a call
_GENTLER = 10  # added to the nice value
_OUT_OF_MEMORY = ("bad_alloc", "allocate memory")  # parts of onnxruntime's error messages


def try_out(where: str, content: bytes) -> None:
    """ModelError, or any exception that a foreign file causes, unless the model works as its card says."""
    check_structure(where, content)
    bundle = open_bundle(where, content)
    state = _feed_all(where, bundle)
    token, fastest = np.zeros((1, 1), np.int64), float("inf")
    for _ in range(_STEPS):
        begun = time.process_time()
        logits, state = bundle.stepper.step(token, state)
        fastest = min(fastest, time.process_time() - begun)
        _check(where, bundle, logits, state, count=1)
    if fastest > _SLOWEST_S:
        raise ModelError(f"{where}: a step takes {fastest:.2f} s; live music needs {_SLOWEST_S} s or less")


def _feed_all(where: str, bundle: Bundle) -> State:
    """Feed every token of the vocabulary once, so that damage in any token's weights is found; the state after it."""
    state = bundle.stepper.initial()
    tokens = np.arange(len(bundle.codec.vocabulary))
    for begin in range(0, len(tokens), _SPAN):
        span = tokens[begin : begin + _SPAN]
        logits, state = bundle.stepper.step(span[None], state)
        _check(where, bundle, logits, state, count=len(span))
    return state


def _check(where: str, bundle: Bundle, logits: Logits, state: State, count: int) -> None:
    vocab = len(bundle.codec.vocabulary)
    if logits.shape[-1] != vocab:
        raise ModelError(f"{where}: has {logits.shape[-1]} logits for a vocabulary of {vocab}")
    if logits.shape[:-1] != (1, count):
        raise ModelError(f"{where}: its logits have shape {list(logits.shape)}; expected {[1, count, vocab]}")
    if not np.isfinite(logits).all():
        raise ModelError(f"{where}: its logits are not finite; the weights are damaged")
    for name, before in bundle.stepper.initial().items():
        after = state[name]
        if (after.shape, after.dtype) != (before.shape, before.dtype):
            raise ModelError(f"{where}: '{name}' is {list(before.shape)}, and {list(after.shape)} after a step")


def limit(size: int) -> None:
    """Limit this process's CPU time and memory (for a file of ``size`` bytes); forbid writing files and core dumps."""
    if sys.platform == "win32":
        return  # there only the parent's timeout limits the process
    import resource

    os.nice(_GENTLER)  # the parent's engine may be playing
    room = _BASE_BYTES + _BYTES_A_BYTE * size
    limits: dict[int, int] = {
        resource.RLIMIT_AS: room,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))


def _reason(where: str, error: Exception) -> str:
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY):
        return f"{where}: needs more memory than is allowed for a model of its size"
    if isinstance(error, LivegenError):
        return str(error)
    return f"{where}: does not run: {str(error) or type(error).__name__}"


def main(where: str, size: int) -> int:
    """The exit status."""
    try:
        limit(size)
        try_out(where, sys.stdin.buffer.read(size))
    except Exception as error:  # noqa: BLE001 (any exception that a foreign file causes is a reason to refuse it)
        sys.stdout.write(f"{_reason(where, error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
