"""Where a song stands."""

from hypothesis import given
from hypothesis import strategies as st

from livegen.music.transport import TransportState


@given(st.integers(-100_000, 100_000), st.integers(0, 10**12), st.integers(100_000_000, 3_000_000_000))
def test_a_tick_and_its_moment_find_each_other(tick: int, at_ns: int, beat_ns: int):
    transport = TransportState(is_running=True, tick=40, at_ns=at_ns, beat_ns=beat_ns, discontinuities=1)

    assert transport.tick_at(transport.ns_at(tick)) == tick
    assert transport.ns_at(40) == at_ns


def test_a_song_has_a_tempo():
    assert TransportState(is_running=True, tick=0, at_ns=0, beat_ns=500_000_000, discontinuities=1).tempo_bpm == 120
