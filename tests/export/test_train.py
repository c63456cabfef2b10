"""Training: it learns, goes on where it was killed, and is never led by the test part."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from export import checkpoints, corpora, train, training_loop
from export.corpora.work import Piece, concatenate
from export.networks import make_network
from export.recipes import Dropouts, Recipe, Rereading, Training, WindowedLstm
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import SettingsError
from livegen.events import Note
from tests.support.scales import stand_in

CODEC = ChoraleCodec()
TRAINING = Training(epochs=3, streams=32, chunk=64, learning_rate=2e-2, averaging=0.9, test_every=1)
RECIPE = Recipe(
    name="small",
    title="Small",
    corpus="bach-chorales",
    codec="chorale",
    network=WindowedLstm(
        kind="windowed-lstm", embedding=8, window=3, features=8, hidden=8, layers=1, bar=16, beat="|||"
    ),
    dropout=Dropouts(features=0.1, output=0.1),
    training=TRAINING,
)


@pytest.fixture(autouse=True)
def scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path / "cache")


def stop_after(epochs: int) -> training_loop.Report:
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
        train.train(RECIPE, tmp_path / "killed", report=stop_after(1))
    train.train(RECIPE, tmp_path / "killed")

    whole, killed = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert [line["epoch"] for line in lines(tmp_path / "killed")] == [1, 2, 3]


def test_a_run_that_was_told_to_stop_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path / "whole")
    first = train.train(RECIPE, tmp_path / "stopped", until=1)
    again = train.train(RECIPE, tmp_path / "stopped", until=1)
    train.train(RECIPE, tmp_path / "stopped")

    whole, stopped = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "stopped"))
    assert (first.epoch, again) == (1, first)
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    assert [line["epoch"] for line in lines(tmp_path / "stopped")] == [1, 2, 3]


def test_a_run_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()

    train.train(RECIPE, tmp_path)  # TensorBoard's writer has one

    assert threading.active_count() <= before


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
    assert train.restore_best(tmp_path).progress.epoch == 1


def test_the_best_epoch_is_the_one_with_the_best_validation_and_no_other(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path)

    progress = train.restore_best(tmp_path).progress
    best = min(lines(tmp_path), key=lambda line: line["valid_nats"])
    assert (progress.epoch, progress.best_epoch) == (best["epoch"], best["epoch"])


def test_the_best_network_is_the_averaged_one_that_was_validated(tmp_path: Path) -> None:
    train.train(RECIPE, tmp_path)
    heard = concatenate(corpora.load("bach-chorales", "chorale").split.valid)

    trained = train.restore_best(tmp_path)
    score = train.scoring.in_streams(train.TorchPredictor(trained.network), heard, streams=train.VALID_STREAMS)

    assert trained.recipe == RECIPE
    assert trained.codec.parameters() == CODEC.parameters()
    assert score.per_token == pytest.approx(trained.progress.best_nats, abs=1e-6)


def test_without_a_checkpoint_there_is_no_best_network(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"best\.safetensors: no such checkpoint; run `python -m export train`"):
        train.restore_best(tmp_path)


def test_a_beat_that_is_no_token_is_refused() -> None:
    wrong = RECIPE.model_copy(update={"network": RECIPE.network.model_copy(update={"beat": "bar"})})

    with pytest.raises(SettingsError, match=r"'network\.beat' is 'bar', which is no token of codec 'chorale'"):
        make_network(wrong, CODEC)


def test_transposed_pieces_stay_within_the_codec_s_range() -> None:
    training = TRAINING.model_copy(update={"unshifted_first": 0.0, "unshifted_last": 0.0, "shifts": (-12, 12)})
    pieces = [Piece("wide", np.array([CODEC.note_token(pitch, tied=False) for pitch in (87, 32)]))] * 50

    tokens = train.epoch_tokens(pieces, CODEC, training, 0)

    assert sorted(set(tokens.tolist())) == [
        CODEC.note_token(pitch, tied=False) for pitch in (30, 31, 32, 33, 85, 86, 87, 88)
    ]


def test_more_and_more_pieces_stay_in_their_key() -> None:
    training = Training(epochs=10, settled_by=0.5)

    shares = [train.settling((0.2, 1.0), training, epoch) for epoch in (0, 1, 5, 9)]

    assert shares == pytest.approx([0.2, 0.36, 1.0, 1.0])


def test_an_epoch_holds_every_piece_once_in_a_new_order() -> None:
    training = TRAINING.model_copy(update={"unshifted_first": 1.0})
    pieces = [Piece(str(index), np.full(8, CODEC.note_token(60 + index, tied=False))) for index in range(6)]

    first, second = (train.epoch_tokens(pieces, CODEC, training, epoch) for epoch in (0, 1))

    everything = sorted(np.concatenate([piece.tokens for piece in pieces]))
    assert sorted(first) == sorted(second) == everything
    assert not np.array_equal(first, second)


def test_the_parts_of_a_corpus_have_the_shares_that_the_recipe_gives() -> None:
    parts = {"": (0.25, 1.0), "books": (0.75, 0.0)}
    training = Training(epochs=11, settled_by=1.0, parts=parts, epoch_tokens=8000)
    pieces = [Piece(str(index), np.full(10, index), ("", "books")[index % 2]) for index in range(20)]
    random = np.random.default_rng(0)

    drawn = [train.epoch_pieces(pieces, training, epoch, random) for epoch in (0, 11)]

    assert [sum(piece.part == "books" for piece in epoch) for epoch in drawn] == [600, 0]
    assert [len(epoch) for epoch in drawn] == [800, 800]


def test_a_part_that_the_corpus_does_not_have_is_named() -> None:
    training = Training(epochs=1, parts={"ballads": (1, 1)}, epoch_tokens=100)

    with pytest.raises(SettingsError, match=r"'training\.parts' names 'ballads', which the corpus does not have"):
        train.epoch_pieces([Piece("one", np.arange(5))], training, 0, np.random.default_rng(0))


def test_in_streams_each_batch_goes_on_where_the_one_before_it_ended() -> None:
    training = Training(epochs=1, streams=2, chunk=4)

    parts = [part.tolist() for part in train.batches(np.arange(20), training, 0)]

    assert parts == [[[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]], [[4, 5, 6, 7, 8], [14, 15, 16, 17, 18]]]


def test_windows_are_drawn_anew_each_epoch_and_cover_every_token() -> None:
    training = Training(epochs=1, streams=3, chunk=4, batches="windows")

    first, second = (np.concatenate(train.batches(np.arange(12), training, epoch)).tolist() for epoch in (0, 1))

    assert sorted(first) == sorted(second) == [list(range(begin, begin + 5)) for begin in range(8)]
    assert first != second


def test_music_shorter_than_a_chunk_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"the music has 4 tokens; 'training\.chunk' wants more than 4"):
        train.batches(np.arange(4), Training(epochs=1, chunk=4), 0)


@pytest.mark.parametrize("targets", ["all", "last"])
def test_a_network_that_reads_its_window_anew_learns_too(tmp_path: Path, targets: str) -> None:
    network = Rereading(kind="rereading", cell="gru", bidirectional=True, embedding=8, window=6, hidden=16)
    training = Training(
        epochs=3, batches="windows", windows=4000, targets=targets, chunk=6, learning_rate=1e-2, averaging=0
    )

    progress = train.train(RECIPE.model_copy(update={"network": network, "training": training}), tmp_path)

    assert progress.best_nats < 1.5


def test_a_stream_forgets_all_of_its_state_or_nothing() -> None:
    network = make_network(RECIPE, CODEC)
    blank = network.begin(200)
    state = {name: part + 1 for name, part in blank.items()}
    torch.manual_seed(0)

    mixed = train.forget(state, blank, 0.3)

    lost = mixed["beat"][:, 0] == 0
    assert 30 < lost.sum() < 90
    assert all(torch.equal(part[lost], blank[name][lost]) for name, part in mixed.items())
    assert all(torch.equal(part[~lost], state[name][~lost]) for name, part in mixed.items())


def test_the_average_follows_fast_at_first_and_then_slowly() -> None:
    network = make_network(RECIPE, CODEC)
    weight = network.output.weight
    torch.nn.init.ones_(weight)

    averages = {}
    for updates in (0, 10**6):
        mean = {name: torch.zeros_like(part) for name, part in network.state_dict().items()}
        checkpoints.average(mean, network, 0.9, updates)
        averages[updates] = mean["output.weight"]

    torch.testing.assert_close(averages[0], 0.9 * weight.detach())
    torch.testing.assert_close(averages[10**6], 0.1 * weight.detach())


def test_performances_are_learnt_at_other_tempos_louder_and_softer() -> None:
    codec = PerformanceCodec()
    training = TRAINING.model_copy(
        update={"unshifted_first": 0.0, "unshifted_last": 0.0, "paces": (0.5, 2.0), "louder": 2}
    )
    piece = Piece("scale", np.array(codec.encode([Note(480 * step, 60 + step, 480, 64) for step in range(8)])))

    epochs = [train.epoch_tokens([piece], codec, training, epoch).tolist() for epoch in range(40)]

    texts = [[codec.vocabulary.text(token) for token in tokens] for tokens in epochs]
    lengths = [sum(int(text[:-3]) for text in each if text.endswith(" ms")) / 2400 for each in texts]
    assert 0.5 <= min(lengths) < 0.8 < 1.3 < max(lengths) <= 2.01
    loud = {text for each in texts for text in each if text.startswith("velocity")}
    assert loud == {f"velocity {velocity}" for velocity in (48, 56, 64, 72, 80)}


def test_music_without_loudness_is_learnt_as_it_is() -> None:
    training = TRAINING.model_copy(update={"shifts": (0, 0), "paces": (0.5, 2.0), "louder": 2})
    piece = Piece("one", np.full(8, CODEC.note_token(60, tied=False)))

    assert train.epoch_tokens([piece], CODEC, training, 0).tolist() == piece.tokens.tolist()
