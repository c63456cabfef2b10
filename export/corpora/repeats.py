"""The order in which the bars of a voice are played: repeats and endings played out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """What a bar's lines say: where a repeat opens and closes, and in which turns the bar is played."""

    opens: bool = False
    closes: int = 0  # how often the end of this bar sends the player back
    turns: frozenset[int] = frozenset()  # counted from 1; empty: in every turn
    is_after_double: bool = False  # a double bar line stands before this bar


def play_order(bars: Sequence[Signs]) -> list[int]:
    """The numbers of the bars, from 0, as they are played.

    A repeat that nothing opens goes back to the last double bar line or end of a repeat (abc standard 2.1, 4.8).
    """
    order: list[int] = []
    for section in _sections(bars):
        last = max(max(1 + bars[at].closes, *bars[at].turns, 1) for at in section)
        for turn in range(1, last + 1):
            order += [at for at in section if not bars[at].turns or turn in bars[at].turns]
    return order


def _sections(bars: Sequence[Signs]) -> Iterator[range]:
    """The runs of bars that are repeated as one, endings included."""
    begin = 0
    for at in range(1, len(bars)):
        is_parted = bars[at].is_after_double and not bars[begin].opens
        if is_parted or _begins_section(bars[at - 1], bars[at]):
            yield range(begin, at)
            begin = at
    if bars:
        yield range(begin, len(bars))


def _begins_section(before: Signs, bar: Signs) -> bool:
    if bar.turns and not bar.opens:
        return bool(before.turns) and 1 in bar.turns - before.turns
    return bar.opens or bool(before.closes) or bool(before.turns)
