"""The forward pass in bfloat16, where the processor can train a recurrent network in it."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch


def half_precision(device: str, *, is_wanted: bool) -> AbstractContextManager[object]:
    """Around a forward pass: bfloat16 where it is wanted and ``device`` has it, else float32."""
    return torch.autocast(device, torch.bfloat16) if is_wanted and has_bfloat16(device) else nullcontext()


@cache
def has_bfloat16(device: str) -> bool:
    """Can this device train an LSTM in bfloat16? Tried once: x86 needs AVX-512, and torch says so by an error only."""
    network = torch.nn.LSTM(1, 1).to(device)
    try:
        with torch.autocast(device, torch.bfloat16):
            network(torch.zeros(1, 1, 1, device=device))
    except RuntimeError:
        return False
    return True
