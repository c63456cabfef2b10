"""The order of the tests, and how much of something they do."""

import fcntl
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.amounts import amounts
from tests.support.turns import in_turn, turn


@dataclass(frozen=True)
class Item:
    """As much of a test as its turn depends on."""

    path: Path
    name: str
    marker: str = ""

    def get_closest_marker(self, name: str) -> bool:
        return self.marker == name


def test_files_on_jack_come_first_timed_ones_last_and_each_stays_together() -> None:
    computing, on_jack, timed = Path("computing.py"), Path("on_jack.py"), Path("timed.py")
    items = [
        Item(computing, "a"),
        Item(timed, "b"),
        Item(timed, "c", "timed"),
        Item(computing, "d"),
        Item(on_jack, "e"),
        Item(on_jack, "f", "jack"),
    ]

    assert [item.name for item in in_turn(items)] == list("efadbc")  # type: ignore[type-var, arg-type, attr-defined]


@pytest.mark.parametrize(("marker", "other", "may_begin"), [("", "", True), ("", "timed", False), ("timed", "", False)])
def test_a_timed_test_and_any_other_do_not_run_at_once(
    marker: str, other: str, tmp_path: Path, *, may_begin: bool
) -> None:
    wanted = fcntl.LOCK_EX if other else fcntl.LOCK_SH
    path = tmp_path / "turn"
    path.touch()

    with turn(Item(path, "a", marker), path), path.open() as beside:  # type: ignore[arg-type]
        try:
            fcntl.flock(beside, wanted | fcntl.LOCK_NB)
            has_begun = True
        except BlockingIOError:
            has_begun = False

    assert has_begun == may_begin


def test_the_whole_amount_is_long_and_another_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    few, whole = amounts("kills", everyday=2, whole=9, variable="LIVEGEN_TEST_KILLS").args[1]
    monkeypatch.setenv("LIVEGEN_TEST_KILLS", "500")
    asked = amounts("kills", everyday=2, whole=9, variable="LIVEGEN_TEST_KILLS").args[1]

    assert (few.values, few.id, few.marks) == ((2,), "2 kills", ())
    assert (whole.values, whole.id, [mark.name for mark in whole.marks]) == ((9,), "9 kills", ["long"])
    assert asked == [500]
