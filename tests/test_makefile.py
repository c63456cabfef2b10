"""What make sets up: for a player only what playing needs, for a developer the rest, and each step is said."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_setup_installs_what_a_player_needs_and_shows_its_steps(tmp_path: Path) -> None:
    done = make("-n", "setup", f"BASE={tmp_path}/base", f"DEV={tmp_path}/dev")

    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert installs == [f"{tmp_path}/base/bin/python -m pip install --disable-pip-version-check --editable ."]
    assert [line[:12] for line in done.stdout.splitlines() if " of " in line] == ['echo "1 of 2', 'echo "2 of 2']


@pytest.mark.parametrize("target", ["dev", "test", "test-all", "check"])
def test_what_works_on_livegen_sets_itself_up(tmp_path: Path, target: str) -> None:
    done = make("-n", target, f"BASE={tmp_path}/base", f"DEV={tmp_path}/dev")

    assert f"{tmp_path}/dev/bin/python -m pip install --constraint constraints.txt --group dev" in done.stdout
    assert f"{tmp_path}/base" not in done.stdout


@pytest.mark.parametrize("python", ["/bin/false", "/none/python"])
def test_another_python_is_refused_before_anything_is_made(tmp_path: Path, python: str) -> None:
    done = make("setup", f"BASE={tmp_path}/base", f"PYTHON={python}")

    assert done.returncode != 0
    assert f"livegen needs Python 3.11 to 3.14, and '{python}' is another or is missing" in done.stdout
    assert list(tmp_path.iterdir()) == []
