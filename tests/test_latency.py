"""The histogram of lateness."""

from livegen.latency import LatencyHistogram


def test_percentiles_are_what_that_share_of_events_did_not_exceed():
    latency = LatencyHistogram()
    for late_us in range(1, 101):
        latency.add(late_us * 1_000)

    assert (latency.percentile_ns(50), latency.percentile_ns(99)) == (51_000, 100_000)
    assert latency.max_ns == 100_000


def test_an_event_that_is_far_too_late_still_counts():
    latency = LatencyHistogram()
    latency.add(3_000_000_000)

    assert latency.percentile_ns(99) == 50_000_000
    assert latency.max_ns == 3_000_000_000


def test_no_events_are_not_late():
    assert LatencyHistogram().percentile_ns(99) == 0
