"""Which numbers the forward pass has."""

import pytest
import torch

from export.half_precision import half_precision, has_bfloat16


def test_a_network_trains_on_a_processor_without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("could not create a primitive descriptor")

    has_bfloat16.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.LSTM, "forward", refuse)
        found = has_bfloat16("cpu")
    with half_precision("cpu", is_wanted=True):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    has_bfloat16.cache_clear()

    assert (found, product.dtype) == (False, torch.float32)


def test_a_network_trains_on_this_processor() -> None:
    network = torch.nn.LSTM(48, 64)

    with half_precision("cpu", is_wanted=True):
        heard, _ = network(torch.zeros(64, 32, 48))
    heard.float().sum().backward()

    assert all(weight.grad is not None for weight in network.parameters())


def test_float32_is_kept_where_it_is_wanted() -> None:
    with half_precision("cpu", is_wanted=False):
        product = torch.ones(2, 2) @ torch.ones(2, 2)

    assert product.dtype == torch.float32
