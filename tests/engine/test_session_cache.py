"""What a session remembers, and how it speaks beside the network."""

import numpy as np
import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_WAIT
from livegen.engine import session_cache
from livegen.engine.engine import Engine
from livegen.engine.session_cache import CAPACITY, LONGEST, WEIGHTS, PlayedCache, SessionCache, cache_for
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.bundle import load_bundle
from livegen.settings import load
from livegen.tools.render import converse
from tests.engine.test_engine import HYMN, played
from tests.support.hall import Hall

VOCABULARY = 10
EVERYTHING = np.ones(VOCABULARY, np.bool_)
EVEN = np.zeros(VOCABULARY, np.float32)


def cache_of(*tokens: int) -> SessionCache:
    cache = SessionCache(WEIGHTS["note_duration"], VOCABULARY)
    for token in tokens:
        cache.add(token)
    return cache


def chances(cache: SessionCache, familiarity: float = 1.0, mask: np.ndarray = EVERYTHING) -> np.ndarray:
    odds = cache.mixed(EVEN, mask, familiarity)
    found = np.where(mask, np.exp(odds.astype(np.float64)), 0)
    return np.asarray(found / found.sum())


def test_what_followed_the_last_time_is_likelier_now() -> None:
    found = chances(cache_of(1, 2, 3, 4, 5, 1, 2, 3))

    assert found.argmax() == 4
    assert found[4] > 0.3
    assert found.sum() == pytest.approx(1)


def test_the_longer_it_agrees_the_more_it_counts() -> None:
    tune = (1, 2, 3, 4, 5, 6, 7, 8)

    found = [chances(cache_of(*tune, *tune[:count]), 0.5)[tune[count]] for count in (1, 2, 4, 6)]

    assert found == sorted(found)
    assert found[-1] > 3 * found[0]


def test_what_does_not_agree_says_nothing() -> None:
    assert cache_of(1, 2, 3).mixed(EVEN, EVERYTHING, 1.0) is EVEN
    assert cache_of().mixed(EVEN, EVERYTHING, 1.0) is EVEN


def test_without_familiarity_the_network_is_alone() -> None:
    assert cache_of(1, 2, 1).mixed(EVEN, EVERYTHING, 0.0) is EVEN


def test_a_vote_for_what_may_not_come_is_none() -> None:
    mask = EVERYTHING.copy()
    mask[2] = False

    found = chances(cache_of(1, 2, 5, 1), mask=mask)

    assert found[2] == 0
    assert np.ptp(found[mask]) == pytest.approx(0)


def test_a_long_quotation_of_our_own_fades() -> None:
    quote = WEIGHTS["note_duration"].quote

    def share(count: int, *, is_own: bool) -> float:
        rng = np.random.default_rng(0)
        line = tuple(int(token) for token in rng.integers(0, VOCABULARY, 80))
        cache = cache_of(*line)
        for token in line[:count]:
            cache.add(token, is_own=is_own)
        return float(chances(cache)[line[count]])

    assert share(quote, is_own=True) > 0.7
    assert share(quote + 12, is_own=True) < 0.3
    assert share(quote + 12, is_own=False) > 0.7  # a player who repeats a tune is expected to go on


def test_what_is_taken_back_was_never_played() -> None:
    cache, other = cache_of(1, 2, 3, 4, 1, 2, 9, 9), cache_of(1, 2, 3, 4, 1, 2)

    cache.go(6)

    assert cache.position == other.position == 6
    assert chances(cache).tolist() == chances(other).tolist()


def test_a_long_evening_stays_bounded_and_the_newest_is_known() -> None:
    cache = cache_of(*(int(token) for token in np.random.default_rng(1).integers(0, 8, CAPACITY + 5_000)), 8, 9, 8)

    assert cache.position == CAPACITY + 5_003
    assert chances(cache).argmax() == 9
    cache.go(3)  # of what is forgotten nothing comes back
    assert cache.position == cache._forgotten


def test_what_is_long_ago_fades_and_does_not_end_at_once() -> None:
    era = CAPACITY // 4
    cache = cache_of(*(at // era for at in range(3 * CAPACITY)))

    known = np.bincount(cache._played[1 : cache._end] >> 1, minlength=12)
    assert known[-1] == era
    assert np.count_nonzero(known) >= 7  # and not only the newest four or five
    assert known[-5:].sum() > 3 * known[:-5].sum() > 0
    assert cache.nbytes <= 512_000
    assert cache.between(cache.position - 3, cache.position) == (11, 11, 11)
    assert cache.between(10, 20) == ()


def test_a_full_memory_of_hundreds_of_sounds_is_small() -> None:
    cache = SessionCache(WEIGHTS["note_duration"], 2_500, np.arange(2_500) // 4)
    cache.extend(np.random.default_rng(2).integers(0, 2_500, CAPACITY).tolist())

    cache.mixed(np.zeros(2_500, np.float32), np.ones(2_500, np.bool_), 1.0)

    assert cache.nbytes <= 512_000


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_the_weights_have_a_row_for_each_agreement(weights: object) -> None:
    assert len(weights.votes) == len(weights.shares) == LONGEST + 1  # type: ignore[attr-defined]


MOTIF = (67, 71, 74, 79, 78, 74, 71, 69)


@pytest.mark.parametrize("shift", [1000, -1000])
def test_logits_may_lie_anywhere(shift: int) -> None:
    cache = cache_of(*(1, 2, 3, 4) * 4, 1, 2)
    odds = np.linspace(0, 2, VOCABULARY, dtype=np.float32)

    near, far = (cache.mixed(odds + at, EVERYTHING, 1.0) for at in (0, shift))

    np.testing.assert_allclose(far - far.max(), near - near.max(), atol=1e-3)


def answer(model: str, familiarity: float, seed: int = 1) -> list[int]:
    """The pitches that are answered to a motif that was played three times."""
    settings = load(None, {"play": {"model": model, "seed": seed}, "sampling": {"familiarity": familiarity}})
    heard = played(tuple((pitch, 1) for pitch in MOTIF * 3))
    machine = converse(Engine(load_bundle(model), settings), heard)
    return [timed.event.pitch for timed in machine if isinstance(timed.event, NoteOn)]


def test_an_answer_takes_up_more_of_the_phrase_with_memory_than_without() -> None:
    def share(familiarity: float) -> float:
        steps = {tuple(np.diff(MOTIF * 2)[at : at + 2]) for at in range(len(MOTIF))}
        found = []
        for seed in range(1, 5):
            own = np.diff(answer("piano-lstm", familiarity, seed))
            runs = [tuple(own[at : at + 2]) for at in range(len(own) - 1)]
            found += [run in steps for run in runs]
        return sum(found) / len(found)

    assert share(2.0) > share(0.0) + 0.1


def test_the_same_session_gives_the_same_answer() -> None:
    assert answer("folk-char", 1.0) == answer("folk-char", 1.0)


def test_an_answer_that_was_taken_back_is_not_remembered() -> None:
    """A key that is pressed ends the answer: what had not sounded was not played."""
    engine = Engine(load_bundle("folk-char"), load(None, {"play": {"model": "folk-char", "seed": 1}}))
    heard = played(HYMN)
    converse(engine, heard)
    cache = engine._composer._cache
    assert cache is not None
    before = cache.position
    late_ns = heard[-1].at_ns + 60_000_000_000

    engine.hear(Timed(late_ns, NoteOn(60)))
    engine.hear(Timed(late_ns + 10_000_000, NoteOff(60)))

    assert cache.position <= before


@pytest.mark.parametrize(("model", "expected"), [("folk-char", 0.6), ("piano-lstm", 0), ("elise-gru", 0)])
def test_of_solos_only_those_of_tunes_take_up_what_was_played(model: str, expected: float) -> None:
    engine = Engine(load_bundle(model), load(None, {"play": {"model": model, "role": "solo", "seed": 1}}))

    engine.imagine(0)

    assert engine._part is not None
    assert engine._part.stream._familiarity == expected


@pytest.mark.parametrize("model", ["folk-char", "folk-lstm"])
def test_a_solo_of_tunes_does_not_quote_itself_for_ever(model: str) -> None:
    hall = Hall(load_bundle(model), {"play": {"role": "solo", "role_after_touch": "solo", "seed": 1}})
    while hall.now_ns < 15 * 60 * NS_PER_S:
        hall.step(100 * NS_PER_MS)

    pitches = [timed.event.pitch for timed in hall.onsets() if timed.at_ns > 10 * 60 * NS_PER_S]
    runs = [tuple(pitches[at : at + 12]) for at in range(len(pitches) - 11)]
    assert len(set(runs)) > len(runs) / 3


KIN = np.array([0, 1, 2, 3, 4, 5, 2, 3, 4, 5])  # 6 to 9 are 2 to 5 in another length


def cache_with_lengths(*tokens: int) -> SessionCache:
    cache = SessionCache(WEIGHTS["note_duration"], VOCABULARY, KIN)
    for token in tokens:
        cache.add(token)
    return cache


def test_a_sound_of_another_length_does_not_end_the_agreement() -> None:
    told = (1, 2, 3, 4, 5, 0, 1, 6, 3)  # the second time 2 is longer

    assert chances(cache_with_lengths(*told))[4] > 1.5 * chances(cache_of(*told))[4]


def test_what_followed_is_likelier_in_any_length() -> None:
    found = chances(cache_with_lengths(1, 2, 3, 4, 5, 1, 2, 3))

    assert found.argmax() == 4
    assert found[8] > 1.2 * found[9] > 0
    assert found.sum() == pytest.approx(1)


def test_the_codec_of_notes_with_durations_says_which_sounds_differ_in_length_only() -> None:
    codec = NoteDurationCodec(chords=["60.64 0.5", "60.64 1.0"])
    kin = codec.kin()
    assert kin is not None

    def number(text: str) -> int:
        return int(kin[codec.vocabulary.token(text)])

    assert number("60 0.5") == number("60 2.0") != number("61 0.5")
    assert number("60.64 0.5") == number("60.64 1.0") != number("60 0.5")
    assert number("rest 0.5") != number("rest 1.0")


class PlainCache:
    """As ``SessionCache``, in plain Python and slow: every token that is kept is looked at for every question."""

    def __init__(self, weights: session_cache.Weights, kin: np.ndarray | None) -> None:
        self.weights = weights
        self.kin = np.arange(VOCABULARY) if kin is None else kin
        self.has_kin = kin is not None
        self.tokens: list[int] = []
        self.own: list[bool] = []
        self.forgotten = 0

    @property
    def position(self) -> int:
        return self.forgotten + len(self.tokens)

    def add(self, token: int, *, is_own: bool) -> None:
        if len(self.tokens) == session_cache.CAPACITY:
            self.forget()
        self.tokens.append(token)
        self.own.append(is_own)

    def go(self, position: int) -> None:
        kept = max(0, position - self.forgotten)
        del self.tokens[kept:], self.own[kept:]

    def forget(self) -> None:
        block, count = session_cache._BLOCK, session_cache._FORGOTTEN
        blocks = np.random.default_rng(self.forgotten).choice(
            session_cache._OLDER // block, count // block, replace=False
        )
        kept = [at for at in range(len(self.tokens)) if at // block not in blocks]
        self.tokens, self.own = [self.tokens[at] for at in kept], [self.own[at] for at in kept]
        self.forgotten += count

    def agreement(self, place: int) -> int:
        """How many tokens up to this place are the newest ones; another length does not count, and is no end."""
        count = 0
        for here, newest in zip(reversed(self.tokens[: place + 1]), reversed(self.tokens), strict=False):
            if self.kin[here] != self.kin[newest]:
                break
            count += here == newest
        return min(count, 64)

    def chances(self, odds: np.ndarray, mask: np.ndarray, familiarity: float) -> np.ndarray:
        weights, newest = self.weights, len(self.tokens) - 1
        own = np.where(mask, np.exp(odds.astype(np.float64)), 0)
        own /= own.sum()
        agreeing = {
            place: self.agreement(place)
            for place in range(newest)
            if self.kin[self.tokens[place]] == self.kin[self.tokens[newest]]
        }
        longest = max(agreeing.values(), default=0)
        strongest = weights.votes[min(longest, LONGEST)]
        least = next(count for count in range(LONGEST + 1) if weights.votes[count] > strongest - 9)
        votes, plain, voted = np.zeros(VOCABULARY), 0.0, 0.0
        for place, count in agreeing.items():
            if count >= least:
                vote = np.exp(weights.votes[min(count, LONGEST)]) * (1 + newest - place) ** -weights.age
                plain += vote
                vote *= weights.own if self.own[place + 1] else 1
                voted += vote
                votes[self.tokens[place + 1]] += vote * mask[self.tokens[place + 1]]
        if not votes.any():
            return own
        votes /= votes.sum()
        if self.has_kin:
            wanted, offered = (np.bincount(self.kin, each, minlength=VOCABULARY) for each in (votes, own))
            votes = 0.9 * votes + 0.1 * own * (wanted / np.maximum(offered, 1e-300))[self.kin]
        ours = next((count for count, is_own in enumerate(reversed(self.own)) if not is_own), len(self.own))
        fading = 1.5 ** max(0, min(longest, ours) - weights.quote)
        share = weights.shares[min(longest, LONGEST)] / fading * weights.lift * familiarity * voted / plain
        share = min(share, 0.95)
        return np.asarray((1 - share) * own + share * votes)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kin", [None, KIN])
@pytest.mark.parametrize("codec", ["abc", "note_duration"])
def test_the_cache_says_what_a_plain_one_says(
    codec: str, kin: np.ndarray | None, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is added, taken back and forgotten, in any order."""
    for name, count in (("CAPACITY", 256), ("_FORGOTTEN", 32), ("_OLDER", 192), ("_BLOCK", 8)):
        monkeypatch.setattr(session_cache, name, count)
    chance = np.random.default_rng(seed)
    cache, plain = SessionCache(WEIGHTS[codec], VOCABULARY, kin), PlainCache(WEIGHTS[codec], kin)
    alphabet = chance.choice(VOCABULARY, 2 + 2 * seed, replace=False)
    longest = 0

    def play(count: int) -> None:
        """A passage from before, with slips: other sounds and other lengths."""
        begin = int(chance.integers(0, max(1, len(plain.tokens) - count)))
        slips, lengths = chance.choice([0, 0, 0.1]), chance.choice([0, 0.1, 0.6])
        is_own = bool(chance.random() < 0.7)
        for told in (plain.tokens[begin : begin + count] + chance.choice(alphabet, count).tolist())[:count]:
            token = int(chance.choice(alphabet)) if chance.random() < slips else told
            if token > 1 and chance.random() < lengths:
                token = 2 + (token + 2) % 8  # the other length of it
            if is_own:
                cache.extend([token])
            else:
                cache.add(token)
            plain.add(token, is_own=is_own)

    for _ in range(300):
        play(int(chance.choice([1, 1, 1, 1, 2, 5, 12, 33, 90])))
        if chance.random() < 0.3:
            back = int(chance.choice([1, 3, 15, 200]))
            cache.go(plain.position - back)
            plain.go(plain.position - back)
            play(int(chance.integers(0, back + 3)))
        odds = chance.normal(size=VOCABULARY).astype(np.float32) * 3
        mask = chance.random(VOCABULARY) < 0.8
        mask[0] = True
        familiarity = float(chance.choice([0.5, 1, 2]))

        said = cache.mixed(odds, mask, familiarity)

        found = np.where(mask, np.exp(said.astype(np.float64)), 0)
        assert said.dtype == np.float32
        assert found / found.sum() == pytest.approx(plain.chances(odds, mask, familiarity), rel=1e-5)
        assert cache.position == plain.position
        longest = max(longest, *(plain.agreement(place) for place in range(len(plain.tokens) - 1)), 0)
    assert plain.forgotten > 0
    assert longest > 50


def test_what_we_played_ourselves_has_less_of_a_say() -> None:
    told, own = cache_of(1, 2, 3, 4, 5), cache_of()
    own.extend((1, 2, 3, 4, 5))
    for cache in (told, own):
        for token in (1, 2, 3):
            cache.add(token)

    assert EVEN[4] < chances(own)[4] < 0.6 * chances(told)[4]


PLAYED = PerformanceCodec()


def played_cache(*pitches: int) -> PlayedCache:
    """Notes, each after a wait of another length, with key-ups in between."""
    cache = cache_for(PLAYED)
    assert isinstance(cache, PlayedCache)
    for place, pitch in enumerate(pitches):
        for token in (FIRST_WAIT + 3 * place, PLAYED.on(pitch), FIRST_WAIT + 5 + place, PLAYED.off(pitch)):
            cache.add(token)
    return cache


def notes_of(cache: PlayedCache, familiarity: float = 1.0) -> np.ndarray:
    """Chances of the notes from even odds, among all tokens [pitches]."""
    vocab = len(PLAYED.vocabulary)
    odds = cache.mixed(np.zeros(vocab, np.float32), np.ones(vocab, np.bool_), familiarity).astype(np.float64)
    return np.asarray((np.exp(odds) / np.exp(odds).sum())[PLAYED.begins])


def test_a_note_is_known_from_the_line_before_it_in_another_time_and_key() -> None:
    cache = played_cache(60, 62, 65, 64, 72, 50, 65, 67, 70)

    chances = notes_of(cache)

    assert chances.argmax() + 21 == 69
    assert chances[69 - 21] > 2 * np.delete(chances, 69 - 21).max()


def test_the_line_says_which_note_begins_and_not_whether_one_does() -> None:
    cache = played_cache(60, 62, 65, 64, 72, 50, 65, 67, 70)

    with_them, without = notes_of(cache).sum(), notes_of(cache, 0.0).sum()

    assert with_them == pytest.approx(without, rel=1e-5)


def test_notes_that_are_taken_back_are_not_known() -> None:
    cache, plain = played_cache(60, 62, 65), played_cache(60, 62, 65)
    position = cache.position
    for token in (FIRST_WAIT + 9, PLAYED.on(64), FIRST_WAIT + 9, PLAYED.off(64), PLAYED.on(60), FIRST_WAIT + 9):
        cache.add(token)

    cache.go(position)
    for each in (cache, plain):
        for pitch in (60, 62):
            each.add(PLAYED.on(pitch))
            each.add(FIRST_WAIT + 9)

    assert notes_of(cache).argmax() + 21 == 65
    assert notes_of(cache).tolist() == notes_of(plain).tolist()


def test_of_a_chord_the_highest_note_is_of_the_line_in_whatever_order_it_is_struck() -> None:
    cache = played_cache(60, 62, 65, 64, 50)
    for chord in ((55, 67, 48), (69, 52)):
        for token in (*map(PLAYED.on, chord), FIRST_WAIT + 9, *map(PLAYED.off, chord)):
            cache.add(token)

    before = notes_of(cache)
    cache.add(PLAYED.on(47))
    within = notes_of(cache)
    cache.add(PLAYED.on(76))
    above = notes_of(cache)

    assert before.argmax() + 21 == within.argmax() + 21 == 72  # three semitones above 69, as after 62
    assert above[72 - 21] <= above[75 - 21]


def test_a_note_that_is_known_but_not_allowed_is_not_said() -> None:
    cache = played_cache(60, 62, 65, 64, 72, 50, 65, 67, 70)
    mask = PLAYED.begins.copy()
    mask[PLAYED.on(69)] = False

    odds = cache.mixed(np.zeros(len(mask), np.float32), mask, 1.0)

    assert np.isfinite(odds[mask]).all()
    assert odds[PLAYED.on(69)] <= odds[mask].min()
