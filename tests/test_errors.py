"""A suggestion makes sense, or there is none."""

from typing import get_args

import pytest

from livegen.errors import did_you_mean, nearest
from livegen.settings import Parameter, Play, Role
from livegen.shipped import shipped_models

COMMANDS = (
    "bench",
    "config",
    "demo",
    "doctor",
    "harmonise",
    "jam",
    "models",
    "ports",
    "render",
    "replay",
    "run",
    "status",
)


@pytest.mark.parametrize(
    ("word", "names", "meant"),
    [
        ("jma", COMMANDS, "jam"),
        ("harmonize", COMMANDS, "harmonise"),
        ("statu", COMMANDS, "status"),
        ("play", COMMANDS, "jam"),
        ("devices", COMMANDS, "ports"),
        ("acompany", get_args(Role), "accompany"),
        ("answer", get_args(Role), "respond"),
        ("bahc", shipped_models(), "bach"),
        ("Folk_LSTM", shipped_models(), "folk-lstm"),
        ("piano", shipped_models(), "piano-lstm"),
        ("velocity", Play.model_fields, "velocity_follow"),
        ("horizn ms", Play.model_fields, "horizon_ms"),
        ("keystep", ("KeyStep 37", "Midi Through"), "KeyStep 37"),
    ],
)
def test_a_misspelt_shortened_or_other_word_is_understood(word: str, names: tuple[str, ...], meant: str) -> None:
    assert nearest(word, names) == meant
    assert did_you_mean(word, names) == f"; did you mean '{meant}'?"


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("volume", get_args(Parameter)),
        ("speed", get_args(Parameter)),
        ("x", get_args(Parameter)),
        ("bass", shipped_models()),
        ("folk", shipped_models()),  # two begin so
        ("no", ("off", "on")),
        ("stop", COMMANDS),
        ("", COMMANDS),
    ],
)
def test_a_word_that_is_near_to_none_gets_the_list(word: str, names: tuple[str, ...]) -> None:
    assert nearest(word, names) is None
    assert did_you_mean(word, names) == f"; there are: {', '.join(sorted(names))}"


def test_where_there_is_nothing_that_is_said() -> None:
    assert did_you_mean("bach", ()) == "; there are none"
