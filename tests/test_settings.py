"""Settings: one place, frozen, and every mistake answered."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from livegen.errors import SettingsError
from livegen.settings import InputPort, OutputPort, Ports, Settings, load

LIVE = Path(__file__).parents[1] / "livegen" / "configs"
DEFAULT = LIVE / "default.toml"


def test_the_default_file_shows_every_key_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVEGEN_DAEMON__SPARE", raising=False)  # see ``conftest``
    assert load(DEFAULT) == Settings()
    shown = tomllib.loads(DEFAULT.read_text())
    assert shown.pop("version") == 1
    assert {section: set(keys) for section, keys in shown.items()} == {
        section: set(keys) for section, keys in Settings().model_dump().items()
    }


def test_the_environment_has_lists_and_tables_as_json_and_what_is_not_ours_is_let_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEGEN_CONTROLS__CC", '{"7": "density"}')
    monkeypatch.setenv("LIVEGEN_SIMULATED_HOURS", "2")
    monkeypatch.setenv("LIVEGEN_PLAY", "soon")

    assert load().controls.cc == {7: "density"}

    monkeypatch.setenv("LIVEGEN_PLAY__SEDE", "7")
    with pytest.raises(SettingsError, match=r"unknown key 'play\.sede'; did you mean 'seed'\?"):
        load()


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
        ("[play]\nseed = -2", "'play.seed' is -2: write a whole number, at least -1"),
        ("[[ports.inputs]]\ntranspse = 1", "unknown key 'ports.inputs.0.transpse'; did you mean 'transpose'?"),
        ("[play]\ntempo = 90", "unknown key 'play.tempo'; did you mean 'tempo_bpm' in [time]?"),
        ("seed = 1", "unknown key 'seed'; did you mean 'seed' in [play]?"),
        ("[sampling]\nvolume = 1", "unknown key 'sampling.volume'; there are: avoid_loops, candidates, density, "),
        ("[controls]\ncc = { 7 = 'volume' }", "unknown controls.cc.7 'volume'; there are: answer_length, density, "),
        ("[time]\nclock = 'external'", "unknown clock 'external'; did you mean 'midi'?"),
        ("[ports]\nthru = 'yes'", "unknown thru 'yes'; there are: off, on"),
        ("[[ports.outputs]]\nchannels = [0]", "'ports.outputs.0.channels.0' is 0: write a whole number, at least 1"),
        ("[time]\ntempo_bpm = 900", "'time.tempo_bpm' is 900: write a number from 0 to 400, in beats a minute"),
        ("[sound]\ngain = 9", "'sound.gain' is 9: write a number, more than 0 and at most 5"),
        ("[sound]\non = 'maybe'", "'sound.on' is 'maybe': write true or false"),
        ("[ports]\nname = 'a b'", "'ports.name' is 'a b': write 1 to 32 letters, digits, '_', '.' or '-'"),
        ("[limits]\nlowest = 60\nhighest = 62", "'limits': 'highest' must be at least an octave"),
        ("[controls]\ncc = { x = 'density' }", "'controls.cc' has the key 'x': write a whole number"),
        ("[installation]\nhours = 'Mon'", "'installation.hours' is 'Mon': write a list: [ ]"),
        ("play = 3", "'play' is 3: write a table: { }"),
        ("[play]\nkey = 'H'", "unknown key 'H'; write 'B major': livegen reads English names"),
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


@pytest.mark.parametrize(
    ("option", "variable", "said"),
    [
        ({"tempo_bpm": "900"}, None, "--tempo 900: write a number from 0 to 400, in beats a minute"),
        ({"tempo_bpm": "fast"}, "90", "--tempo fast: write a number from 0 to 400, in beats a minute"),
        ({"clock": "mdi"}, None, "--clock: unknown clock 'mdi'; did you mean 'midi'?"),
        ({"clock": "midi"}, "900", "LIVEGEN_TIME__TEMPO_BPM=900: write a number from 0 to 400, in beats a minute"),
        ({"tempo_bpm": None}, None, "{file}: 'time.tempo_bpm' is 500: write a number from 0 to 400, in beats a minute"),
    ],
)
def test_a_wrong_value_is_told_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: dict[str, str | None], variable: str | None, said: str
) -> None:
    file = tmp_path / "duet.toml"
    file.write_text("[time]\ntempo_bpm = 500\n")
    if variable:
        monkeypatch.setenv("LIVEGEN_TIME__TEMPO_BPM", variable)

    with pytest.raises(SettingsError) as caught:
        load(file, {"time": option})

    assert str(caught.value) == said.format(file=file)


WRONG = (
    -(10**9),
    10**9,
    0.5,
    "",
    "a b",
    "\0",
    True,
    [],
    [[]],
    {},
    {"x": 1},
    [10**9],
    {"99": 99},
    [{"x": 1}],
    float("nan"),
)


@pytest.mark.parametrize("section", Settings.model_fields)
def test_no_setting_refuses_a_value_in_words_that_are_not_ours(section: str) -> None:
    refused = list[str]()
    for key in Settings.model_fields[section].annotation.model_fields:  # type: ignore[union-attr]
        for value in WRONG:
            try:
                load(None, {section: {key: value}})
            except SettingsError as error:
                refused.append(str(error))

    assert len(refused) > 10
    assert [said for said in refused if re.search("Input|[Vv]alue|should|valid|pattern|\\[key", said)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 2", "settings of version 2, and this livegen reads version 1; install the livegen that they are"),
        ("version = '1'", "'version' is '1'; write version = 1, or leave it out"),
        ("version = true", "'version' is True; write version = 1, or leave it out"),
        ("version = 0", "'version' is 0; write version = 1, or leave it out"),
    ],
)
def test_settings_of_another_version_are_refused_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "duet.toml"
    file.write_text(f"{text}\n[play]\nseed = 1\n")

    with pytest.raises(SettingsError) as caught:
        load(file)

    assert str(caught.value).startswith(f"{file}: {said}")


def test_settings_without_a_version_are_of_the_first(tmp_path: Path) -> None:
    first, none = tmp_path / "first.toml", tmp_path / "none.toml"
    first.write_text("version = 1\n[play]\nseed = 7\n")
    none.write_text("[play]\nseed = 7\n")

    assert load(first) == load(none) == load(None, {"play": {"seed": 7}})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: no such file"):
        load(tmp_path / "none.toml")


def test_an_input_is_a_name_or_a_table_and_takes_the_split_of_all_unless_it_has_its_own(tmp_path: Path) -> None:
    file = tmp_path / "duet.toml"
    file.write_text('[ports]\nsplit = 60\ninput = "Nord"\ninputs = ["KeyStep", { name = "Pads", split = 0 }]\n')

    assert load(file).ports.all_inputs == (
        InputPort(name="KeyStep", split=60),
        InputPort(name="Pads", split=0),
        InputPort(name="Nord", split=60),
    )


def test_without_a_named_input_every_keyboard_is_one() -> None:
    assert Ports(split=48).all_inputs == (InputPort(name="", split=48),)


def test_the_virtual_output_comes_first_and_the_earliest_one_says_how_far_to_look_ahead() -> None:
    ports = load(LIVE / "band.toml").ports

    assert [port.name for port in ports.all_outputs] == ["", "Minitaur", "FluidSynth"]
    assert ports.ahead_ms == 20
    assert Ports(output="Nord").all_outputs == (OutputPort(), OutputPort(name="Nord"))
    assert Ports().ahead_ms == 0


def test_what_cannot_be_printed_is_escaped_in_the_line_that_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text('[play]\nrole = "so\\nlo\\f"\n')

    with pytest.raises(SettingsError, match=r"unknown role 'so\\nlo\\x0c'"):
        load(path)


OLD = """
[play]
role = "solo"
touched_role = "accompany"
[sampling]
outside = 0.5
futures = 2
guard = false
[installation]
mute_s = 3
stand_in = "folk-lstm"
"""


def test_a_setting_is_read_under_its_old_name_and_that_is_said_for_each(tmp_path: Path) -> None:
    file, lines = tmp_path / "old.toml", list[str]()
    file.write_text(OLD)

    settings = load(file, say=lines.append)

    assert (settings.play.role_after_touch, settings.sampling.out_of_key) == ("accompany", 0.5)
    assert (settings.sampling.candidates, settings.sampling.avoid_loops) == (2, False)
    assert (settings.installation.max_silence_s, settings.installation.fallback_model) == (3, "folk-lstm")
    assert f"{file}: 'sampling.guard' is called 'sampling.avoid_loops' now; the old name is still read" in lines
    assert len(lines) == 6


def test_where_a_setting_is_given_by_both_names_the_new_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEGEN_SAMPLING__GUARD", "false")

    settings = load(None, {"sampling": {"avoid_loops": True}})

    assert settings.sampling.avoid_loops


def test_settings_that_an_earlier_livegen_recorded_are_read() -> None:
    assert Settings.model_validate_json('{"play": {"touched_role": "solo"}}').play.role_after_touch == "solo"


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        ({}, "touch"),
        ({"role": "accompany"}, "touch"),
        ({"model": "bach"}, "bach"),
        ({"role": "harmonise"}, "bach"),
        ({"role": "solo", "role_after_touch": "harmonise"}, "bach"),
    ],
)
def test_a_usual_model_plays_where_none_is_named_and_the_role_can_be_its(play: dict[str, str], expected: str) -> None:
    assert load(None, {"play": play}).with_model("touch").play.model == expected


def test_a_model_that_the_environment_names_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEGEN_PLAY__MODEL", "bach")

    assert load(None, {"play": {"model": None}}).with_model("touch").play.model == "bach"


@pytest.mark.parametrize("controls", [{"programs": ["respond", "harmonise"]}, {"cc": {20: "role"}}])
def test_a_usual_model_does_not_play_where_a_program_or_a_knob_may_ask_to_harmonise(controls: dict[str, Any]) -> None:
    assert load(None, {"controls": controls}).with_model("touch").play.model == "bach"
