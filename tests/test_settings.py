"""Settings: one place, frozen, and every mistake answered."""

import tomllib
from pathlib import Path

import pytest

from livegen.errors import SettingsError
from livegen.settings import Settings, load

DEFAULT = Path(__file__).parents[1] / "configs" / "live" / "default.toml"


def test_the_default_file_shows_every_key_with_its_default() -> None:
    assert tomllib.loads(DEFAULT.read_text()) == Settings().model_dump(mode="json")


def test_the_command_line_wins_over_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "duet.toml"
    file.write_text("[play]\nseed = 1\npause_ms = 100\nhorizon_ms = 200\n")
    monkeypatch.setenv("LIVEGEN_PLAY__SEED", "2")
    monkeypatch.setenv("LIVEGEN_PLAY__PAUSE_MS", "300")

    play = load(file, {"play": {"seed": 3, "model": None}}).play

    assert (play.seed, play.pause_ms, play.horizon_ms, play.model) == (3, 300, 200, "bach")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[play]\nhorizn_ms = 1", "unknown key 'play.horizn_ms'; did you mean 'horizon_ms'?"),
        ("[pley]\nseed = 1", "unknown key 'pley'; did you mean 'play'?"),
        ("[play]\nrole = 'respnd'", "unknown role 'respnd'; did you mean 'respond'?"),
        ("[play]\nseed = -1", "'play.seed' is -1: Input should be greater than or equal to 0"),
        ("play = ", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_answered_in_one_line_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "duet.toml"
    file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        load(file)

    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: no such file"):
        load(tmp_path / "none.toml")
