"""The watch over the music, told the time by hand."""

from livegen.clock import NS_PER_S
from livegen.daemon.health import SilenceWatchdog
from livegen.music.transport import TransportState
from livegen.settings import Settings, load

STOPPED = TransportState(is_running=False, tick=0, at_ns=0, beat_ns=NS_PER_S, discontinuities=0)


def settings(role: str, max_silence_s: float = 20) -> Settings:
    return load(None, {"play": {"role": role}, "installation": {"max_silence_s": max_silence_s}})


def alarms(
    watchdog: SilenceWatchdog, given: Settings, until_s: int, notes_at: set[int] = frozenset(), **more: object
) -> list[int]:
    """The seconds at which it would have an engine replaced; a note leaves at those of ``notes_at``."""
    transport, asked_ns = more.get("transport"), more.get("asked_ns")
    return [
        second
        for second in range(until_s)
        if watchdog.poll(second * NS_PER_S, given, transport, len([at for at in notes_at if at <= second]), asked_ns)  # type: ignore[arg-type]
    ]


def test_a_solo_that_is_silent_for_too_long_has_its_engine_replaced_and_again_and_is_not_well() -> None:
    watchdog = SilenceWatchdog()

    assert alarms(watchdog, settings("solo"), 50) == [20, 40]
    assert not watchdog.is_well


def test_a_note_between_makes_it_well_again() -> None:
    watchdog = SilenceWatchdog()

    assert alarms(watchdog, settings("solo"), 60, {1, 19, 38, 45}) == []
    assert watchdog.is_well


def test_a_time_in_which_nobody_looked_is_nobody_s_silence() -> None:
    watchdog, solo = SilenceWatchdog(), settings("solo")
    watchdog.poll(0, solo, None, 0, None)

    assert not watchdog.poll(36_000 * NS_PER_S, solo, None, 0, None)
    silent = (second for second in range(36_001, 36_050) if watchdog.poll(second * NS_PER_S, solo, None, 0, None))
    assert next(silent) == 36_020


def test_an_answer_that_does_not_come_is_missed() -> None:
    watchdog = SilenceWatchdog()

    assert alarms(watchdog, settings("respond"), 30, {3}, asked_ns=4 * NS_PER_S) == [23]


def test_an_answer_that_came_is_not() -> None:
    assert alarms(SilenceWatchdog(), settings("respond"), 100, {3, 7}, asked_ns=5 * NS_PER_S) == []


def test_nothing_is_due_while_nobody_asks_the_clock_stands_or_the_watch_is_off() -> None:
    assert alarms(SilenceWatchdog(), settings("respond"), 100) == []
    assert alarms(SilenceWatchdog(), settings("harmonise"), 100, asked_ns=NS_PER_S) == []
    assert alarms(SilenceWatchdog(), settings("solo"), 100, transport=STOPPED) == []
    assert alarms(SilenceWatchdog(), settings("solo", 0), 100) == []
