"""What a step of the same network costs in torch, eagerly: the yardstick for the file that ONNX Runtime runs."""

import time

import torch

from export.networks.network import Network


def time_steps_ns(network: Network, steps: int) -> list[int]:
    """Nanoseconds of each of ``steps`` steps of one token, batch 1, one thread; the weights do not matter."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network.eval()
    state, times_ns = network.begin(1), []
    tokens = torch.randint(0, network.vocab, (steps, 1, 1))
    with torch.inference_mode():
        for token in tokens:
            begin = time.perf_counter_ns()
            _, state = network(token, state)
            times_ns.append(time.perf_counter_ns() - begin)
    torch.set_num_threads(threads)
    return times_ns
