"""The notices name every library that livegen is made of, with its licence, and what each model learned from."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from livegen.model.bundle import load_bundle
from livegen.shipped import shipped_models

ROOT = Path(__file__).parents[1]
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SPDX = {  # what packages write → the name that SPDX has for it
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "3-Clause BSD License": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: the first cell of each row → the others."""
    section = NOTICES.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {first: others for first, *others in cells[2:]}


INSTALLED = {name: licence for name, (licence,) in rows("Libraries that are installed with livegen").items()}
ASKED_FOR = {name: licence for name, (_, licence) in rows("Libraries that are installed only").items()}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(requirements: list[str]) -> set[str]:
    return {canonical(Requirement(text).name) for text in requirements}


def everything(requirements: list[str]) -> Iterator[str]:
    """The libraries of these requirements, with theirs, on this computer."""
    waiting, seen = list(requirements), set[str]()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonical(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        yield name
        waiting += distribution(name).requires or []


def licences(name: str) -> set[str]:
    """What a library's own metadata say."""
    about: Any = distribution(name).metadata
    said = {about.get("License-Expression"), (about.get("License") or "").split("\n")[0]}
    said |= {text.split(" :: ")[-1] for text in about.get_all("Classifier", []) if text.startswith("License")}
    return {SPDX.get(text, text) for text in said if text}


def test_every_library_of_an_installation_is_named() -> None:
    project = PROJECT["project"]

    assert set(everything(project["dependencies"])) | direct(project["dependencies"]) == set(INSTALLED)


def test_every_library_that_is_asked_for_is_named() -> None:
    extras = [text for texts in PROJECT["project"]["optional-dependencies"].values() for text in texts]
    others = [*PROJECT["dependency-groups"]["dev"], *PROJECT["build-system"]["requires"]]

    assert direct(extras) | direct(others) == set(ASKED_FOR)


@pytest.mark.parametrize(("name", "licence"), (INSTALLED | ASKED_FOR).items())
def test_the_licence_is_the_one_that_the_library_says(name: str, licence: str) -> None:
    try:
        said = licences(name)
    except PackageNotFoundError:
        pytest.skip("not installed here")

    assert licence in said


def test_every_shipped_model_s_music_is_credited_as_in_its_card() -> None:
    cards = {name: load_bundle(name).card.trained_on for name in shipped_models()}

    assert rows("The music that the models") == {name: [on.credit, on.licence] for name, on in cards.items()}


def test_the_notices_travel_with_the_package() -> None:
    assert "THIRD_PARTY_NOTICES.md" in PROJECT["project"]["license-files"]
