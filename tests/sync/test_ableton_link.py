"""An Ableton Link session as a song: played by hand, and, where aalink is installed, by two real peers."""

import sys
import threading
import time
from dataclasses import dataclass

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock
from livegen.daemon.daemon import run_daemon
from livegen.errors import LivegenError
from livegen.settings import load
from livegen.sync.ableton_link import LinkClock, open_link


@dataclass
class PlayedByHand:
    """A session at a tempo since a moment."""

    clock: ManualClock
    tempo: float = 120.0
    playing: bool = False
    num_peers: int = 0
    first_beat: float = 0.0
    first_ns: int = 0

    @property
    def beat(self) -> float:
        return self.first_beat + (self.clock.now_ns() - self.first_ns) * self.tempo / (60 * NS_PER_S)

    def go_on_at(self, tempo: float) -> None:
        self.first_beat, self.first_ns, self.tempo = self.beat, self.clock.now_ns(), tempo


def test_a_session_is_a_song():
    clock = ManualClock()
    link = LinkClock(PlayedByHand(clock), shares_transport=False, clock=clock.now_ns)

    clock.move_to(1_250_300_000)
    transport = link.poll()

    assert (transport.is_running, transport.tick, transport.beat_ns, transport.discontinuities) == (
        True,
        2400,
        500_000_000,
        1,
    )
    assert abs(transport.ns_at(0)) <= 1


def test_a_song_starts_and_stops_with_the_transport_where_it_is_shared():
    clock = ManualClock()
    session = PlayedByHand(clock)
    link = LinkClock(session, shares_transport=True, clock=clock.now_ns)
    seen = []

    for second, is_playing in enumerate((False, True, True, False, True)):
        clock.move_to(second * NS_PER_S)
        session.playing = is_playing
        transport = link.poll()
        seen.append((transport.is_running, transport.tick, transport.discontinuities))

    assert seen == [(False, 0, 0), (True, 1920, 1), (True, 3840, 1), (False, 5760, 1), (True, 7680, 2)]


def test_another_tempo_is_no_jump():
    clock = ManualClock()
    session = PlayedByHand(clock)
    link = LinkClock(session, shares_transport=False, clock=clock.now_ns)

    clock.move_to(NS_PER_S)
    link.poll()
    clock.move_to(NS_PER_S + 50 * NS_PER_MS)
    session.go_on_at(200)
    clock.move_to(NS_PER_S + 100 * NS_PER_MS)
    transport = link.poll()

    assert (transport.discontinuities, transport.tempo_bpm) == (1, 200)


def test_another_place_is_a_jump():
    clock = ManualClock()
    session = PlayedByHand(clock)
    link = LinkClock(session, shares_transport=False, clock=clock.now_ns)
    link.poll()

    clock.move_to(NS_PER_S)
    session.first_beat = 0.5
    transport = link.poll()

    assert (transport.tick, transport.discontinuities) == (2400, 2)


def test_without_aalink_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "aalink", None)

    with pytest.raises(LivegenError, match=r"needs the library aalink .*; to add it: .*pip install aalink$"):
        open_link(120, shares_transport=False)


def test_without_aalink_a_daemon_opens_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "aalink", None)
    settings, lines = load(None, {"time": {"clock": "link"}, "ports": {"system": "memory"}}), list[str]()

    with pytest.raises(LivegenError, match="needs the library aalink"):
        run_daemon(settings, say=lines.append, stop=threading.Event())

    assert lines == []


def test_two_peers_stand_at_the_same_place_in_the_bar():
    pytest.importorskip("aalink")
    one, other = open_link(100, shares_transport=False), open_link(80, shares_transport=False)
    until = time.monotonic() + 5
    while not (one.peers and other.peers):
        if time.monotonic() > until:
            pytest.skip("no multicast here: two peers do not find each other")
        time.sleep(0.05)

    songs = one.poll(), other.poll()
    bar_ns = 4 * songs[0].beat_ns
    apart_ns = (songs[0].ns_at(0) - songs[1].ns_at(0) + bar_ns // 2) % bar_ns - bar_ns // 2

    assert songs[0].beat_ns == songs[1].beat_ns
    assert abs(apart_ns) < 5 * NS_PER_MS
