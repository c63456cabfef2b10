"""How long to wait before the next engine; the rest of the supervisor is in test_daemon.py, with real processes."""

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
