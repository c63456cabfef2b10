"""Recipes: every shipped one is whole, and what is wrong in one is named."""

from pathlib import Path

import pytest

from export import recipes
from livegen.errors import SettingsError

RECIPES = [
    path for path in sorted(recipes.CONFIGS.glob("*.toml")) if "jsb16" not in path.stem
]  # those are export.jsb16's


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_bears_the_name_of_its_file(path: Path) -> None:
    assert recipes.load(path).name == path.stem


def test_a_recipe_is_found_by_its_name_or_path(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.touch()

    assert recipes.find("tiny") == recipes.CONFIGS / "tiny.toml"
    assert recipes.find(str(own)) == own


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"^no recipe 'tinny'; did you mean 'tiny'\?$"):
        recipes.find("tinny")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("features = 48", "", "'network.features' is missing"),
        ("layers = 1", "layers = 1\nheads = 1", "unknown key 'network.heads'"),
        ("layers = 1", "layers = 0", "'network.layers' is 0: write a whole number, at least 1"),
        ("[training]", "[training", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text((recipes.CONFIGS / "tiny.toml").read_text().replace(old, new))

    with pytest.raises(SettingsError, match=message):
        recipes.load(path)
