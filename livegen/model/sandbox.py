"""The trial of a model file, in a process that may be killed.

``python -m livegen.model.sandbox WHERE SIZE`` reads SIZE bytes, limits its own time and memory, opens the model as
the engine would, and feeds it every token once. It ends with 0, or with 1 and the reason in one line.
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
_BYTES_A_BYTE = 8  # of the file: read, parsed, folded from halves to floats, packed for the processor
_SLOWEST_S = 0.1  # a step: with more, not even a chorale's sixteenth is ready in time
_STEPS = 5  # of which the fastest counts
_SPAN = 64  # tokens a call
_GENTLER = 10
_OUT_OF_MEMORY = ("bad_alloc", "allocate memory")  # onnxruntime's words


def try_out(where: str, content: bytes) -> None:
    """ModelError, or whatever a foreign file may provoke, unless it plays as its card says."""
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
        raise ModelError(f"{where}: a step takes {fastest:.2f} s; live music needs {_SLOWEST_S} s at the most")


def _feed_all(where: str, bundle: Bundle) -> State:
    """Every token of the vocabulary once, so that damage anywhere in what tokens look up is seen; the state after."""
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
        raise ModelError(f"{where}: its logits are {list(logits.shape)} where {[1, count, vocab]} were expected")
    if not np.isfinite(logits).all():
        raise ModelError(f"{where}: its logits are not finite; the weights are damaged")
    for name, before in bundle.stepper.initial().items():
        after = state[name]
        if (after.shape, after.dtype) != (before.shape, before.dtype):
            raise ModelError(f"{where}: '{name}' was {list(before.shape)} and is {list(after.shape)} after a step")


def limit(size: int) -> None:
    """From now on no more than so much time and memory, no file written, no core dumped."""
    if sys.platform == "win32":
        return  # there only the patience of whoever started us limits it
    import resource

    os.nice(_GENTLER)  # the engine that started us may be playing
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
        return f"{where}: needs more memory than a model of its size may"
    if isinstance(error, LivegenError):
        return str(error)
    return f"{where}: does not run: {str(error) or type(error).__name__}"


def main(where: str, size: int) -> int:
    """The exit status."""
    try:
        limit(size)
        try_out(where, sys.stdin.buffer.read(size))
    except Exception as error:  # noqa: BLE001 (whatever a foreign file provokes is a reason to refuse it)
        sys.stdout.write(f"{_reason(where, error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
