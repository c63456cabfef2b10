"""The models that the port process holds: read from their files once, validated, and given to each engine as bytes.

An engine reads no file. So a model that is deleted, damaged or replaced while it plays is missed by no engine: the next
one is given what the last one had.
"""

import hashlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import get_args

from livegen.errors import ModelError, SettingsError, did_you_mean
from livegen.file_version import GONE, stamp
from livegen.ipc.given_model import GivenModel
from livegen.model.files import find_model, read_model
from livegen.model.validation import Trial, validate_model
from livegen.realtime import LOOKING_ON, raise_thread
from livegen.settings import Role, Settings
from livegen.shipped import model_path, shipped_models


def check_models(settings: Settings) -> None:
    """ModelError when the model's file cannot be read and no other plays in its place: its content is checked later.

    SettingsError when a program change would choose what does not exist.
    """
    known = (*get_args(Role), *shipped_models())
    for name in settings.controls.programs:
        if name not in known and not name.endswith(".onnx"):
            raise SettingsError(f"controls.programs: unknown role or model '{name}'{did_you_mean(name, known)}")
    try:
        read_model(find_model(settings.play.model))
    except ModelError:
        if not settings.installation.fallback_model:
            raise


class Models:
    """No models are held: the engine brings its own."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        self._stopping.wait()

    def stop(self) -> None:
        """Make ``run`` return. Any thread."""
        self._stopping.set()

    def fetch(self, _name: str, /, *, is_new_file: bool) -> bool:
        """Begin to give another model to the engine; False when nothing is to be waited for. The router's thread."""
        del is_new_file
        return False

    def has(self, _name: str) -> bool:
        """Can an engine begin with this model? Any thread."""
        return True

    def held(self, _name: str) -> GivenModel | None:
        """The model to give to an engine that begins. Any thread."""
        return None

    def version(self, name: str) -> object:
        """Differs when another file is meant by this name; ``GONE`` without one. Any thread."""
        return stamp(model_path(name))

    def obtain(self, name: str) -> None:
        """Wait until the model is held; ModelError says why it may not play."""

    def prove(self, name: str) -> None:
        """An engine is ready with this model."""

    def restore(self, _name: str) -> bool:
        """Engines end while they load this model: go back to the file of this name that was proven, if that differs."""
        return False

    def give_up(self) -> None:
        """Let nobody wait for a model any more. Any thread."""


class ModelSupply(Models):
    """Owner of the held models: the one that was asked for last, and the one that the last ready engine began with.

    Its own thread calls ``run``, the event router's ``fetch``, the supervisor's all other methods, unless it is said.
    ``give`` sends a model to the current engine; ``on_fetched`` is called when the model that was asked for was given,
    or was refused.
    """

    def __init__(
        self,
        wanted: str,
        say: Callable[[str], None],
        give: Callable[[GivenModel], None],
        on_fetched: Callable[[], None],
        *,
        is_realtime: bool = False,
    ) -> None:
        super().__init__()
        self._wanted = wanted
        self._say = say
        self._give = give
        self._on_fetched = on_fetched
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._asked = self._answered = 0  # how often; one thread each
        self._reading = threading.Lock()
        self._held: dict[str, GivenModel] = {}  # by name; replaced, never changed
        self._proven: GivenModel | None = None
        self._trial: Trial | None = None
        self._is_over = False

    def fetch(self, name: str, /, *, is_new_file: bool) -> bool:
        """Read a model if it is another one or its file is new; True when ``on_fetched`` will be called."""
        if name != self._wanted or is_new_file:
            self._wanted = name
            self._asked += 1
            self._queue.put(name)
        return self._asked != self._answered

    def run(self) -> None:
        if self._is_realtime:
            raise_thread(LOOKING_ON)
        while (name := self._queue.get()) is not None:
            self._answer(name)

    def stop(self) -> None:
        self._queue.put(None)
        self.give_up()

    def work_off(self) -> None:
        """Read all models that wait: in place of ``run`` where there are no threads."""
        while True:
            try:
                name = self._queue.get_nowait()
            except Empty:
                return
            if name is not None:
                self._answer(name)

    def has(self, name: str) -> bool:
        return self.held(name) is not None

    def held(self, name: str) -> GivenModel | None:
        proven = self._proven
        return self._held.get(name) or (proven if proven and proven.name == name else None)

    def version(self, name: str) -> object:
        model = self.held(name)
        return model.sha256 if model else GONE

    def obtain(self, name: str) -> None:
        if not self.has(name):
            self._read(name)

    def prove(self, name: str) -> None:
        self._proven = self.held(name)

    def restore(self, name: str) -> bool:
        proven = self._proven
        if proven is None or proven.name != name or self.held(name) == proven:
            return False
        self._held = {**self._held, name: proven}
        return True

    def give_up(self) -> None:
        self._is_over = True
        if trial := self._trial:
            trial.kill()

    def _answer(self, name: str) -> None:
        self._answered += 1
        if self._asked != self._answered:
            return  # another was asked for since
        try:
            model = self._read(name)
        except ModelError as error:
            if not self._is_over:
                self._say(f"{error}; the previous model plays on")
        else:
            self._give(model)
        self._on_fetched()

    def _read(self, name: str) -> GivenModel:
        with self._reading:
            path = find_model(name)
            content = read_model(path)
            validate_model(str(path), content, self._begin_trial)
            model = GivenModel(name, hashlib.sha256(content).hexdigest(), content)
            kept = {other: held for other, held in self._held.items() if other == self._wanted}
            self._held = {**kept, name: model}
            return model

    def _begin_trial(self, trial: Trial) -> None:
        self._trial = trial
        if self._is_over:
            trial.kill()
