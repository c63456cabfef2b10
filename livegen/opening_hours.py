"""Opening hours, by the wall clock of the place.

The wall clock may be set, and it jumps twice a year: only the day and the minute that it shows are used; no times are
added or subtracted.
"""

import re
from dataclasses import dataclass

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_FORM = re.compile(rf"(?:((?:{_DAY})(?:[-,](?:{_DAY}))*) )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_MINUTES = 24 * 60
_EXAMPLES = "'10:00-18:00', 'Tue-Fri 10:00-18:00' or 'Fri,Sat 20:00-02:00'"


@dataclass(frozen=True, slots=True)
class Hours:
    """From one minute of the day to another, on these days of the week (0 is Monday); it may pass midnight."""

    days: frozenset[int]
    begin: int
    end: int

    def contains(self, weekday: int, minute: int) -> bool:
        """It is open then. ``minute`` of the day: 0-1439."""
        if self.begin < self.end:
            return weekday in self.days and self.begin <= minute < self.end
        is_before, is_after = minute >= self.begin, minute < self.end
        return (weekday in self.days and is_before) or ((weekday - 1) % 7 in self.days and is_after)


def parse_hours(text: str) -> Hours:
    """Parse hours as written in the settings; ValueError, with examples, for anything else."""
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"opening hours are written {_EXAMPLES}")
    days, *clock = found.groups()
    hours = [int(part) for part in clock]
    begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or begin >= _MINUTES or end > _MINUTES or begin == end:
        raise ValueError(f"there is no such time of day; opening hours are written {_EXAMPLES}")
    return Hours(_days(days) if days else frozenset(range(7)), begin, end)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, last = (_DAYS.index(day) for day in (part.split("-")[0], part.split("-")[-1]))
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)
