"""Sweeps: many settings of one recipe, tried by any number of processes, with one journal of what came out.

A trial that was killed is taken up again by the next process that looks, from its last checkpoint: its folder is named
after its settings.
"""

import json
import os
import socket
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export import places, recipes
from export.recipes import Recipe
from livegen.errors import SettingsError, did_you_mean
from livegen.wrong_value import remedy

SWEEPS = places.CONFIGS / "sweep"
Value = bool | int | float | str

Report = Callable[[int, int, Mapping[str, Value], float], None]  # (trials done, trials, settings, nats)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Frozen):
    """Numbers between two, both included."""

    low: float
    high: float
    log: bool = False


class Sweep(_Frozen):
    """What is tried, as read from TOML; settings are named as in the recipe, ``network.hidden``."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    recipe: str
    search: Literal["grid", "random", "tpe"]
    trials: int = Field(0, ge=0)  # 0: a grid's every point
    seed: int = 0
    fixed: dict[str, Value] = {}
    space: dict[str, list[Value] | Interval] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One outcome."""

    settings: Mapping[str, Value]
    nats: float  # per token of the validation


def find(config: str) -> Path:
    """The path of a sweep, given as a path or as the name of one in ``configs/sweep``."""
    named = SWEEPS / f"{config}.toml"
    if named.exists():
        return named
    if Path(config).exists():
        return Path(config)
    raise SettingsError(f"no sweep '{config}'{did_you_mean(config, (path.stem for path in SWEEPS.glob('*.toml')))}")


def load(path: Path) -> Sweep:
    """The sweep in a TOML file; SettingsError names the file and the key."""
    try:
        sweep = Sweep.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}: '{'.'.join(map(str, first['loc']))}': {remedy(first)}") from None
    if sweep.search == "grid" and not all(isinstance(values, list) for values in sweep.space.values()):
        raise SettingsError(f"{path}: a grid is made of lists of values; for an interval search 'random' or 'tpe'")
    if sweep.search != "grid" and not sweep.trials:
        raise SettingsError(f"{path}: 'trials' is missing; how many are to be tried")
    return sweep


def recipe_of(sweep: Sweep, settings: Mapping[str, Value]) -> Recipe:
    """The sweep's recipe with these settings in place of its own; SettingsError names what it does not have."""
    content = recipes.load(recipes.find(sweep.recipe)).model_dump()
    for name, value in {**sweep.fixed, **settings}.items():
        *path, key = name.split(".")
        place = content
        for part in path:
            inner = place.get(part)
            place = inner if isinstance(inner, dict) else {}
        if key not in place:
            raise SettingsError(f"sweep '{sweep.name}': recipe '{sweep.recipe}' has no setting '{name}'")
        place[key] = value
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"sweep '{sweep.name}': '{first['loc'][-1]}': {remedy(first)}") from None


def run(sweep: Sweep, folder: Path, train: Callable[[Recipe, Path], float], report: Report | None = None) -> None:
    """Try what is still to be tried; ``train`` gives a recipe's nats, and may be killed at any moment."""
    study = _study(sweep, folder)
    while (trial := _next(sweep, study, folder)) is not None:
        settings = settings_of(sweep, trial)
        nats = train(recipe_of(sweep, settings), folder / _folder_name(settings))
        study.tell(trial, nats)
        if report:
            report(len(results(sweep, folder)), count(sweep), settings, nats)


def results(sweep: Sweep, folder: Path) -> list[Trial]:
    """The finished trials, best first."""
    done = _study(sweep, folder).get_trials(states=[TrialState.COMPLETE])
    return sorted(
        (Trial(_settings(trial.user_attrs["settings"]), float(trial.value or 0.0)) for trial in done),
        key=lambda trial: trial.nats,
    )


def count(sweep: Sweep) -> int:
    """How many trials the sweep is made of."""
    points = len(_grid(sweep)) if sweep.search == "grid" else 0
    return min(points, sweep.trials or points) if points else sweep.trials


def settings_of(sweep: Sweep, trial: optuna.Trial) -> Mapping[str, Value]:
    """The settings that a trial tries."""
    return _settings(trial.user_attrs["settings"])


def _study(sweep: Sweep, folder: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "journal.log")
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    seed = zlib.crc32(f"{sweep.seed}-{os.getpid()}".encode())
    samplers = {"tpe": optuna.samplers.TPESampler(seed=seed, constant_liar=True)}
    sampler = samplers.get(sweep.search, optuna.samplers.RandomSampler(seed=seed))
    return optuna.create_study(storage=storage, sampler=sampler, study_name=sweep.name, load_if_exists=True)


def _next(sweep: Sweep, study: optuna.Study, folder: Path) -> optuna.Trial | None:
    """The next trial to try, or None when the others are done or in good hands; one process at a time asks."""
    with _only_one(folder):
        trials = study.get_trials(deepcopy=False)
        orphan = next((trial for trial in trials if trial.state is TrialState.RUNNING and not _is_alive(trial)), None)
        if orphan:
            study.tell(orphan.number, state=TrialState.FAIL)
            return _begin(study, _settings(orphan.user_attrs["settings"]))
        known = [trial for trial in trials if trial.state in (TrialState.RUNNING, TrialState.COMPLETE)]
        if len(known) >= count(sweep):
            return None
        tried = {trial.user_attrs["settings"] for trial in known}
        if sweep.search == "grid":
            return _begin(study, next(point for point in _grid(sweep) if json.dumps(point) not in tried))
        trial = study.ask()
        settings = {name: _suggest(trial, name, values) for name, values in sweep.space.items()}
        return _own(trial, settings)


def _begin(study: optuna.Study, settings: Mapping[str, Value]) -> optuna.Trial:
    study.enqueue_trial(dict(settings))
    return _own(study.ask(), settings)


def _own(trial: optuna.Trial, settings: Mapping[str, Value]) -> optuna.Trial:
    """Say whose trial it is; a process is known by its host, its number and when it began."""
    trial.set_user_attr("settings", json.dumps(settings))
    trial.set_user_attr("owner", _owner(os.getpid()))
    return trial


def _owner(pid: int) -> str:
    return f"{socket.gethostname()} {pid} {_began(pid)}"


def _began(pid: int) -> str:
    """When a process of this machine began, in the kernel's ticks; "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _is_alive(trial: FrozenTrial) -> bool:
    """Of a trial on another machine nothing is known: it is left alone."""
    host, pid, began = trial.user_attrs.get("owner", "  ").split(" ")
    return host != socket.gethostname() or (bool(began) and _began(int(pid)) == began)


def _suggest(trial: optuna.Trial, name: str, values: list[Value] | Interval) -> Value:
    if isinstance(values, list):
        chosen: Any = trial.suggest_categorical(name, values)
        return values[values.index(chosen)]
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _grid(sweep: Sweep) -> list[dict[str, Value]]:
    lists = [values for values in sweep.space.values() if isinstance(values, list)]
    return [dict(zip(sweep.space, point, strict=True)) for point in product(*lists)]


def _settings(text: str) -> dict[str, Value]:
    settings: dict[str, Value] = json.loads(text)
    return settings


def _folder_name(settings: Mapping[str, Value]) -> str:
    return f"{zlib.crc32(json.dumps(settings).encode()):08x}"


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """A lock that the system takes back from a process that dies."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
