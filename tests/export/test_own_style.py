"""A model tuned to a folder: what is said and written, what its card says, and when nothing is written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from export import own_style, tuning
from export.corpora.work import Report
from export.evaluate import OnnxPredictor
from export.networks.recurrent import Recurrent, Sizes
from export.own_style import measure, tune_to
from export.ship import write
from export.to_onnx import rounded, to_onnx, with_card
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import LivegenError, SettingsError, TargetError
from livegen.model.bundle import load_bundle
from livegen.model.card import CodecCard
from tests.export.test_from_onnx import card_of
from tests.export.test_own_music import phrase, played, session

CODEC = PerformanceCodec()
SMALL = {"epochs": 3, "epoch_tokens": 600, "streams": 2, "chunk": 32, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "SETTINGS", tuning.SETTINGS.model_copy(update=SMALL))
    monkeypatch.setattr(tuning, "STATE_ROUNDS", 1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of performances that knows nothing yet."""
    path = tmp_path_factory.mktemp("base") / "base.onnx"
    torch.manual_seed(0)
    network = rounded(Recurrent(Sizes(len(CODEC.vocabulary), 8, 24, 1, "lstm")))
    card = card_of(network, CodecCard(name="performance", parameters=dict(CODEC.parameters())))
    write(with_card(to_onnx(network), card.model_copy(update={"longest_run": 9})), path)
    return path


def music(folder: Path, count: int) -> Path:
    for number in range(count):
        played(folder / f"{number}.mid", range(40 + number, 80 + number))
    return folder


@contextmanager
def no_bar(what: str) -> Iterator[Report]:
    yield lambda done, whole: None


def tuned(where: Path, base: Path, target: Path) -> str:
    said: list[str] = []
    tune_to(where, str(base), target, said.append, no_bar)
    return "\n".join(said)


def test_a_folder_makes_a_model_that_plays_and_its_gain_is_said(tmp_path: Path, base: Path) -> None:
    said = tuned(music(tmp_path / "My Études", 10), base, tmp_path / "mine.onnx")

    card = load_bundle(str(tmp_path / "mine.onnx")).card
    before, after = card.metrics["before_nats"], card.metrics["test_nats_whole"]
    assert after < 0.95 * before
    assert f"{before:.4f}" in said
    assert f"{after:.4f}" in said
    assert re.search(r"10 files, [\d,]+ tokens; 6 files to learn from", said)
    assert "held out, to decide by: 2.mid, 7.mid\nheld out, for the figures: 4.mid, 9.mid" in said
    assert f"kept: its weights, {100 * (after / before - 1):+.1f} % in " in said
    assert "plays with livegen jam --model" in said


def test_the_card_names_what_it_was_tuned_to_and_the_terms_it_inherits_but_no_place(tmp_path: Path, base: Path) -> None:
    said = tuned(music(tmp_path / "etudes", 5), base, tmp_path / "mine.onnx")

    card = OnnxPredictor(tmp_path / "mine.onnx").card
    assert (card.name, card.title, card.longest_run) == ("mine", "A small one; tuned to 'etudes'", 9)
    assert card.trained_on.corpus == "scales, then 'etudes'"
    assert card.trained_on.credit == "nobody; then 5 files of 'etudes'"
    assert card.trained_on.licence == "tuned from 'small', whose terms it inherits: none; and those of 'etudes'"
    assert card.command == "livegen train etudes --from small"
    assert str(tmp_path) not in card.to_json()
    assert (
        "licence: weights tuned from 'small' inherit its terms (none); and whatever the licence of your files is"
        in said
    )


def test_a_tuned_model_can_be_tuned_again(tmp_path: Path, base: Path) -> None:
    folder = music(tmp_path / "etudes", 5)
    tuned(folder, base, tmp_path / "first.onnx")

    tuned(folder, tmp_path / "first.onnx", tmp_path / "second.onnx")

    first, second = (OnnxPredictor(tmp_path / f"{name}.onnx").card for name in ("first", "second"))
    assert second.metrics["before_nats"] == pytest.approx(first.metrics["test_nats_whole"], abs=1e-3)


def test_a_first_state_that_wins_is_what_is_written(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "tune_weights", lambda base, codec, held, report: deepcopy(base))

    said = tuned(music(tmp_path / "etudes", 5), base, tmp_path / "mine.onnx")

    card = load_bundle(str(tmp_path / "mine.onnx")).card
    assert "kept: its first state, -" in said
    assert [part.name for part in card.state if part.values and max(part.values) != min(part.values)] == ["h1", "c1"]


def test_three_files_are_tuned_to_and_the_little_that_they_teach_is_said(tmp_path: Path, base: Path) -> None:
    said = tuned(music(tmp_path / "few", 3), base, tmp_path / "mine.onnx")

    assert "3 files, " in said
    assert "held out: 2.mid; it decides, and the figures are of it too, so they are a little rosy" in said
    assert "little music teaches little: 10 files or more teach a style" in said
    assert (tmp_path / "mine.onnx").exists()


def test_recorded_sessions_are_tuned_to(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    for number in range(5):
        session(folder / f"{number}.session", [*phrase(10, 60, 50 + number), *phrase(60, 60, 50)], phrase(30))

    said = tuned(folder, base, tmp_path / "mine.onnx")

    assert "5 files, " in said
    assert (tmp_path / "mine.onnx").exists()


def test_in_the_measure_every_file_is_held_out_once(tmp_path: Path, base: Path) -> None:
    *turns, together = measure(music(tmp_path / "etudes", 6), str(base), no_bar)

    held = [name for row in turns for name in row["held out"].split(", ")]
    assert sorted(held) == [f"{number}.mid" for number in range(6)]
    assert min(float(row["as it was"]) for row in turns) <= float(together["as it was"])
    assert float(together["kept"]) < 0.95 * float(together["as it was"])
    assert together["change"] == f"{100 * (float(together['kept']) / float(together['as it was']) - 1):+.1f} %"


REFUSED = {
    "one file": (lambda folder: music(folder, 1), "0.mid is all the music there is; give two files or more"),
    "drums only": (lambda folder: played(folder / "a.mid", channel=9), "a.mid: the file has no pitched notes"),
    "one loudness": (lambda folder: played(folder / "a.mid", velocities=1), "every note has the loudness 50, so no"),
    "no folder": (lambda folder: None, "no such folder; give one with MIDI files, or with recorded sessions"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_tuned_to_is_one_line_and_nothing_is_written(tmp_path: Path, base: Path, what: str) -> None:
    build, said = REFUSED[what]
    build(tmp_path / "music")

    with pytest.raises(LivegenError) as refusal:
        tuned(tmp_path / "music", base, tmp_path / "mine.onnx")

    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "mine.onnx").exists()


def test_where_nothing_helps_nothing_is_written(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "tune_weights", lambda base, codec, held, report: deepcopy(base))
    monkeypatch.setattr(tuning, "tune_state", lambda base, codec, held, report: None)

    with pytest.raises(SettingsError, match="does not help on the files that were held out, so nothing is written"):
        tuned(music(tmp_path / "etudes", 5), base, tmp_path / "mine.onnx")
    assert not (tmp_path / "mine.onnx").exists()


@pytest.mark.parametrize("when", ["tuning", "writing"])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    folder, target = music(tmp_path / "etudes", 5), tmp_path / "mine.onnx"
    target.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(*(tuning, "tune_weights") if when == "tuning" else (own_style.ship, "verify"), interrupt)

    with pytest.raises(KeyboardInterrupt):
        tuned(folder, base, target)

    assert sorted(tmp_path.iterdir()) == before
    assert target.read_bytes() == b"old"


def test_where_it_cannot_be_written_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"mine\.mid: the name of the file to write must end in \.onnx"):
        tuned(tmp_path, Path("piano-lstm"), tmp_path / "mine.mid")
