"""The histogram of lateness."""

from livegen.latency import Lateness


def test_percentiles_are_what_that_share_of_events_did_not_exceed():
    lateness = Lateness()
    for late_us in range(1, 101):
        lateness.add(late_us * 1_000)

    assert (lateness.percentile_ns(50), lateness.percentile_ns(99)) == (51_000, 100_000)
    assert lateness.max_ns == 100_000


def test_an_event_that_is_far_too_late_still_counts():
    lateness = Lateness()
    lateness.add(3_000_000_000)

    assert lateness.percentile_ns(99) == 50_000_000
    assert lateness.max_ns == 3_000_000_000


def test_no_events_are_not_late():
    assert Lateness().percentile_ns(99) == 0
