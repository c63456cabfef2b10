"""Training: it learns, goes on where it was killed, and is never led by the test part."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from export import corpora, train
from export.corpora import Piece, Source
from export.recipes import Dropouts, Network, Recipe, Training
from livegen.codecs.chorale import FRAME_END, ChoraleCodec, Frame
from livegen.errors import SettingsError

CODEC = ChoraleCodec()
TRAINING = Training(epochs=3, streams=32, chunk=64, learning_rate=2e-2, averaging=0.9, test_every=1)
RECIPE = Recipe(
    name="small",
    title="Small",
    corpus="bach-chorales",
    codec="chorale",
    network=Network(embedding=8, window=3, features=8, hidden=8, layers=1, bar=16, beat="|||"),
    dropout=Dropouts(features=0.1, output=0.1),
    training=TRAINING,
)


@pytest.fixture(autouse=True)
def scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the chorales: sixty pieces that go up and down the scale in thirds."""

    def read(codec: ChoraleCodec, report: corpora.Report) -> Iterator[Piece]:
        for index in range(60):
            steps = [(index + step) % 12 for step in range(800)]
            frames = [Frame(((72 - step, False), (55 - step, False))) for step in steps]
            yield Piece(f"scale {index}", corpora.encode(codec, frames))

    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(corpora, "SOURCES", {"bach-chorales": Source(read, "us", "free")})


def stop_after(epochs: int) -> train.Report:
    def report(done: int, whole: int, figures: Mapping[str, float]) -> None:
        if done == epochs:
            raise KeyboardInterrupt

    return report


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_training_learns_what_repeats(tmp_path: Path) -> None:
    progress = train.train(RECIPE, tmp_path)

    assert progress.best_nats < 1.0  # knowing nothing costs log 122 = 4.8
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2, 3]


def test_a_run_that_was_killed_goes_on_exactly_where_it_was(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train.train(RECIPE, tmp_path / "killed", stop_after(1))
    train.train(RECIPE, tmp_path / "killed")

    whole, killed = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert [line["epoch"] for line in lines(tmp_path / "killed")] == [1, 2, 3]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = train.train(RECIPE, tmp_path)

    assert train.train(RECIPE, tmp_path) == first


def test_another_recipe_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"training": TRAINING.model_copy(update={"epochs": 1})})
    train.train(short, tmp_path)

    with pytest.raises(SettingsError, match="was trained by another recipe"):
        train.train(RECIPE, tmp_path)


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    still = TRAINING.model_copy(update={"learning_rate": 1e-12, "averaging": 0.0, "patience": 2, "epochs": 50})

    progress = train.train(RECIPE.model_copy(update={"training": still}), tmp_path)

    assert (progress.best_epoch, progress.epoch) == (1, 3)
    assert train.restore_best(tmp_path)[2].epoch == 1


def test_the_best_epoch_is_the_one_with_the_best_validation_and_no_other(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path)

    _, _, progress = train.restore_best(tmp_path)
    best = min(lines(tmp_path), key=lambda line: line["valid_nats"])
    assert (progress.epoch, progress.best_epoch) == (best["epoch"], best["epoch"])


def test_the_best_network_is_the_averaged_one_that_was_validated(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path)
    data = corpora.split(corpora.load("bach-chorales", CODEC))

    recipe, network, progress = train.restore_best(tmp_path)
    score = train.scoring.in_streams(
        train.TorchPredictor(network), corpora.concatenate(data.valid), streams=train.VALID_STREAMS
    )

    assert recipe == RECIPE
    assert score.per_token == pytest.approx(progress.best_nats, abs=1e-6)


def test_without_a_checkpoint_there_is_no_best_network(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"best\.safetensors: no such checkpoint; run `python -m export train`"):
        train.restore_best(tmp_path)


def test_a_beat_that_is_no_token_is_refused() -> None:
    wrong = RECIPE.model_copy(update={"network": RECIPE.network.model_copy(update={"beat": "bar"})})

    with pytest.raises(SettingsError, match=r"'network\.beat' is 'bar', which is no token of codec 'chorale'"):
        train.make_network(wrong, CODEC)


def test_transposing_moves_the_notes_and_leaves_the_marks() -> None:
    tokens = np.array([0, CODEC.note_token(60, tied=False), CODEC.note_token(48, tied=True), 3, FRAME_END, 1])

    up = train.transposed(tokens, 2)

    assert up.tolist() == [0, CODEC.note_token(62, tied=False), CODEC.note_token(50, tied=True), 3, FRAME_END, 1]


def test_no_transposition_leaves_the_codec_s_range() -> None:
    tokens = np.array([CODEC.note_token(86, tied=False), CODEC.note_token(33, tied=False)])

    assert train.shifts_in_range(tokens, CODEC, (-5, 6)) == (-3, 2)


def test_more_and_more_pieces_stay_in_their_key() -> None:
    training = Training(epochs=10, unshifted_first=0.2, unshifted_last=1.0, unshifted_by=0.5)

    shares = [train.unshifted_share(training, epoch) for epoch in (0, 1, 5, 9)]

    assert shares == pytest.approx([0.2, 0.36, 1.0, 1.0])


def test_streams_hold_every_piece_once_in_a_new_order_each_epoch() -> None:
    training = TRAINING.model_copy(update={"unshifted_first": 1.0, "streams": 4})
    pieces = [Piece(str(index), np.full(8, CODEC.note_token(60 + index, tied=False))) for index in range(6)]

    first, second = (train.epoch_streams(pieces, CODEC, training, epoch) for epoch in (0, 1))

    everything = sorted(np.concatenate([piece.tokens for piece in pieces]))
    assert first.shape == (4, 12)
    assert sorted(first.flat) == sorted(second.flat) == everything
    assert not np.array_equal(first, second)


def test_targets_are_a_token_ahead_and_chunks_join_up() -> None:
    streams = np.arange(20).reshape(2, 10)

    parts = [(inputs.tolist(), targets.tolist()) for inputs, targets in train.chunks(streams, 4)]

    assert parts == [
        ([[0, 1, 2, 3], [10, 11, 12, 13]], [[1, 2, 3, 4], [11, 12, 13, 14]]),
        ([[4, 5, 6, 7], [14, 15, 16, 17]], [[5, 6, 7, 8], [15, 16, 17, 18]]),
    ]


def test_a_stream_forgets_all_of_its_state_or_nothing() -> None:
    network = train.make_network(RECIPE, CODEC)
    blank = network.begin(200)
    state = {name: part + 1 for name, part in blank.items()}
    torch.manual_seed(0)

    mixed = train.forget(state, blank, 0.3)

    lost = mixed["beat"][:, 0] == 0
    assert 30 < lost.sum() < 90
    assert all(torch.equal(part[lost], blank[name][lost]) for name, part in mixed.items())
    assert all(torch.equal(part[~lost], state[name][~lost]) for name, part in mixed.items())


def test_the_average_follows_fast_at_first_and_then_slowly() -> None:
    network = train.make_network(RECIPE, CODEC)
    weight = network.output.weight
    torch.nn.init.ones_(weight)

    averages = {}
    for updates in (0, 10**6):
        mean = {name: torch.zeros_like(part) for name, part in network.state_dict().items()}
        train.average(mean, network, 0.9, updates)
        averages[updates] = mean["output.weight"]

    torch.testing.assert_close(averages[0], 0.9 * weight.detach())
    torch.testing.assert_close(averages[10**6], 0.1 * weight.detach())


def test_the_learning_rate_warms_up_and_then_falls_to_a_hundredth() -> None:
    training = Training(epochs=10, warm_up_epochs=1, learning_rate=1.0)

    rates = [train.learning_rate(training, updates, 10) for updates in (0, 9, 54, 100)]

    assert rates[:2] == pytest.approx([0.1, 1.0])
    assert 0.4 < rates[2] < 0.6
    assert rates[3] == pytest.approx(0.01)
