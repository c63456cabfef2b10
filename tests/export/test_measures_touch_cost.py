"""What notes cost on the grid of 8 steps of loudness: the sum over all ways to write them, by hand."""

import numpy as np
import pytest

from export.corpora.performances import kind, spread
from export.corpora.work import Piece
from export.measures import touch_cost
from export.measures.touch_cost import FIELDS, STEPS, costs, known, table
from export.scoring import Arrays, Logits, Tokens, log_probs
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_KEY, FIRST_LOUDNESS, LOUDNESSES
from livegen.engine import session_cache
from livegen.engine.session_cache import cache_for

CODEC = PerformanceCodec()
VOCAB = len(CODEC.vocabulary)
SONG = (
    "START,velocity 64,60 on,64 on,100 ms,60 off,velocity 72,67 on,velocity 64,71 on,20 ms,velocity 80,72 on,pedal down"
)
PIECE = "START,velocity 8,40 on,10 ms,velocity 16,50 on,velocity 8,52 on,53 on,10 ms,40 off,velocity 127,55 on,30 ms"


class Remembering:
    """Foretells by all that it has heard: its state is a number that no other tokens give."""

    odds = np.random.default_rng(0).normal(0, 2, (997, VOCAB)).astype(np.float32)

    def begin(self, batch: int) -> Arrays:
        return {"heard": np.ones((batch, 1), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        heard, found = np.asarray(state["heard"])[:, 0], []
        for column in tokens.T:
            heard = (heard * 31 + column + 1) % 997
            found.append(self.odds[heard])
        return np.stack(found, axis=1), {"heard": heard[:, None]}


def piece(name: str, texts: str) -> Piece:
    return Piece(name, np.array([CODEC.vocabulary.token(text) for text in texts.split(",")]))


BOTH = [piece("001", SONG), piece("elise", PIECE)]


def chance(told: list[int], token: int, familiarity: float = 0) -> float:
    """Of a token after all that was told, with the cache of a session that heard it."""
    logits, _ = Remembering().step(np.array([told]), Remembering().begin(1))
    odds = logits[0, -1]
    if familiarity:
        cache = cache_for(CODEC)
        assert cache
        for each in told:
            cache.add(each)
        odds = cache.mixed(odds, np.ones(VOCAB, np.bool_), familiarity)
    return float(np.exp(log_probs(odds[None, None])[0, 0, token]))


def nats_of_notes(tokens: list[int], familiarity: float = 0) -> float:
    """The cost of the notes, each a step of loudness and a key: the sum over the ways to write it, from the start."""
    nats, before = 0.0, None
    for at, token in enumerate(tokens):
        is_said = FIRST_LOUDNESS <= tokens[at - 1] < FIRST_KEY
        if FIRST_KEY <= token < CODEC.off(CODEC.low):
            loudness, told = (tokens[at - 1], tokens[: at - 1]) if is_said else (before, tokens[:at])
            assert loudness is not None
            first = loudness - (loudness - FIRST_LOUDNESS) % 2
            ways = [
                chance(told, token, familiarity)
                if way == before
                else chance(told, way, familiarity) * chance([*told, way], token, familiarity)
                for way in (first, first + 1)
            ]
            nats -= float(np.log(sum(ways)))
            before = loudness
    return nats


def of_notes(nats: np.ndarray) -> float:
    return float(nats[FIELDS.index("pitch")] + nats[FIELDS.index("loudness")])


def test_a_note_costs_what_all_ways_to_write_it_leave() -> None:
    found = costs(Remembering(), CODEC, BOTH)

    expected = [nats_of_notes(each.tokens.tolist()) for each in BOTH]
    assert [of_notes(cost.nats[0]) for cost in found] == pytest.approx(expected, rel=1e-5)
    assert [cost.notes for cost in found] == [5, 5]
    assert all(cost.nats[0].sum() < cost.written[0] for cost in found)


def test_other_tokens_cost_what_they_cost_in_the_codec() -> None:
    (cost,) = costs(Remembering(), CODEC, BOTH[:1])

    fields = {"onset": ("100 ms", "20 ms"), "release": ("60 off",), "pedal": ("pedal down",)}
    tokens = BOTH[0].tokens.tolist()
    for field, texts in fields.items():
        wanted = [CODEC.vocabulary.token(text) for text in texts]
        nats = -sum(np.log(chance(tokens[:at], token)) for at, token in enumerate(tokens) if token in wanted)
        assert cost.nats[0, FIELDS.index(field)] == pytest.approx(nats, rel=1e-5)
    whole = -sum(np.log(chance(tokens[: at + 1], after)) for at, after in enumerate(tokens[1:]))
    assert cost.written[0] == pytest.approx(whole, rel=1e-5)


def test_the_steps_of_loudness_share_one_chance() -> None:
    """Whatever step the last note has, its chances given that a note comes add up to 1."""
    told = "START,velocity 64,60 on,100 ms"
    ends = ["64 on"] + [f"velocity {each},64 on" for each in LOUDNESSES if each != 64]
    pieces = [piece("001", f"{told},{end}") for end in ends]
    (first,) = costs(Remembering(), CODEC, [piece("001", told)])

    nats = [cost.nats[0, FIELDS.index("loudness")] for cost in costs(Remembering(), CODEC, pieces)]

    chances = np.exp(first.nats[0, FIELDS.index("loudness")] - np.array(nats))
    assert len(set(chances.round(9))) == STEPS
    assert chances.sum() == pytest.approx(2)  # each step is there twice


def test_no_loudness_is_the_loudness_of_before() -> None:
    told = [CODEC.vocabulary.token(text) for text in ("START", "velocity 64", "60 on", "100 ms")]
    (before,) = costs(Remembering(), CODEC, [Piece("001", np.array(told))])

    (cost,) = costs(Remembering(), CODEC, [Piece("001", np.array([*told, CODEC.on(64)]))])

    changed = {each: chance(told, FIRST_LOUDNESS + at) for at, each in enumerate(LOUDNESSES) if each != 64}
    kept = sum(chance(told, CODEC.on(pitch)) for pitch in range(CODEC.low, CODEC.high + 1))
    share = (kept + changed[56]) / (kept + sum(changed.values()))
    found = (cost.nats - before.nats)[0, FIELDS.index("loudness")]
    assert found == pytest.approx(-np.log(share), rel=1e-5)


def test_pieces_cost_the_same_side_by_side_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [piece(f"{at:03}", ",".join(SONG.split(",")[:at])) for at in (4, 8, 3, 14, 10, 6)]
    together = costs(Remembering(), CODEC, many)
    monkeypatch.setattr(touch_cost, "TOGETHER", 2)

    found = costs(Remembering(), CODEC, many)

    assert np.array([cost.nats for cost in found]) == pytest.approx(np.array([cost.nats for cost in together]))
    assert len({round(cost.nats.sum(), 6) for cost in found}) > 3


def test_what_is_remembered_of_the_session_takes_part_in_every_way() -> None:
    tune = "velocity 64,60 on,velocity 72,64 on,67 on,20 ms,60 off,64 off,67 off,30 ms"
    again = piece("002", ",".join(["START"] + [tune] * 4))

    (cost,) = costs(Remembering(), CODEC, [again], (0.0, 0.5))

    tokens = again.tokens.tolist()
    expected = [nats_of_notes(tokens), nats_of_notes(tokens, 0.5)]
    assert [of_notes(nats) for nats in cost.nats] == pytest.approx(expected, rel=1e-4)
    assert cost.nats[1].sum() < 0.9 * cost.nats[0].sum()


def test_without_a_cache_there_is_nothing_to_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    assert known(CODEC, [0, 0.5, 1]) == [0, 0.5, 1]

    monkeypatch.setattr(session_cache, "WEIGHTS", {})

    assert known(CODEC, [0, 0.5, 1]) == [0]


def test_songs_and_pieces_have_rows_of_their_own_a_note() -> None:
    found = costs(Remembering(), CODEC, [*BOTH, BOTH[0]])

    songs, pieces = table(found, [0.0])

    assert (songs["of"], songs["count"], songs["notes"]) == ("songs", 2, 10)
    assert (pieces["of"], pieces["count"], pieces["notes"]) == ("pieces", 1, 5)
    assert songs["nats a note"].value == pytest.approx(found[0].nats.sum() / 5)
    assert pieces["fine"].value == pytest.approx(found[1].written[0] / 5)
    assert pieces["nats a note"].low == pieces["nats a note"].high == pytest.approx(found[1].nats.sum() / 5)


def test_a_sample_has_as_many_songs_as_pieces_from_all_over_each() -> None:
    pieces = [piece(f"{at:03}", SONG) for at in range(90)] + [piece(f"piece{at}", PIECE) for at in range(10)]

    assert [each.name for each in spread(pieces, 5)] == ["000", "030", "060", "piece0", "piece5"]
    assert [kind(each) for each in spread(pieces, 60)].count("pieces") == 10
