"""The plan of a sweep: which settings of a recipe are tried, and for how long, as read from TOML."""

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export import places, recipes
from export.recipes import Recipe
from livegen.errors import SettingsError
from livegen.wrong_value import remedy

SWEEPS = places.CONFIGS / "sweep"
EPOCHS = "training.epochs"
Value = bool | int | float | str | list[bool | int | float | str]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Frozen):
    """Numbers between two, both included."""

    low: float
    high: float
    log: bool = False


class Halving(_Frozen):
    """All points are trained for a few epochs, the best of them for more (Jamieson and Talwalkar 2016).

    The best 1/factor of a rung go on, each from its checkpoint, until they have factor times as many epochs.
    """

    first_epochs: int = Field(1, ge=1)
    last_epochs: int = Field(ge=1)
    factor: int = Field(3, ge=2)


class Marked(_Frozen):
    """A point of the grid whose rank is told; it goes on to the last rung beside the best."""

    name: str
    settings: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Rung:
    """How many points are trained until how many epochs; those of the rung before are counted."""

    points: int
    epochs: int  # 0: until the recipe's own end
    further: int  # work of one of its points: epochs beyond the rung before, or one training


class Sweep(_Frozen):
    """What is tried; settings are named as in the recipe, ``network.hidden``.

    ``dropout.between and dropout.output`` is one setting that gives both the same value, or each its own of a list.
    """

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    recipe: str
    search: Literal["grid", "random", "tpe", "halving"]
    trials: int = Field(0, ge=0)  # 0: a grid's every point
    seed: int = 0  # of the searches that draw; a halving tries its points in an order that it draws
    halving: Halving | None = None
    marked: Marked | None = None
    fixed: dict[str, Value] = {}
    space: dict[str, list[Value] | Interval] = Field(min_length=1)


def find(config: str) -> Path:
    """The path of a sweep, given as a path or as the name of one in ``configs/sweep``."""
    return places.find_config(SWEEPS, config, "sweep")


def load(path: Path) -> Sweep:
    """The sweep in a TOML file; SettingsError names the file and the key."""
    try:
        sweep = Sweep.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}: '{'.'.join(map(str, first['loc']))}': {remedy(first)}") from None
    if wrong := next(_complaints(sweep), None):
        raise SettingsError(f"{path}: {wrong}")
    return sweep


def recipe_of(sweep: Sweep, settings: Mapping[str, Value]) -> Recipe:
    """The sweep's recipe with these settings in place of its own; SettingsError names what it does not have."""
    content = recipes.load(recipes.find(sweep.recipe)).model_dump()
    planned = {EPOCHS: sweep.halving.last_epochs} if sweep.halving else {}
    for names, value in {**sweep.fixed, **planned, **settings}.items():
        for name, own in _each(sweep, names, value):
            *path, key = name.split(".")
            place = content
            for part in path:
                inner = place.get(part)
                place = inner if isinstance(inner, dict) else {}
            if key not in place:
                raise SettingsError(f"sweep '{sweep.name}': recipe '{sweep.recipe}' has no setting '{name}'")
            place[key] = own
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"sweep '{sweep.name}': '{first['loc'][-1]}': {remedy(first)}") from None


def _each(sweep: Sweep, names: str, value: Value) -> Iterator[tuple[str, Value]]:
    """The settings of the recipe that one of the sweep gives, with their values."""
    many = names.split(" and ")
    values: list[Value] = [*value] if isinstance(value, list) and len(many) > 1 else [value] * len(many)
    if len(values) != len(many):
        raise SettingsError(f"sweep '{sweep.name}': '{names}': write one value, or a list of {len(many)}: {value}")
    yield from zip(many, values, strict=True)


def points(sweep: Sweep) -> list[dict[str, Value]]:
    """The points of a grid, in the order in which they are tried; none where the search draws them."""
    if sweep.search in ("random", "tpe"):
        return []
    lists = [values for values in sweep.space.values() if isinstance(values, list)]
    found = [dict(zip(sweep.space, point, strict=True)) for point in product(*lists)]
    if sweep.halving:  # the first hundred tell something of every setting
        random.Random(sweep.seed).shuffle(found)
    if marked := sweep.marked:  # its rank is told from the first on
        found.sort(key=lambda point: point != marked.settings)
    return found[: sweep.trials or None]


def rungs(sweep: Sweep) -> list[Rung]:
    """The rungs of a halving; another search has one."""
    many = len(points(sweep)) or sweep.trials
    if not (halving := sweep.halving):
        return [Rung(many, 0, 1)]
    found = [Rung(many, halving.first_epochs, halving.first_epochs)]
    while (last := found[-1]).epochs < halving.last_epochs:
        epochs = min(last.epochs * halving.factor, halving.last_epochs)
        found.append(Rung(max(1, last.points // halving.factor), epochs, epochs - last.epochs))
    return found


def _complaints(sweep: Sweep) -> Iterator[str]:
    """What a plan may not say, though each of its values is right."""
    is_grid = sweep.search in ("grid", "halving")
    for name, values in sweep.space.items():
        if is_grid and isinstance(values, Interval):
            yield f"'space.{name}': a grid is made of lists of values; for an interval search 'random' or 'tpe'"
        elif isinstance(values, list) and not 0 < len(set(map(str, values))) == len(values):
            yield f"'space.{name}': write each value once, and at least one"
    if not is_grid and not sweep.trials:
        yield "'trials' is missing; how many are to be tried"
    if sweep.marked and not is_grid:
        yield f"'marked' is a point of a grid; search '{sweep.search}' has none"
    if sweep.marked and is_grid and sweep.marked.settings not in points(sweep.model_copy(update={"trials": 0})):
        yield f"'marked.settings' is no point of the grid; write one value of each of: {', '.join(sweep.space)}"
    if (sweep.search == "halving") != bool(sweep.halving):
        yield "search 'halving' and the table [halving] go together; write both or neither"
    if sweep.halving and sweep.halving.first_epochs > sweep.halving.last_epochs:
        yield f"'halving.last_epochs': write a whole number, at least first_epochs, {sweep.halving.first_epochs}"
    if sweep.halving and EPOCHS in {*sweep.fixed, *sweep.space}:
        yield f"'{EPOCHS}': a halving says itself how long a point is trained; leave it out"
