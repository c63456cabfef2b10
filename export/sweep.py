"""Sweeps: many settings of one recipe, tried by any number of processes, with one journal of what came out.

A trial is one point, trained to the end, or, in a halving, until the epochs of a rung. A trial that was killed is
taken up again by the next process that looks, from its last checkpoint: its folder is named after its settings.
"""

import json
import os
import shutil
import socket
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from export.recipes import Recipe
from export.sweep_plan import Interval, Rung, Sweep, Value, points, recipe_of, rungs

ASK_AGAIN_S = 1.0  # while other processes finish a rung

Train = Callable[[Recipe, Path, int], float]  # (recipe, folder, epochs to stop at or 0) → nats
_Key = tuple[str, int]  # what a trial tries: settings in JSON, epochs


class OutOfTime(Exception):
    """Raised by a training that stops at the end of an epoch, to be taken up again later."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One outcome."""

    settings: Mapping[str, Value]
    nats: float  # per token of the validation
    epochs: int = 0  # of its rung; 0: trained to the end

    def __str__(self) -> str:
        """One line."""
        settings = "  ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.nats:.4f}  " + (f"epoch {self.epochs}  " if self.epochs else "") + settings


Report = Callable[[Trial], None]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is known of a rung; points are settings in JSON."""

    rung: Rung
    waiting: Sequence[str]  # its points that are not done, in the order in which they are tried
    dropped: Sequence[str]  # its points that can no longer go on


def run(sweep: Sweep, folder: Path, train: Train, report: Report | None = None) -> None:
    """Try what is still to be tried, until the end or OutOfTime; ``train`` may be killed at any moment."""
    study = _study(sweep, folder)
    while (trial := _next(sweep, study, folder)) is not None:
        settings, epochs = _settings(trial.user_attrs["settings"]), trial.user_attrs["epochs"]
        try:
            nats = train(recipe_of(sweep, settings), folder / _folder_name(settings), epochs)
        except OutOfTime:
            study.tell(trial, state=TrialState.FAIL)
            raise
        study.tell(trial, nats)
        _delete_dropped(sweep, study, folder)
        if report:
            report(Trial(settings, nats, epochs))


def results(sweep: Sweep, folder: Path) -> list[Trial]:
    """The finished trials, the furthest rung first, and in each the best first; none of what the plan was before."""
    done = _study(sweep, folder).get_trials(states=[TrialState.COMPLETE])
    found = [Trial(_settings(each.user_attrs["settings"]), float(each.value or 0.0), _key(each)[1]) for each in done]
    grid = {json.dumps(point) for point in points(sweep)}
    found = [
        trial
        for trial in found
        if (json.dumps(trial.settings) in grid if grid else trial.settings.keys() == sweep.space.keys())
    ]
    return sorted(found, key=lambda trial: (-trial.epochs, trial.nats))


def progress(sweep: Sweep, trials: Sequence[Trial]) -> tuple[int, int]:
    """The work that is done, and the whole: in epochs for a halving, else in trials."""
    done = Counter(trial.epochs for trial in trials)
    whole = {rung: max(rung.points, done[rung.epochs]) for rung in rungs(sweep)}  # a marked point may be one more
    return sum(done[rung.epochs] * rung.further for rung in whole), sum(whole[rung] * rung.further for rung in whole)


def ranks(trials: Sequence[Trial], settings: Mapping[str, Value]) -> dict[int, tuple[int, int]]:
    """For each rung that these settings have reached, by its epochs: their place from 1, and among how many."""
    found = {}
    for own in (trial for trial in trials if trial.settings == settings):
        others = [trial.nats for trial in trials if trial.epochs == own.epochs]
        found[own.epochs] = sum(nats < own.nats for nats in others) + 1, len(others)
    return dict(sorted(found.items()))


def _study(sweep: Sweep, folder: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "journal.log")
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    seed = zlib.crc32(f"{sweep.seed}-{os.getpid()}".encode())
    samplers = {"tpe": optuna.samplers.TPESampler(seed=seed, constant_liar=True)}
    sampler = samplers.get(sweep.search, optuna.samplers.RandomSampler(seed=seed))
    return optuna.create_study(storage=storage, sampler=sampler, study_name=sweep.name, load_if_exists=True)


# --- what is next


def _next(sweep: Sweep, study: optuna.Study, folder: Path) -> optuna.Trial | None:
    """The next trial to try, or None when the others are done or in good hands; waits while others finish a rung."""
    while True:
        with _only_one(folder):
            _release_orphans(study)
            trials = study.get_trials(deepcopy=False)
            *_, standing = _climb(sweep, trials)
            held = [_key(trial) for trial in trials if trial.state in (TrialState.RUNNING, TrialState.COMPLETE)]
            taken, epochs = set(held), standing.rung.epochs
            for point in standing.waiting:
                if (point, epochs) not in taken:
                    return _own(study.ask(), point, epochs)
            if not points(sweep) and len(held) < sweep.trials:
                trial = study.ask()
                settings = {name: _suggest(trial, name, values) for name, values in sweep.space.items()}
                return _own(trial, json.dumps(settings), 0)
        if standing.rung == rungs(sweep)[-1]:
            return None
        time.sleep(ASK_AGAIN_S)


def _climb(sweep: Sweep, trials: Sequence[FrozenTrial]) -> Iterator[_Standing]:
    """Rung by rung from the first, as far as the one before is complete."""
    nats = {_key(trial): trial.value for trial in trials if trial.state is TrialState.COMPLETE}
    failed = [_key(trial)[0] for trial in trials if trial.state is TrialState.FAIL and "settings" in trial.user_attrs]
    chosen = [json.dumps(point) for point in points(sweep)] or failed
    marked = [json.dumps(point) for point in points(sweep) if sweep.marked and point == sweep.marked.settings]
    for rung, above in zip_longest(rungs(sweep), rungs(sweep)[1:]):
        outcome = {point: nats[point, rung.epochs] for point in chosen if (point, rung.epochs) in nats}
        ranked = sorted(outcome, key=lambda point: (outcome[point], point))
        many = above.points if above else len(ranked)
        waiting = [point for point in chosen if point not in outcome]
        yield _Standing(rung, waiting, [point for point in ranked[many:] if point not in marked])
        if waiting:
            return
        chosen = ranked[:many] + [point for point in ranked[many:] if point in marked]


def _delete_dropped(sweep: Sweep, study: optuna.Study, folder: Path) -> None:
    """Delete the checkpoints of the points that as many as go on have beaten already."""
    with _only_one(folder):
        for standing in _climb(sweep, study.get_trials(deepcopy=False)):
            for point in standing.dropped:
                shutil.rmtree(folder / _folder_name(_settings(point)), ignore_errors=True)


def _suggest(trial: optuna.Trial, name: str, values: list[Value] | Interval) -> Value:
    if isinstance(values, list):
        choices: list[Any] = values
        return values[choices.index(trial.suggest_categorical(name, choices))]
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _key(trial: FrozenTrial) -> _Key:
    return trial.user_attrs.get("settings", ""), trial.user_attrs.get("epochs", 0)


def _settings(text: str) -> dict[str, Value]:
    settings: dict[str, Value] = json.loads(text)
    return settings


def _folder_name(settings: Mapping[str, Value]) -> str:
    return f"{zlib.crc32(json.dumps(settings).encode()):08x}"


# --- whose trial it is


def _own(trial: optuna.Trial, settings: str, epochs: int) -> optuna.Trial:
    """Say what it tries and whose it is; a process is known by its host, its number and when it began."""
    trial.set_user_attr("settings", settings)
    trial.set_user_attr("epochs", epochs)
    trial.set_user_attr("owner", f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}")
    return trial


def _began(pid: int) -> str:
    """When a process of this machine began, in the kernel's ticks; "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _is_alive(trial: FrozenTrial) -> bool:
    """Of a trial on another machine nothing is known: it is left alone.

    One without an owner was asked for by a process that was killed before it could say so.
    """
    if "owner" not in trial.user_attrs:
        return False
    host, pid, began = trial.user_attrs["owner"].split(" ")
    return host != socket.gethostname() or (bool(began) and _began(int(pid)) == began)


def _release_orphans(study: optuna.Study) -> None:
    """Let go of what a process that is gone was trying."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _is_alive(trial):
            study.tell(trial.number, state=TrialState.FAIL)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """A lock that the system takes back from a process that dies."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
