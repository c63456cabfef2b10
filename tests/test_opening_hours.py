"""Opening hours: what they hold, over midnight and where the wall clock jumps."""

import time

import pytest

from livegen.errors import SettingsError
from livegen.opening_hours import parse_hours
from livegen.settings import load

MON, TUE, FRI, SAT, SUN = 0, 1, 4, 5, 6


@pytest.mark.parametrize(
    ("text", "weekday", "clock", "is_open"),
    [
        ("10:00-18:00", SUN, (10, 0), True),
        ("10:00-18:00", SUN, (9, 59), False),
        ("10:00-18:00", SUN, (18, 0), False),
        ("Tue-Fri 10:00-18:00", MON, (12, 0), False),
        ("Tue-Fri 10:00-18:00", FRI, (12, 0), True),
        ("Sat-Mon 10:00-18:00", MON, (12, 0), True),
        ("Sat-Mon 10:00-18:00", TUE, (12, 0), False),
        ("Mon,Sat-Sun 10:00-18:00", SUN, (12, 0), True),
        ("Fri 20:00-02:00", FRI, (23, 59), True),
        ("Fri 20:00-02:00", SAT, (1, 59), True),
        ("Fri 20:00-02:00", SAT, (2, 0), False),
        ("Fri 20:00-02:00", FRI, (1, 0), False),
        ("Sun 20:00-02:00", MON, (1, 0), True),
        ("00:00-24:00", SUN, (23, 59), True),
    ],
)
def test_hours_hold(text: str, weekday: int, clock: tuple[int, int], *, is_open: bool) -> None:
    assert parse_hours(text).contains(weekday, clock[0] * 60 + clock[1]) is is_open


@pytest.mark.parametrize(
    "text", ["", "10-18", "10:00-10:00", "24:00-02:00", "10:61-12:00", "Son 10:00-12:00", "10:00-25:00"]
)
def test_what_is_no_opening_hours_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"installation\.hours.*opening hours are written '10:00-18:00'"):
        load(None, {"installation": {"hours": [text]}})


def test_summer_time_begins_and_ends_by_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    hours = parse_hours("01:00-02:30")

    def minutes_open(midnight: int) -> int:
        clocks = (time.localtime(midnight + 60 * minute) for minute in range(6 * 60))
        return sum(hours.contains(clock.tm_wday, clock.tm_hour * 60 + clock.tm_min) for clock in clocks)

    usual, spring, autumn = (minutes_open(at) for at in (1_774_047_600, 1_774_738_800, 1_792_879_200))
    monkeypatch.undo()
    time.tzset()

    # on 29 March 2026 there is no half past two; on 25 October there are two of them
    assert (usual, spring, autumn) == (90, 60, 120)
