"""Processes that train one network together: each takes its rows of a batch, and the gradients are averaged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch.distributed as dist
from torch import nn

from livegen.codecs.vocabulary import Tokens
from livegen.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among ``count``; the first one writes."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """It writes the checkpoints and shows the progress."""
        return self.rank == 0

    def own(self, batch: Tokens) -> Tokens:
        """The rows of a batch that are this process' own."""
        if len(batch) % self.count:
            raise SettingsError(f"a batch of {len(batch)} cannot be shared by {self.count} processes alike")
        return batch[self.rank :: self.count]

    def average_gradients(self, network: nn.Module) -> None:
        """Give every process the mean of all processes' gradients."""
        if self.count == 1:
            return
        for weight in network.parameters():
            if weight.grad is not None:
                dist.all_reduce(weight.grad)
                weight.grad /= self.count


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that torchrun started, met; or this one alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
