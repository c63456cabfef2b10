"""What the command line prints: nothing in it commands the terminal, and in the journal each line has its level."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livegen.daemon.status_file import RecentLog
from livegen.log_line import ErrorLine, WarningLine, level
from livegen.terminal import print_figures, print_table, show, show_json

ESC = "\x1b[2Jgone\x9b\u202e\x7f"
SCRIPT = """
import os, sys
from livegen.log_line import ErrorLine, WarningLine
from livegen.terminal import complain, log
if sys.argv[1:]:
    os.environ["JOURNAL_STREAM"] = "{0.st_dev}:{0.st_ino}".format(os.fstat(1))
log("ready")
log(WarningLine("a cable"))
log(ErrorLine("an error in the text of information"))
complain("it ends")
"""


@pytest.mark.parametrize(
    "print_it",
    [
        show,
        show_json,
        lambda text: print_figures({"name": text, "inner": {"name": text}}, as_json=False),
        lambda text: print_table([{"name": text}], {"name": "name"}, as_json=False),
    ],
)
def test_what_commands_a_terminal_is_made_visible(print_it: Callable[[str], None], capsys: pytest.CaptureFixture[str]):
    print_it(f"Keys {ESC}")

    shown = capsys.readouterr().out
    assert "Keys " in shown
    assert shown.replace("\n", "").isprintable()
    assert "x1b" in shown or "u001b" in shown


def test_a_cell_and_a_figure_stay_in_their_line(capsys: pytest.CaptureFixture[str]):
    print_table([{"name": "a\nb"}], {"name": "name"}, as_json=False)
    print_figures({"name": "a\nb"}, as_json=False)

    assert capsys.readouterr().out == "name\na\\nb\nname: a\\nb\n"


def test_a_line_of_the_log_stays_one_line_of_its_kind():
    said: list[str] = []
    log = RecentLog(said.append)

    for line in (f"'Keys{ESC}' is here", WarningLine("gone\nfor good"), ErrorLine("\x00")):
        log(line)

    assert said == ["'Keys\\x1b[2Jgone\\x9b\\u202e\\x7f' is here", "gone\\nfor good", "\\x00"]
    assert [level(line) for line in said] == [6, 4, 3]
    assert [line for _, line in log.lately(10**18)] == said


@pytest.mark.skipif(sys.platform != "linux", reason="systemd's journal")
@pytest.mark.parametrize("is_journal", [False, True])
def test_a_line_carries_its_level_where_it_goes_to_the_journal_and_nowhere_else(tmp_path: Path, *, is_journal: bool):
    command = [sys.executable, "-c", SCRIPT, *(["journal"] if is_journal else [])]
    environment = {**os.environ, "JOURNAL_STREAM": "1:1"}

    with (tmp_path / "log").open("wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=True, env=environment)

    prefixes = ("<6>", "<4>", "<3>", "<3>") if is_journal else ("",) * 4
    lines = ("ready", "a cable", "an error in the text of information", "it ends")
    assert (tmp_path / "log").read_text().splitlines() == [f"{a}{b}" for a, b in zip(prefixes, lines, strict=True)]
