"""Performances: keys, loudness, pedal and waits come back as they were played, whole or as they happen."""

import random
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import (
    BEAT_NS,
    GRID_TICKS,
    LONGEST_WAIT,
    LOUDNESSES,
    START,
    STEP_NS,
    PerformanceCursor,
    loudness_token,
    on_grid,
    wait_tokens,
)
from livegen.codecs.performance_writing import begun
from livegen.events import (
    ALL_NOTES_OFF,
    RESET_CONTROLLERS,
    SOFT_PEDAL,
    SUSTAIN_PEDAL,
    TICKS_PER_QUARTER,
    ControlChange,
    Event,
    Note,
    NoteOff,
    NoteOn,
    Ticked,
    Timed,
)
from livegen.music.key import Key
from livegen.music.tempo_map import SteadyTempo

CODEC = PerformanceCodec()
DOWN, UP = ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0)


def texts(tokens: Iterable[int]) -> list[str]:
    return [CODEC.vocabulary.text(token) for token in tokens]


def at(step: int, event: Event) -> Ticked:
    return Ticked(step * GRID_TICKS, event)


def played(*events: tuple[int, Event]) -> list[Ticked]:
    """Events, each with its moment in steps."""
    return [at(step, event) for step, event in events]


def round_trip(events: Iterable[Ticked]) -> list[Ticked]:
    return CODEC.decode_events(CODEC.encode_events(events))


def some_performance(chance: random.Random) -> list[Ticked]:
    """Keys and a pedal on the grid, their order within a moment by chance."""
    moments: dict[int, list[Event]] = {}
    held: dict[int, list[range]] = {}
    for _ in range(chance.randint(1, 60)):
        pitch = chance.choice((60, 64, 67, chance.randint(21, 108)))
        begin = chance.choice((0, 5, chance.randint(0, 3000)))
        end = begin + chance.choice((1, 2, chance.randint(1, 60), chance.randint(1, 1200)))
        if all(end < other.start or other.stop < begin for other in held.setdefault(pitch, [])):
            held[pitch].append(range(begin, end))
            moments.setdefault(begin, []).append(NoteOn(pitch, chance.choice(LOUDNESSES)))
            moments.setdefault(end, []).append(NoteOff(pitch))
    for index, step in enumerate(sorted({chance.randint(0, 4000) for _ in range(chance.choice((0, 2, 20)))})):
        moments.setdefault(step, []).append(UP if index % 2 else DOWN)
    ordered = [(step, chance.sample(moments[step], len(moments[step]))) for step in sorted(moments)]
    return completed([at(step, event) for step, events in ordered for event in events])


def completed(events: Sequence[Ticked]) -> list[Ticked]:
    """With the pedal up at the end."""
    pedals = [ticked.event for ticked in events if isinstance(ticked.event, ControlChange)]
    last = events[-1].tick + GRID_TICKS
    return [*events, Ticked(last, UP)] if pedals and pedals[-1] == DOWN else list(events)


def struck_again(chance: random.Random) -> list[Ticked]:
    """One key, as fast as it goes: up and down at the same moment."""
    steps = sorted(chance.sample(range(200), 20))
    events = played((steps[0], NoteOn(60, 64)))
    for step in steps[1:]:
        events += played((step, NoteOff(60)), (step, NoteOn(60, chance.choice(LOUDNESSES))))
    return [*events, *played((steps[-1] + 1, NoteOff(60)))]


def test_one_event_is_one_token() -> None:
    events = played(
        (0, NoteOn(60, 72)), (0, DOWN), (25, NoteOn(64, 72)), (25, NoteOn(67, 80)), (88, NoteOff(60)), (88, UP)
    )

    tokens = CODEC.encode_events([*events, *played((700, NoteOff(64)), (700, NoteOff(67)))])

    assert texts(tokens) == [
        *("START", "velocity 72", "60 on", "pedal down", "250 ms", "64 on", "velocity 80", "67 on"),
        *("500 ms", "130 ms", "60 off", "pedal up", "5000 ms", "1000 ms", "120 ms", "64 off", "67 off", "END"),
    ]


def test_a_thousand_performances_are_the_same_after_encoding_and_decoding() -> None:
    performances = [some_performance(random.Random(seed)) for seed in range(900)]
    performances += [struck_again(random.Random(seed)) for seed in range(100)]

    again = [round_trip(performance) for performance in performances]

    assert again == performances


def test_a_thousand_performances_are_the_same_event_by_event() -> None:
    for seed in range(1000):
        performance = some_performance(random.Random(seed))
        (writer, _), out = begun(CODEC, CODEC.begin()), CODEC.step(CODEC.begin(), START)[0]
        for ticked in performance:
            writer, tokens = writer.hear(ticked)  # in, as it happens ...
            settled: list[Ticked] = []
            for token in tokens:  # ... and out, token by token
                assert CODEC.mask(out)[token]
                out, events = CODEC.step(out, token)
                settled += events

            assert settled == [ticked]


def test_what_was_told_does_not_depend_on_what_comes() -> None:
    performance = some_performance(random.Random(3))
    whole = CODEC.encode_events(performance)

    for count in range(len(performance)):
        writer, told = begun(CODEC, CODEC.begin())
        for ticked in performance[:count]:
            writer, tokens = writer.hear(ticked)
            told += tokens
        assert list(told) == whole[: len(told)]


@st.composite
def anything(draw: st.DrawFn) -> list[Ticked]:
    """What no keyboard should send: off the grid, note-offs of nothing, doubled keys, every pedal, three channels."""
    channels, pitches = st.integers(0, 2), st.sampled_from((0, 20, 60, 61, 72, 109, 127))
    controllers = st.sampled_from((SUSTAIN_PEDAL, SUSTAIN_PEDAL, SOFT_PEDAL, ALL_NOTES_OFF, RESET_CONTROLLERS))
    event = st.one_of(
        st.builds(NoteOn, pitches, st.integers(1, 127), channels),
        st.builds(NoteOff, pitches, channels),
        st.builds(ControlChange, controllers, st.integers(0, 127), channels),
    )
    waits = st.sampled_from((0, 0, 1, 7, 8, 9, 16, 40, 9000))
    tick, events = 0, []
    for wait, each in draw(st.lists(st.tuples(waits, event), max_size=60)):
        tick += wait
        events.append(Ticked(tick, each))
    return events


@settings(max_examples=300)
@given(anything())
def test_what_is_on_the_grid_stays_whatever_was_played(events: list[Ticked]) -> None:
    tokens = CODEC.encode_events(events)

    again = CODEC.decode_events(tokens)

    assert CODEC.decode_events(CODEC.encode_events(again)) == again
    assert [ticked.tick for ticked in again] == sorted(ticked.tick for ticked in again)
    assert all(abs(own.tick - wanted) <= 8 for own, wanted in first_onsets(events, again))


def first_onsets(events: list[Ticked], again: list[Ticked]) -> Iterator[tuple[Ticked, int]]:
    """Of each pitch the first note-on as it came back, and the tick at which it was played."""
    for pitch in range(21, 109):
        wanted = [
            each.tick for each in events if isinstance(each.event, NoteOn) and CODEC.fold(each.event.pitch) == pitch
        ]
        found = [each for each in again if isinstance(each.event, NoteOn) and each.event.pitch == pitch]
        assert bool(wanted) == bool(found)
        yield from zip(found[:1], wanted[:1], strict=True)


@given(st.data())
def test_music_by_the_mask_never_stands_still_for_ever(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 1 << 30))
    chance, cursor = np.random.default_rng(seed), CODEC.begin()
    waits = data.draw(st.booleans())

    for _ in range(4):
        tick, tokens = cursor.tick, 0
        while cursor.tick == tick:
            mask = CODEC.mask(cursor)
            moving = mask.copy()
            moving[4 : 4 + 59] = False
            left = mask if waits or not moving.any() else moving
            cursor, _ = CODEC.step(cursor, int(chance.choice(np.flatnonzero(left))))
            tokens += 1
            assert tokens <= 2 + 265 + 1


def test_no_key_goes_down_twice_and_none_comes_up_that_is_up() -> None:
    chance, cursor, down, pedal = np.random.default_rng(1), CODEC.begin(), set[int](), False

    for _ in range(20_000):
        cursor, events = CODEC.step(cursor, int(chance.choice(np.flatnonzero(CODEC.mask(cursor)))))
        for ticked in events:
            match ticked.event:
                case NoteOn(pitch):
                    assert pitch not in down
                    down.add(pitch)
                case NoteOff(pitch):
                    down.remove(pitch)
                case ControlChange(_, value):
                    assert pedal != (value == 127)
                    pedal = value == 127
        assert set(cursor.sounding) == down
        assert not (cursor.is_piece_end and (down or pedal))


def after(*names: str) -> PerformanceCursor:
    cursor = CODEC.begin()
    for name in names:
        assert CODEC.mask(cursor)[CODEC.vocabulary.token(name)], name
        cursor, _ = CODEC.step(cursor, CODEC.vocabulary.token(name))
    return cursor


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ((), "10 ms"),
        (("START",), "END"),  # no time has passed
        (("START",), "60 on"),  # how loud?
        (("START", "10 ms", "velocity 64", "60 on"), "END"),
        (("START", "pedal down", "10 ms"), "END"),
        (("START", "velocity 64", "60 on"), "60 on"),
        (("START", "velocity 64", "60 on"), "60 off"),  # it has no length yet
        (("START", "velocity 64", "60 on"), "velocity 64"),
        (("START", "velocity 64"), "velocity 72"),
        (("START", "velocity 64"), "10 ms"),
        (("START", "10 ms"), "60 off"),
        (("START", "10 ms"), "pedal up"),
        (("START", "pedal down"), "pedal up"),  # once a moment
        (("START", "pedal down", "10 ms"), "pedal down"),
        (("START", "velocity 64", "60 on", "10 ms", "60 off", "60 on"), "60 off"),
    ],
)
def test_what_may_not_come_is_masked(before: tuple[str, ...], refused: str) -> None:
    assert not CODEC.mask(after(*before))[CODEC.vocabulary.token(refused)]


def test_music_may_stop_only_where_nothing_has_happened_at_the_moment() -> None:
    assert [
        after("START", *rest).is_whole for rest in ((), ("velocity 64",), ("pedal down",), ("pedal down", "10 ms"))
    ] == [
        True,
        False,
        False,
        True,
    ]


def test_a_wrong_token_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="60 off may not come at tick 0"):
        CODEC.decode([START, CODEC.off(60)])


@pytest.mark.parametrize("steps", [0, 1, 49, 50, 51, 499, 500, 549, 550, 1234, 100_000])
def test_a_wait_of_any_length_is_exact(steps: int) -> None:
    cursor, _ = CODEC.step(CODEC.begin(), START)
    for token in wait_tokens(steps):
        cursor, _ = CODEC.step(cursor, token)

    assert cursor.tick == steps * GRID_TICKS


def test_a_step_is_ten_milliseconds_at_the_nominal_tempo() -> None:
    tempo = SteadyTempo(0, BEAT_NS)

    assert [tempo.ns_at(step * GRID_TICKS) for step in range(200)] == [step * STEP_NS for step in range(200)]
    assert tempo.tempo_bpm == 100
    assert on_grid(Timed(14_999_999, DOWN)) == at(1, DOWN)
    assert on_grid(Timed(15_000_000, DOWN)) == at(2, DOWN)


# bad input


@pytest.mark.parametrize("velocity", [64, 127])
def test_a_keyboard_of_one_velocity_keeps_it(velocity: int) -> None:
    notes = [Note(160 * index, 60 + index, 160, velocity) for index in range(12)]

    tokens = CODEC.encode(notes)

    assert CODEC.decode(tokens) == notes
    assert sum(text.startswith("velocity") for text in texts(tokens)) == 1


def test_loudness_moves_by_four_at_the_most_and_the_softest_by_seven() -> None:
    moved = {}
    for velocity in range(1, 128):
        cursor, _ = CODEC.step(CODEC.step(CODEC.begin(), START)[0], loudness_token(velocity))
        moved[velocity] = abs(LOUDNESSES[cursor.loudness] - velocity)

    assert max(moved[velocity] for velocity in range(4, 128)) == 4
    assert [moved[velocity] for velocity in (1, 2, 3)] == [7, 6, 5]


def test_a_half_pedal_is_down_or_up_at_a_threshold() -> None:
    half = [
        (step, ControlChange(SUSTAIN_PEDAL, value)) for step, value in enumerate((0, 30, 63, 64, 90, 127, 64, 40, 0))
    ]

    assert round_trip(played(*half)) == played((3, DOWN), (7, UP))


def test_a_pedal_that_flutters_within_a_moment_is_where_it_was_left() -> None:
    flutter = [Ticked(step, ControlChange(SUSTAIN_PEDAL, 63 + step % 2)) for step in range(1, 8)]

    assert round_trip([*flutter, *played((9, UP))]) == played((0, DOWN), (9, UP))
    assert round_trip([*flutter, Ticked(8, UP)]) == played((0, DOWN), (1, UP))


def test_a_pedal_held_for_an_hour_is_one_event_and_waits() -> None:
    hour = 360_000
    events = played((0, DOWN), (hour, UP))

    tokens = CODEC.encode_events(events)

    assert CODEC.decode_events(tokens) == events
    assert len(tokens) == 4 + hour // LONGEST_WAIT


def test_forty_notes_in_a_second_stay_forty() -> None:
    notes = [Note(40 * index, 40 + index, 24, 80) for index in range(40)]

    again = CODEC.decode(CODEC.encode(notes))

    assert [note.pitch for note in again] == [note.pitch for note in notes]
    assert max(abs(own.onset - note.onset) for own, note in zip(again, notes, strict=True)) <= GRID_TICKS // 2


def test_taps_of_no_length_in_a_chord_last_a_step_and_stay_together() -> None:
    taps = [Ticked(3, event) for pitch in (60, 64, 67) for event in (NoteOn(pitch, 80), NoteOff(pitch))]

    events = round_trip([*taps, *played((40, NoteOn(72, 80)), (60, NoteOff(72)))])

    ons = [at(0, NoteOn(pitch, 80)) for pitch in (60, 64, 67)]
    offs = [at(1, NoteOff(pitch)) for pitch in (60, 64, 67)]
    assert events == [*ons, *offs, *played((40, NoteOn(72, 80)), (60, NoteOff(72)))]


def test_a_key_that_bounces_within_a_moment_is_one_note() -> None:
    bounce = [Ticked(0, NoteOn(60, 80)), Ticked(2, NoteOff(60)), Ticked(4, NoteOn(60, 40))]

    assert round_trip([*bounce, *played((30, NoteOff(60)))]) == played((0, NoteOn(60, 80)), (30, NoteOff(60)))


def test_a_note_on_without_its_note_off_is_struck_again_and_one_that_never_ends_ends_with_the_piece() -> None:
    events = played((0, NoteOn(60, 80)), (30, NoteOn(60, 80)), (50, NoteOn(62, 80)))

    assert CODEC.decode(CODEC.encode_events(events)) == [
        Note(0, 60, 480, 80),
        Note(480, 60, 320, 80),
        Note(800, 62, 16, 80),
    ]


def test_notes_of_a_stream_that_breaks_off_end_there_and_last_a_step_at_the_least() -> None:
    tokens = [CODEC.vocabulary.token(text) for text in ("START", "velocity 80", "60 on", "100 ms", "64 on")]

    assert CODEC.decode(tokens) == [Note(0, 60, 160, 80), Note(160, 64, 16, 80)]


def test_a_pitch_that_two_channels_hold_comes_up_with_the_last_of_them() -> None:
    events = played((0, NoteOn(60, 80)), (10, NoteOn(60, 80, 1)), (20, NoteOff(60)), (30, NoteOff(60, 1)))

    assert CODEC.decode(CODEC.encode_events(events)) == [Note(0, 60, 160, 80), Note(160, 60, 320, 80)]


def test_a_mode_message_lets_go_of_the_keys_of_its_channel() -> None:
    events = played((0, NoteOn(60, 80)), (0, NoteOn(64, 80, 1)), (0, DOWN), (10, ControlChange(ALL_NOTES_OFF, 0, 1)))

    again = round_trip([*events, *played((20, NoteOff(60)), (30, ControlChange(RESET_CONTROLLERS, 0)))])

    assert again[3:] == played((10, NoteOff(64)), (20, NoteOff(60)), (30, UP))


def test_what_changes_nothing_has_no_tokens() -> None:
    writer, _ = begun(CODEC, CODEC.begin())

    for event in (NoteOff(60), UP, ControlChange(SOFT_PEDAL, 127), ControlChange(ALL_NOTES_OFF, 0)):
        writer, tokens = writer.hear(at(100, event))
        assert tokens == ()


def test_a_piece_of_nothing_is_a_piece() -> None:
    assert texts(CODEC.encode([])) == ["START", "10 ms", "END"]
    assert CODEC.decode(CODEC.encode([])) == []


# live


def test_silence_is_told_as_far_as_it_has_lasted_and_the_rest_with_the_next_event() -> None:
    writer, _ = begun(CODEC, CODEC.begin())

    writer, meanwhile = writer.wait(1200 * GRID_TICKS)
    writer, after = writer.hear(at(1234, NoteOn(60, 64)))

    assert (texts(meanwhile), texts(after)) == (["5000 ms"] * 2 + ["2000 ms"], ["340 ms", "velocity 64", "60 on"])


def test_what_is_late_is_told_while_nothing_happens() -> None:
    writer, _ = begun(CODEC, CODEC.begin())
    writer, tapped = writer.hear(at(0, NoteOn(60, 64)))
    writer, off = writer.hear(at(0, NoteOff(60)))

    writer, meanwhile = writer.wait(at(2, UP).tick)

    assert (texts(tapped)[1:], off, texts(meanwhile)) == (["60 on"], (), ["10 ms", "60 off", "10 ms"])


def test_a_player_goes_on_in_a_stream_in_which_the_model_has_played() -> None:
    writer, _ = begun(CODEC, CODEC.begin())
    writer, _ = writer.hear(at(0, NoteOn(60, 64)))
    cursor = writer.cursor
    for token in (*wait_tokens(20), CODEC.on(72), *wait_tokens(5)):  # the model, a fifth of a second later
        cursor, _ = CODEC.step(cursor, token)

    writer, tokens = writer.at(cursor).hear(at(31, NoteOff(60)))

    assert texts(tokens) == ["60 ms", "60 off"]
    assert writer.cursor.sounding == (72,)


def test_a_key_and_a_pedal_that_the_model_has_moved_are_not_moved_twice() -> None:
    writer, _ = begun(CODEC, CODEC.begin())
    for event in (NoteOn(60, 64), NoteOn(64, 64), NoteOff(60), DOWN, UP):
        writer, _ = writer.hear(at(0, event))
    cursor = writer.cursor
    for name in ("20 ms", "60 off", "64 off", "pedal up", "10 ms"):
        cursor, _ = CODEC.step(cursor, CODEC.vocabulary.token(name))

    writer, tokens = writer.at(cursor).hear(at(5, NoteOff(64)))

    assert tokens == ()
    assert (writer.cursor, writer.late) == (cursor, ())


def primed(
    codec: PerformanceCodec, cursor: PerformanceCursor, notes: list[Note]
) -> tuple[PerformanceCursor, list[str]]:
    prompt = codec.prompt(notes, cursor, Key(0))
    cursor, told = prompt.begin(cursor), list[int]()
    while (mask := prompt.mask(cursor)) is not None:
        told.append(int(mask.argmax()))
        assert codec.mask(cursor)[told[-1]]
        cursor, _ = codec.step(cursor, told[-1])
    return cursor, texts(told)


def test_the_phrase_is_told_up_to_the_end_of_its_last_beat() -> None:
    cursor, told = primed(CODEC, CODEC.begin(), [Note(0, 60, 480, 64), Note(960, 62, 480, 64)])

    assert told == [
        "START",
        "velocity 64",
        "60 on",
        "300 ms",
        "60 off",
        "300 ms",
        "62 on",
        "300 ms",
        "62 off",
        "300 ms",
    ]
    assert (cursor.tick, cursor.is_whole, cursor.sounding) == (2 * TICKS_PER_QUARTER, True, ())


def test_a_phrase_in_mid_piece_lets_go_of_what_was_down() -> None:
    cursor, _ = CODEC.step(CODEC.begin(), START)
    for name in ("velocity 64", "48 on", "pedal down", "490 ms"):
        cursor, _ = CODEC.step(cursor, CODEC.vocabulary.token(name))

    cursor, told = primed(CODEC, cursor, [Note(0, 60, 480, 64)])

    assert told == ["48 off", "pedal up", "60 on", "300 ms", "60 off", "300 ms"]
    assert (cursor.tick, cursor.sounding, cursor.is_pedal_down) == (49 * GRID_TICKS + TICKS_PER_QUARTER, (), False)


def test_a_phrase_ends_where_nobody_has_played_for_a_beat() -> None:
    events = played((0, NoteOn(60, 64)), (20, NoteOff(60)))
    writer, _ = begun(CODEC, CODEC.begin())
    for ticked in events:
        writer, _ = writer.hear(ticked)

    ends = []
    for _ in range(6):
        cursor, _ = CODEC.step(writer.cursor, CODEC.vocabulary.token("100 ms"))
        writer = writer.at(cursor)
        ends.append(cursor.is_phrase_end)

    assert ends == [False, False, False, True, True, True]
    assert after("START", "velocity 64", "60 on", "pedal down", "1000 ms").is_phrase_end  # a chord that is held
    assert not after("START", "velocity 64", "60 on", "500 ms", "62 on", "500 ms").is_phrase_end


@pytest.mark.parametrize("semitones", [-39, -1, 5, 41])
def test_transposed_keys_move_and_all_else_stays(semitones: int) -> None:
    notes = [Note(0, 60, 480, 64), Note(0, 67, 960, 80)]
    tokens = np.array(CODEC.encode(notes))

    moved = CODEC.transposed(tokens, semitones)

    assert CODEC.decode(moved.tolist()) == [Note(n.onset, n.pitch + semitones, n.duration, n.velocity) for n in notes]
    assert CODEC.shifts(tokens) == (21 - 60, 108 - 67)


def test_waits_are_kin_and_the_shorter_ones_are_denser() -> None:
    kin, weights = CODEC.kin(), CODEC.density_weights()
    token = CODEC.vocabulary.token

    assert kin is not None
    assert kin[token("10 ms")] == kin[token("5000 ms")]
    assert len(set(kin.tolist())) == len(CODEC.vocabulary) - 58
    assert weights[token("10 ms")] > weights[token("80 ms")] == 0 > weights[token("300 ms")] > weights[token("5000 ms")]


def test_a_loudness_is_struck_out_where_no_allowed_key_is_up() -> None:
    allowed = np.arange(128) == 60
    cursor, _ = CODEC.step(CODEC.begin(), START)
    writer, _ = begun(CODEC, cursor)
    before = CODEC.disallowed(cursor, allowed)
    after = CODEC.disallowed(writer.hear(at(0, NoteOn(60, 64)))[0].cursor, allowed)

    assert not before[CODEC.vocabulary.token("velocity 72")]
    assert after[CODEC.vocabulary.token("velocity 72")]


def test_a_narrow_range_folds_by_octaves_and_one_key_serves_both() -> None:
    narrow = PerformanceCodec(48, 72)
    events = played((0, NoteOn(84, 64)), (5, NoteOn(72, 64)), (9, NoteOff(84)), (12, NoteOff(72)))

    assert narrow.decode(narrow.encode_events(events)) == [Note(0, 72, 80, 64), Note(80, 72, 112, 64)]


def test_of_notes_that_overlap_on_one_pitch_each_has_its_own_end() -> None:
    notes = [Note(0, 60, 480, 64), Note(160, 60, 960, 64), Note(160, 60, 160, 80)]

    assert CODEC.decode(CODEC.encode(notes)) == [Note(0, 60, 160, 64), Note(160, 60, 960, 64)]


def test_another_pace_moves_every_moment_and_keeps_what_happens() -> None:
    events = played(
        (0, NoteOn(60, 64)), (10, DOWN), (30, NoteOff(60)), (31, NoteOn(64, 80)), (700, NoteOff(64)), (701, UP)
    )
    tokens = np.array(CODEC.encode_events(events))

    slower, faster = (CODEC.decode_events(CODEC.paced(tokens, factor).tolist()) for factor in (1.5, 0.1))

    assert [(ticked.tick // GRID_TICKS, ticked.event) for ticked in slower] == [
        (step, ticked.event) for step, ticked in zip((0, 15, 45, 46, 1050, 1052), events, strict=True)
    ]
    assert [ticked.tick // GRID_TICKS for ticked in faster] == [0, 1, 3, 4, 71, 72]  # no moment joins the one before it
    assert CODEC.paced(tokens, 1).tolist() == tokens.tolist()


@pytest.mark.parametrize(("steps", "velocities"), [(2, [80, 120]), (9, [88, 127]), (-9, [8, 48]), (-1, [56, 96])])
def test_what_is_louder_stays_within_the_loudest_and_the_softest(steps: int, velocities: list[int]) -> None:
    tokens = np.array(CODEC.encode([Note(0, 60, 480, 64), Note(480, 62, 480, 104)]))

    assert [note.velocity for note in CODEC.decode(CODEC.louder(tokens, steps).tolist())] == velocities
