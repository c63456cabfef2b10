"""A log that holds up nobody."""

import io
import threading

from livegen.terminal_log import TerminalLog

MOST = 1_000  # lines wait


def no_text(_: int) -> str:
    raise AssertionError("there is no terminal")


def test_at_its_end_all_lines_have_been_printed_in_their_order() -> None:
    printed = list[str]()
    with TerminalLog(printed.append, io.StringIO(), no_text) as log:
        for number in range(500):
            log(str(number))

    assert printed == [str(number) for number in range(500)]


def test_a_line_that_nothing_takes_holds_up_only_the_log() -> None:
    printed, taken = list[str](), threading.Event()

    def print_later(line: str) -> None:
        assert taken.wait(30)
        printed.append(line)

    with TerminalLog(print_later, io.StringIO(), no_text) as log:
        for number in range(MOST + 50):
            log(str(number))
        taken.set()

    assert printed[:3] == ["0", "1", "2"]
    left_out = MOST + 50 - len(printed[:-1])  # one of those that were printed may not have waited
    assert printed[-1] == f"{left_out} lines were left out: nothing took them"
    assert left_out in (49, 50)


def test_a_log_that_nobody_reads_any_more_ends_nothing() -> None:
    tried = list[str]()

    def fail(line: str) -> None:
        tried.append(line)
        raise BrokenPipeError

    with TerminalLog(fail, io.StringIO(), no_text) as log:
        log("one")
        log("two")

    assert tried == ["one", "two"]
