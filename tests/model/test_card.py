"""The card: what it says survives the file, and what is wrong is named."""

import json
from typing import Any

import pytest

from livegen.errors import ModelError
from livegen.model.card import Card, CodecCard, SamplingDefaults, StatePart, TrainedOn

CARD = Card(
    name="small",
    title="A small one",
    codec=CodecCard(name="chorale", parameters={"low": 30, "high": 88}),
    state=(
        StatePart(name="window", shape=(7,), dtype="int64", fill=122),
        StatePart(name="h1", shape=(352,), dtype="float32", fill=0.0),
    ),
    matrices=((1408, 192), (122, 896)),
    trained_on=TrainedOn(corpus="bach-chorales", credit="J. S. Bach", licence="public domain"),
    metrics={"test_nats": 0.5},
    command="python -m export train small",
    commit="0123456789ab",
    sampling=SamplingDefaults(temperature=0.9, top_p=0.95),
)


def changed(path: str, value: Any) -> str:
    """The card's JSON with one field, ``a.0.b``, set to ``value``; None takes it out."""
    data = json.loads(CARD.to_json())
    *parents, last = path.split(".")
    place = data
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(data)


def test_a_card_survives_its_text() -> None:
    assert Card.from_json(CARD.to_json()) == CARD


def test_a_card_may_leave_sampling_to_the_player() -> None:
    assert Card.from_json(changed("sampling", None)).sampling is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("codec", None, "'codec' is missing"),
        ("state.0.shape", None, "'state.0.shape' is missing"),
        ("state.1.dtype", "float64", "'state.1.dtype' is 'float64'"),
        ("state.0.values", [0.5] * 6, "state 'window' has 6 values, but 7 numbers"),
        ("state.1.name", "h.1", "'state.1.name' is 'h.1'"),
        ("state", [], r"'state' is \[\]"),
        ("sampling.temperature", 0, "'sampling.temperature' is 0"),
        ("matrics", {}, "unknown field 'matrics'; did you mean 'matrices'"),
        ("contract", "2", "'contract' is '2' but this livegen reads '1'"),
    ],
)
def test_what_is_wrong_in_a_card_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(ModelError, match=f"^x.onnx: {message}"):
        Card.from_json(changed(path, value), "x.onnx")


def test_a_card_that_is_no_json_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^card: the card is not valid JSON"):
        Card.from_json("{")
