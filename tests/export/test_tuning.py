"""Tuning: what is held out, what is learned, what is kept; and the figures are true."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from export import scoring, train, tuning
from export.corpora.work import Piece
from export.networks.network import Network
from export.networks.recurrent import Recurrent, Sizes
from export.networks.rereading import Rereading
from export.networks.rereading import Sizes as RereadingSizes
from export.tuning import Held, divide, score
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import SettingsError
from livegen.events import Note

CODEC = PerformanceCodec()
SMALL = {"epochs": 3, "epoch_tokens": 600, "streams": 2, "chunk": 32, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "SETTINGS", tuning.SETTINGS.model_copy(update=SMALL))
    monkeypatch.setattr(tuning, "STATE_ROUNDS", 3)


def no_report(done: int, whole: int) -> None:
    """Without progress reports."""


def scale(name: str, begin: int, count: int = 60) -> Piece:
    notes = [Note(160 * n, 48 + (begin + n) % 24, 128, 60 + 8 * (n % 4)) for n in range(count)]
    return Piece(name, np.array(CODEC.encode(notes), np.int64))


def scales(count: int) -> list[Piece]:
    return [scale(f"{number}.mid", number, 40 + number) for number in range(count)]


def network() -> Network:
    torch.manual_seed(0)
    return Recurrent(Sizes(len(CODEC.vocabulary), 8, 24, 1, "lstm")).eval()


def names(pieces: tuple[Piece, ...]) -> list[str]:
    return [piece.name for piece in pieces]


def test_of_ten_files_two_report_two_decide_and_six_are_learned() -> None:
    held = divide(scales(10))

    assert names(held.reported) == ["4.mid", "9.mid"]
    assert names(held.deciding) == ["2.mid", "7.mid"]
    assert names(held.learned) == ["0.mid", "1.mid", "3.mid", "5.mid", "6.mid", "8.mid"]
    assert held.is_apart


def test_in_five_turns_every_file_is_reported_on_once() -> None:
    turns = [divide(scales(10), turn) for turn in range(5)]

    assert sorted(name for held in turns for name in names(held.reported)) == sorted(names(tuple(scales(10))))
    for held in turns:
        every = [*names(held.learned), *names(held.deciding), *names(held.reported)]
        assert (len(every), len(set(every))) == (10, 10)


def test_pieces_of_one_file_stay_together() -> None:
    pieces = [piece for piece in scales(5) for _ in range(3)]

    held = divide(pieces)

    assert (names(held.reported), len(held.learned)) == (["4.mid"] * 3, 9)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_few_files_the_last_decides_and_reports(count: int) -> None:
    held = divide(scales(count))

    assert names(held.deciding) == names(held.reported) == [f"{count - 1}.mid"]
    assert (len(held.learned), held.is_apart) == (count - 1, False)


def test_of_one_session_in_parts_a_part_is_held_out() -> None:
    parts = [scale("evening.session", number) for number in range(3)]

    held = divide(parts)

    assert (held.learned, held.reported) == ((parts[0], parts[1]), (parts[2],))


def test_one_piece_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^0\.mid is all the music there is; give two files or more"):
        divide(scales(1))


def test_the_score_is_that_of_each_whole_piece() -> None:
    ours, pieces = network(), [*scales(9), scale("long.mid", 3, 700)]

    found = score(ours, pieces)

    predictor = train.TorchPredictor(ours)
    wanted = sum((scoring.whole_piece(predictor, piece) for piece in pieces), scoring.Score(0.0, 0))
    assert found.tokens == wanted.tokens
    assert found.nats == pytest.approx(wanted.nats, rel=1e-5)


def test_the_weights_learn_and_the_model_as_it_was_stays_as_it_was() -> None:
    base, held = network(), divide(scales(10))
    before = deepcopy(base.state_dict())

    ways = tuning.tune(base, CODEC, held, no_report)

    assert [way.name for way in ways] == ["as it was", "its first state", "its weights"]
    assert ways[2].reported < 0.9 * ways[0].reported
    assert ways[2].reported == pytest.approx(score(ways[2].network, held.reported).per_token)
    assert ways[2].deciding == pytest.approx(score(ways[2].network, held.deciding).per_token)
    assert [name for name, weight in base.state_dict().items() if not weight.equal(before[name])] == []


def test_the_share_of_the_way_is_what_the_deciding_pieces_like_best(monkeypatch: pytest.MonkeyPatch) -> None:
    base, held = network(), divide(scales(10))

    tuned = tuning.tune_weights(base, CODEC, held, no_report)
    monkeypatch.setattr(tuning, "SHARES", (0.01, *tuning.SHARES))
    again = tuning.tune_weights(base, CODEC, held, no_report)
    monkeypatch.setattr(tuning, "SHARES", (0.01,))
    hardly = tuning.tune_weights(base, CODEC, held, no_report)

    scores = [score(each, held.deciding).nats for each in (tuned, again, hardly)]
    assert scores[0] == scores[1] < scores[2]


def test_between_two_networks_lie_their_means() -> None:
    base, other = network(), network()
    with torch.no_grad():
        for weight in other.parameters():
            weight += 1

    half = tuning.between(base, other, 0.5)

    for name, weight in base.state_dict().items():
        torch.testing.assert_close(half.state_dict()[name], weight + 0.5)


def test_a_first_state_is_learned_with_the_weights_as_they_were() -> None:
    base, held = network(), divide(scales(10))

    tuned = tuning.tune_state(base, CODEC, held, no_report)

    assert tuned is not None
    assert sorted(tuned.initial) == ["c1", "h1"]
    assert score(tuned, held.deciding).nats < score(base, held.deciding).nats
    assert not base.initial
    for name, weight in base.state_dict().items():
        assert tuned.state_dict()[name].equal(weight)


def test_a_network_that_remembers_tokens_has_no_first_state_to_learn() -> None:
    base = Rereading(RereadingSizes(len(CODEC.vocabulary), 8, 5, 24))

    assert tuning.tune_state(base, CODEC, Held(*[tuple(scales(2))] * 3), no_report) is None


def test_of_long_pieces_the_beginnings_decide_and_all_of_them_is_reported_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "LOOK_TOKENS", 600)
    pieces = (scale("long.mid", 0, 400), scale("short.mid", 1, 20))
    base = network()

    seen = tuning.beginnings(pieces)
    (before, *_) = tuning.tune(base, CODEC, Held(pieces, pieces, pieces), no_report)

    assert [len(piece.tokens) for piece in seen] == [300, len(pieces[1].tokens)]
    assert before.reported == pytest.approx(score(base, pieces).per_token)
    assert before.deciding == pytest.approx(score(base, seen).per_token)


def test_what_takes_too_long_ends_with_what_was_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    base, held, looks = network(), divide(scales(10)), list[int]()
    monkeypatch.setattr(tuning, "SETTINGS", tuning.SETTINGS.model_copy(update={"epochs": 1000}))
    monkeypatch.setattr(tuning, "LONGEST_S", 0.5)

    tuned = tuning.tune_weights(base, CODEC, held, lambda done, whole: looks.append(done))

    assert 1 < len(looks) < 500
    assert score(tuned, held.deciding).nats < score(base, held.deciding).nats
