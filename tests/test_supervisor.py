"""How long to wait before the next engine; the rest of the supervisor is in test_daemon.py, with real processes."""

from itertools import pairwise

from livegen.serve.supervisor import Backoff


def test_the_first_restart_is_immediate_then_each_wait_is_twice_as_long_up_to_30_s():
    backoff = Backoff()

    waits = [backoff.next_s() for _ in range(11)]

    assert waits == [0, 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_after_a_success_the_next_restart_is_immediate_again():
    backoff = Backoff()
    for _ in range(5):
        backoff.next_s()

    backoff.reset()

    assert [backoff.next_s(), backoff.next_s()] == [0, 0.25]


def test_in_an_hour_of_crashes_it_neither_spins_nor_gives_up():
    backoff, moments = Backoff(), [0.0]

    while moments[-1] < 3_600:
        moments.append(moments[-1] + backoff.next_s())

    assert 120 <= len(moments) <= 130
    assert max(after - before for before, after in pairwise(moments)) == 30
