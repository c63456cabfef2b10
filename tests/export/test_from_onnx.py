"""Weights out of a model file: they are those that went in, and what is not ours is refused."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from export.from_onnx import from_onnx
from export.networks.network import NO_DROPOUT, Network
from export.networks.recurrent import Recurrent
from export.networks.recurrent import Sizes as RecurrentSizes
from export.networks.rereading import Rereading
from export.networks.rereading import Sizes as RereadingSizes
from export.networks.timed_lstm import Sizes as TimedSizes
from export.networks.timed_lstm import TimedLstm, timing_of
from export.networks.windowed_lstm import Sizes, WindowedLstm
from export.ship import write
from export.to_onnx import rounded, state_parts, to_onnx, with_card
from export.train import TorchPredictor
from export.verify import verify
from livegen.codecs import make_codec
from livegen.errors import ModelError
from livegen.model.bundle import load_bundle
from livegen.model.card import Card, CodecCard, TrainedOn
from livegen.shipped import shipped_models

CODEC = CodecCard(name="notes", parameters={"low": 48, "high": 83})
VOCAB = len(make_codec(CODEC.name, CODEC.parameters).vocabulary)
WINDOWED = Sizes(VOCAB, embedding=8, window=4, features=16, hidden=24, layers=2)
PLAYED = CodecCard(name="performance", parameters={"low": 48, "high": 72})
TIMED = TimedSizes(
    **timing_of(make_codec(PLAYED.name, PLAYED.parameters)),
    embedding=8,
    window=4,
    features=20,
    hidden=24,
    layers=2,
    onsets=4,
    bins=5,
    notes=6,
    heads=2,
    key=8,
)
NETWORKS: dict[str, Network] = {
    "windowed": WindowedLstm(WINDOWED),
    "windowed, with all that it may have": WindowedLstm(replace(WINDOWED, head=20, bar=16, beat_token=7, copies=True)),
    "recurrent lstm": Recurrent(RecurrentSizes(VOCAB, 8, 24, 2, "lstm")),
    "recurrent gru": Recurrent(RecurrentSizes(VOCAB, 8, 24, 2, "gru")),
    "recurrent rnn": Recurrent(RecurrentSizes(VOCAB, 8, 24, 1, "rnn")),
    "rereading in both directions": Rereading(RereadingSizes(VOCAB, 8, 5, 24, 2, "lstm", bidirectional=True)),
    "rereading gru": Rereading(RereadingSizes(VOCAB, 8, 5, 24, 1, "gru")),
    "timed": TimedLstm(TIMED),
}
CODECS = {"timed": PLAYED}  # of the others, CODEC


def card_of(network: Network, codec: CodecCard = CODEC) -> Card:
    return Card(
        name="small",
        title="A small one",
        codec=codec,
        state=state_parts(network),
        matrices=network.matrices(),
        trained_on=TrainedOn(corpus="scales", credit="nobody", licence="none"),
        command="a test",
        commit="none",
    )


def saved(folder: Path, network: Network, codec: CodecCard = CODEC) -> Path:
    """A model file of a network; ``rounded`` is what it holds."""
    write(with_card(to_onnx(network), card_of(network, codec)), folder / "small.onnx")
    return folder / "small.onnx"


def stirred(network: Network) -> Network:
    """The network with weights that are nowhere alike, or zero; as a file holds them."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight) / 4)
    return rounded(network)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_weights_in_a_file_are_read_back(tmp_path: Path, kind: str) -> None:
    network, codec = stirred(NETWORKS[kind]), CODECS.get(kind, CODEC)

    restored = from_onnx(saved(tmp_path, network, codec), NO_DROPOUT)

    wanted = network.state_dict()
    assert type(restored.network) is type(network)
    assert list(restored.network.state_dict()) == list(wanted)
    assert [name for name, weight in restored.network.state_dict().items() if not weight.equal(wanted[name])] == []
    assert restored.card == card_of(network, codec)


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_is_read_back_and_computes_what_its_file_does(name: str) -> None:
    path = shipped_models()[name]

    restored = from_onnx(path, NO_DROPOUT)  # it compares their logits

    assert sum(weight.numel() for weight in restored.network.parameters()) == restored.card.metrics["parameters"]


def test_a_weight_that_is_read_wrongly_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, stirred(NETWORKS["recurrent lstm"]))
    monkeypatch.setattr("export.from_onnx._reordered", lambda weight, mode: weight)

    with pytest.raises(ModelError, match=r"small\.onnx: .*logits differs from torch"):
        from_onnx(path, NO_DROPOUT)


def test_a_graph_that_is_not_ours_is_refused_in_one_line(tmp_path: Path) -> None:
    network = stirred(NETWORKS["recurrent gru"])
    path = saved(tmp_path, network)
    model = onnx.load(str(path))
    for weight in model.graph.initializer:
        weight.name = weight.name.replace("cells", "heads")
    for node in model.graph.node:
        node.input[:] = [name.replace("cells", "heads") for name in node.input]
        node.output[:] = [name.replace("cells", "heads") for name in node.output]
    write(with_card(model, card_of(network)), path)

    with pytest.raises(ModelError, match=r"small\.onnx: its weights cannot be read back") as refusal:
        from_onnx(path, NO_DROPOUT)
    assert "\n" not in str(refusal.value)


def test_what_is_no_model_is_refused_as_it_is_for_playing(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")

    with pytest.raises(ModelError, match=r"none\.onnx: no such file; give a shipped model's name or the path"):
        from_onnx(tmp_path / "none.onnx", NO_DROPOUT)
    with pytest.raises(ModelError, match=r"text\.onnx: ") as refusal:
        from_onnx(tmp_path / "text.onnx", NO_DROPOUT)
    assert "\n" not in str(refusal.value)


def test_a_learned_beginning_goes_into_the_card_and_comes_back(tmp_path: Path) -> None:
    network = Recurrent(RecurrentSizes(VOCAB, 8, 24, 1, "lstm"))
    network.initial["h1"] = torch.nn.Parameter(torch.linspace(-1, 1, 24))
    network = stirred(network)
    beginning = network.initial["h1"].detach()

    path = saved(tmp_path, network)

    restored = from_onnx(path, NO_DROPOUT)
    state = load_bundle(str(path)).stepper.initial()
    assert restored.network.initial["h1"].equal(beginning)
    assert list(restored.network.initial) == ["h1"]
    assert torch.from_numpy(state["state.h1"])[0].equal(beginning)
    assert state["state.c1"].max() == state["state.c1"].min() == 0


def test_a_file_without_its_learned_beginning_is_not_its_network(tmp_path: Path) -> None:
    network = Recurrent(RecurrentSizes(VOCAB, 8, 24, 1, "lstm"))
    network.initial["h1"] = torch.nn.Parameter(torch.linspace(-1, 1, 24))
    network = stirred(network)
    parts = (part.model_copy(update={"values": None}) for part in state_parts(network))
    card = card_of(network).model_copy(update={"state": tuple(parts)})
    write(with_card(to_onnx(network), card), tmp_path / "small.onnx")

    with pytest.raises(ModelError, match="state 'h1' differs from torch"):
        verify(tmp_path / "small.onnx", TorchPredictor(network))
