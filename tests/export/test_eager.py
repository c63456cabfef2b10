"""The yardstick in torch."""

import torch

from export.eager import time_steps_ns
from export.networks.windowed_lstm import Sizes, WindowedLstm


def test_every_step_is_timed_and_the_threads_are_given_back() -> None:
    sizes = Sizes(vocab=9, embedding=4, window=2, features=4, hidden=4, layers=1, bar=2, beat_token=2)
    threads = torch.get_num_threads()

    times_ns = time_steps_ns(WindowedLstm(sizes), 5)

    assert len(times_ns) == 5
    assert all(time_ns > 0 for time_ns in times_ns)
    assert torch.get_num_threads() == threads
