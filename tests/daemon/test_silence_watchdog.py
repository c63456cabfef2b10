"""The watch over the music, told the time by hand."""

from livegen.clock import NS_PER_S
from livegen.daemon.health import Vigil
from livegen.music.transport import Song
from livegen.settings import Settings, load

STOPPED = Song(is_running=False, tick=0, at_ns=0, beat_ns=NS_PER_S, jumps=0)


def settings(role: str, mute_s: float = 20) -> Settings:
    return load(None, {"play": {"role": role}, "installation": {"mute_s": mute_s}})


def alarms(vigil: Vigil, given: Settings, until_s: int, notes_at: set[int] = frozenset(), **more: object) -> list[int]:
    """The seconds at which it would have an engine replaced; a note leaves at those of ``notes_at``."""
    song, asked_ns = more.get("song"), more.get("asked_ns")
    return [
        second
        for second in range(until_s)
        if vigil.look(second * NS_PER_S, given, song, len([at for at in notes_at if at <= second]), asked_ns)  # type: ignore[arg-type]
    ]


def test_a_solo_that_is_silent_for_too_long_has_its_engine_replaced_and_again_and_is_not_well() -> None:
    vigil = Vigil()

    assert alarms(vigil, settings("solo"), 50) == [20, 40]
    assert not vigil.is_well


def test_a_note_between_makes_it_well_again() -> None:
    vigil = Vigil()

    assert alarms(vigil, settings("solo"), 60, {1, 19, 38, 45}) == []
    assert vigil.is_well


def test_a_time_in_which_nobody_looked_is_nobody_s_silence() -> None:
    vigil, solo = Vigil(), settings("solo")
    vigil.look(0, solo, None, 0, None)

    assert not vigil.look(36_000 * NS_PER_S, solo, None, 0, None)
    silent = (second for second in range(36_001, 36_050) if vigil.look(second * NS_PER_S, solo, None, 0, None))
    assert next(silent) == 36_020


def test_an_answer_that_does_not_come_is_missed() -> None:
    vigil = Vigil()

    assert alarms(vigil, settings("respond"), 30, {3}, asked_ns=4 * NS_PER_S) == [23]


def test_an_answer_that_came_is_not() -> None:
    assert alarms(Vigil(), settings("respond"), 100, {3, 7}, asked_ns=5 * NS_PER_S) == []


def test_nothing_is_due_while_nobody_asks_the_clock_stands_or_the_watch_is_off() -> None:
    assert alarms(Vigil(), settings("respond"), 100) == []
    assert alarms(Vigil(), settings("harmonise"), 100, asked_ns=NS_PER_S) == []
    assert alarms(Vigil(), settings("solo"), 100, song=STOPPED) == []
    assert alarms(Vigil(), settings("solo", 0), 100) == []
