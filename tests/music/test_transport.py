"""Where a song stands."""

from hypothesis import given
from hypothesis import strategies as st

from livegen.music.transport import Song


@given(st.integers(-100_000, 100_000), st.integers(0, 10**12), st.integers(100_000_000, 3_000_000_000))
def test_a_tick_and_its_moment_find_each_other(tick: int, at_ns: int, beat_ns: int):
    song = Song(is_running=True, tick=40, at_ns=at_ns, beat_ns=beat_ns, jumps=1)

    assert song.tick_at(song.ns_at(tick)) == tick
    assert song.ns_at(40) == at_ns


def test_a_song_has_a_tempo():
    assert Song(is_running=True, tick=0, at_ns=0, beat_ns=500_000_000, jumps=1).tempo_bpm == 120
