"""How much of something a test does: a little every day, the whole of it with the marker ``long``."""

import os
from typing import TypeVar

import pytest

Amount = TypeVar("Amount", int, float)


def amounts(name: str, *, everyday: Amount, whole: Amount, variable: str | None = None) -> pytest.MarkDecorator:
    """A parameter called ``name``, once with each of the two amounts; an environment ``variable`` names another one.

    ``make test`` leaves out what is marked ``long``, ``make test-all`` does not. With the variable set there is the
    one amount that it names, in both.
    """
    if variable is not None and variable in os.environ:
        return pytest.mark.parametrize(name, [type(everyday)(os.environ[variable])])
    words = name.replace("_", " ")
    return pytest.mark.parametrize(
        name,
        [
            pytest.param(everyday, id=f"{everyday:g} {words}"),
            pytest.param(whole, id=f"{whole:g} {words}", marks=pytest.mark.long),
        ],
    )
