"""A settings file to begin with: nothing that was there is lost, and it changes nothing before it is edited."""

import re
import tomllib
from pathlib import Path

import pytest

from livegen.errors import SettingsError, TargetError
from livegen.settings import Settings, load
from livegen.settings_file import bind, own_file
from livegen.tools.config_file import commented_out, config_text, examples, write_config


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("LIVEGEN_DAEMON__SPARE", raising=False)  # see ``conftest``


def test_it_goes_to_the_file_that_jam_reads_and_changes_nothing() -> None:
    said = write_config("default", None, is_forced=False)

    assert said.startswith(f"written: {own_file()}; livegen jam reads it\n")
    assert load(own_file()) == Settings()


def test_it_pins_no_default_and_shows_all_of_them() -> None:
    text = config_text("default")

    assert [keys for name, keys in tomllib.loads(text).items() if name != "version" and keys] == []
    shown = tomllib.loads(re.sub(r"^#(?=\w+ *=)", "", text, flags=re.MULTILINE))
    assert {name: set(keys) for name, keys in shown.items() if name != "version"} == {
        section: set(keys) for section, keys in Settings().model_dump().items()
    }


def test_a_setting_that_is_commented_out_follows_a_later_default() -> None:
    assert commented_out("# All.\nversion = 1\n[play]\nseed = 0  # a seed = 0\n").endswith(
        "\nversion = 1\n[play]\n#seed = 0  # a seed = 0\n"
    )


def test_a_file_that_is_there_stays_unless_it_is_forced_and_then_each_is_kept() -> None:
    path = own_file()
    path.parent.mkdir(parents=True)
    for text in ("[play]\nseed = 7\n", "[play]\nseed = 8\n"):
        path.write_text(text)

        with pytest.raises(TargetError, match=r"jam\.toml: is there already; see .* --show; --force writes it"):
            write_config("default", None, is_forced=False)
        assert path.read_text() == text
        write_config("default", None, is_forced=True)

    kept = {each.name: each.read_text() for each in path.parent.iterdir() if each != path}
    assert kept == {"jam.toml.1.bak": "[play]\nseed = 7\n", "jam.toml.2.bak": "[play]\nseed = 8\n"}
    assert path.read_text() == config_text("default")


def test_a_link_to_a_file_elsewhere_stays_a_link_and_a_broken_one_is_not_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "dotfiles.toml", own_file()
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    with pytest.raises(TargetError, match="is there already"):
        write_config("default", None, is_forced=False)

    elsewhere.write_text("[play]\nseed = 7\n")
    write_config("default", None, is_forced=True)

    assert path.is_symlink()
    assert elsewhere.read_text() == config_text("default")
    assert path.with_name("jam.toml.1.bak").read_text() == "[play]\nseed = 7\n"


@pytest.mark.parametrize("name", examples())
def test_every_example_is_written_where_it_is_asked_for_and_loads(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / "box.toml"

    said = write_config(name, path, is_forced=False)

    assert f"written: {path}; to use it: livegen jam --config {path}" in said
    load(path)


def test_an_unknown_example_and_a_folder_are_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no example 'bnad'; did you mean 'band'\?"):
        write_config("bnad", None, is_forced=False)
    with pytest.raises(TargetError, match="cannot be written"):
        write_config("band", tmp_path, is_forced=True)
    with pytest.raises(TargetError, match=r"cannot be written \(.*\); choose another file with --to"):
        write_config("band", Path("/proc/none/band.toml"), is_forced=False)


def test_a_learnt_controller_goes_into_the_written_file() -> None:
    write_config("default", None, is_forced=False)

    bind(own_file(), {7: "density"})

    assert load(own_file()) == load(None, {"controls": {"cc": {7: "density"}}})
    assert "#cc = {}" in own_file().read_text()
