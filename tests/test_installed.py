"""Each installer has its own words for removing and adding; and no text names livegen in an index that it is not in."""

import json
import re
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from livegen import installed
from livegen.errors import LivegenError
from livegen.installed import addition, check_extra, removal

ROOT = Path(__file__).parents[1]
PIP = "python -P -m pip"
FROM_AN_INDEX = re.compile(
    r"(?:pip|pipx|uv tool|uvx|inject)[^\n]* (?:install|run) [^\n]*(?<![-/\w.:])livegen(?![-\w/.:])"
)


@pytest.mark.parametrize(
    ("receipt", "origin", "removes", "adds"),
    [
        ("uv-receipt.toml", {}, "uv tool uninstall livegen", "uv pip install --python 'CLONE/.venv' aalink"),
        ("pipx_metadata.json", {}, "pipx uninstall livegen", "pipx inject livegen aalink"),
        ("a", {"url": "CLONE", "dir_info": {"editable": True}}, "rm -r 'CLONE/.venv'", f"{PIP} install aalink"),
        ("a", {"url": "CLONE", "dir_info": {}}, f"{PIP} uninstall livegen", f"{PIP} install aalink"),
        (
            "a",
            {"url": "file:///x", "dir_info": {"editable": True}},
            f"{PIP} uninstall livegen",
            f"{PIP} install aalink",
        ),
        ("a", {}, f"{PIP} uninstall livegen", f"{PIP} install aalink"),
    ],
)
def test_livegen_is_removed_and_added_to_by_its_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receipt: str, origin: dict[str, object], removes: str, adds: str
) -> None:
    clone = tmp_path / "my clone"
    prefix, about = clone / ".venv", clone / "livegen.dist-info"
    prefix.mkdir(parents=True)
    about.mkdir()
    (prefix / receipt).touch()
    (about / "direct_url.json").write_text(json.dumps(origin).replace("CLONE", clone.as_uri()))
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(installed, "distribution", lambda _: PathDistribution(about))

    assert (removal(), addition("aalink")) == tuple(line.replace("CLONE", str(clone)) for line in (removes, adds))


def test_a_missing_library_of_an_extra_is_one_line_with_the_command_that_adds_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "METADATA").write_text(
        "Name: livegen\nRequires-Dist: numpy\nRequires-Dist: torch<3,>=2.13; extra == 'train'\n"
        "Requires-Dist: onnx; extra == \"train\"\nRequires-Dist: aalink; extra == 'link'\n"
    )
    monkeypatch.setattr(installed, "distribution", lambda _: PathDistribution(tmp_path))
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    with pytest.raises(LivegenError) as refusal:
        check_extra("train", "livegen train", ("json", "no_such_torch"))

    assert str(refusal.value) == (
        f"livegen train needs no_such_torch; to add what it needs, 1 GB or more: {PIP} install 'torch<3,>=2.13' onnx"
    )


def test_an_extra_that_is_there_is_not_asked_for() -> None:
    check_extra("train", "livegen train", ("json", "re"))


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("pip install livegen", True),
        ("sudo /opt/livegen/bin/pip install livegen      # or a wheel", True),
        ("pip install 'livegen[link]'", True),
        ("pipx install livegen", True),
        ("uv tool install --upgrade livegen", True),
        ("uv tool install ./livegen", False),
        ("pipx install ~/livegen", False),
        ("uv tool uninstall livegen", False),
        ("pipx inject livegen aalink", False),
        ("/opt/livegen/bin/pip install livegen-0.1.0-py3-none-any.whl", False),
        ("/opt/livegen/bin/pip install --no-deps livegen-*.whl", False),
    ],
)
def test_a_line_that_would_install_a_stranger_s_package_is_found(line: str, *, is_found: bool) -> None:
    assert bool(FROM_AN_INDEX.search(line)) is is_found


def test_no_document_and_no_message_installs_livegen_from_an_index() -> None:
    texts = [
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("livegen/**/*.py"),
        *ROOT.glob("livegen/configs/*.toml"),
        ROOT / "Makefile",
        ROOT / "README.md",
    ]

    found = [f"{path}: {match[0]}" for path in texts for match in FROM_AN_INDEX.finditer(path.read_text())]

    assert found == []
