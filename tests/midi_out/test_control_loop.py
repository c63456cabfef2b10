"""What a player repeats, and what comes back."""

import heapq

import pytest

from livegen.clock import NS_PER_MS
from livegen.midi_out.control_loop import ControlLoop

CLICK = bytes((0xB0, 16, 65))  # of an endless knob


def passed_of(messages: list[bytes], step_ms: float) -> list[bytes]:
    """What is passed on of messages that nobody sends back."""
    control_loop = ControlLoop()
    return [
        each
        for index, message in enumerate(messages)
        for each in control_loop.passed(message, round(index * step_ms * NS_PER_MS))
    ]


@pytest.mark.parametrize("step_ms", [1, 3, 10, 40])
def test_every_click_of_an_endless_knob_is_passed_on(step_ms: float):
    assert passed_of([CLICK] * 100, step_ms) == [CLICK] * 100


def test_clicks_that_were_held_back_on_suspicion_are_passed_on_when_the_knob_turns_on():
    assert passed_of([CLICK] * 1_000, 5) == [CLICK] * 1_000


@pytest.mark.parametrize("value", [0, 1])
def test_every_nrpn_of_a_knob_is_passed_on_in_order(value: int):
    messages = [
        bytes((0xB0, number, low))
        for index in range(200)
        for number, low in ((99, 1), (98, 8), (6, index * value % 128), (38, 0))
    ]

    assert passed_of(messages, 3) == messages


def test_bends_that_tremble_around_their_centre_are_passed_on():
    bends = [bytes((0xE0, index % 2, 64)) for index in range(500)]

    assert passed_of(bends, 4) == bends


@pytest.mark.parametrize("cables", [1, 2])
@pytest.mark.parametrize("late_ms", [0.7, 3, 12, 28])
@pytest.mark.parametrize("moves", [1, 100])
def test_a_loop_is_cut(cables: int, late_ms: float, moves: int):
    """A knob moves; whatever is passed on comes back, once through each cable."""
    control_loop = ControlLoop()
    coming = [(index * 10 * NS_PER_MS, bytes((0xB0, 7, index))) for index in range(moves)]
    sent = 0
    while coming and sent < 10_000:
        at_ns, message = heapq.heappop(coming)
        for each in control_loop.passed(message, at_ns):
            sent += 1
            for cable in range(cables):
                heapq.heappush(coming, (at_ns + round(late_ms * NS_PER_MS) + cable, each))

    assert coming == []
    assert sent < moves + 300


def test_after_a_loop_has_been_taken_apart_everything_is_passed_on_again():
    control_loop = ControlLoop()
    at_ns = 0
    while control_loop.passed(CLICK, at_ns):
        at_ns += 3 * NS_PER_MS
    moves = [bytes((0xB0, 7, value)) for value in range(128)]
    for index, move in enumerate(moves):
        control_loop.passed(move, at_ns + (index + 10) * 10 * NS_PER_MS)

    again = [control_loop.passed(CLICK, at_ns + (2_000 + index) * NS_PER_MS) for index in range(20)]

    assert again == [[CLICK]] * 20
