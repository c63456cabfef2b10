"""The engine's process: hears, imagines, hands over; owns no port and times no note.

``python -m livegen.serve.engine_process HANDLE`` is started by the port process, with one end of the link.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.engine import Engine, load_engine
from livegen.errors import LivegenError
from livegen.file_stamp import stamp
from livegen.imagine.bundle import Bundle
from livegen.imagine.loader import Loader
from livegen.plan import Plan
from livegen.play.priority import die_first, raise_process
from livegen.serve.link import (
    Beat,
    Became,
    Configure,
    Failed,
    Follow,
    Heard,
    Link,
    Message,
    Notice,
    Panic,
    Planned,
    Prepare,
    Ready,
    Retract,
    decode,
    encode,
)
from livegen.settings import Settings
from livegen.shipped import model_path

BEAT_NS = 50 * NS_PER_MS
_REST_S = 0.010  # between two looks at the music at the least, when nothing is heard and no work waits
_LONGEST_REST_S = BEAT_NS / NS_PER_S
_PATIENCE_NS = 30 * NS_PER_S  # for the end of a phrase


def run_engine(link: Link, load: Callable[[Settings], Engine], loader: Loader | None = None) -> None:
    """Load an engine and serve it over the link, until the other end is gone; close ours.

    ``loader`` gets the models that are asked for while it plays.
    """
    try:
        settings = _receive_settings(link)
        if settings.daemon.realtime:
            raise_process()  # not in real time, but before others: it thinks against the clock
        engine = load(settings)
        gc.freeze()
        link.send_bytes(encode(Ready()))
        Service(link, engine, settings, loader).run()
    except (EOFError, ConnectionError):
        return  # the port process has ended, so we do
    except LivegenError as error:
        link.send_bytes(encode(Failed(str(error))))
    except MemoryError:
        link.send_bytes(encode(Failed("there is no memory left")))
    finally:
        link.close()


def open_link(handle: int) -> Link:
    """Our end of the link, inherited as an open file (a pipe's handle on Windows)."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    from multiprocessing.connection import Connection

    return Connection(handle)


class Service:
    """Owner of the engine while it plays."""

    def __init__(self, link: Link, engine: Engine, settings: Settings, loader: Loader | None) -> None:
        self._link = link
        self._engine = engine
        self._settings = settings
        self._loader = loader
        self._coming: _Coming | None = None
        self._stamp = stamp(model_path(settings.play.model))
        self._beat_ns: int | None = None

    def run(self) -> None:
        """Hear, imagine, hand over, for ever."""
        rest_s = 0.0
        while True:
            rest_s = min(self.serve(rest_s), _LONGEST_REST_S)

    def serve(self, patience_s: float) -> float:
        """Wait so long for something to hear, imagine once, hand over; how long there is nothing else to do."""
        if self._link.poll(patience_s):
            self._take_in()
        if self._loader:
            self._change_model(self._loader)
        at_ns = now_ns()
        if self._coming and self._coming.is_whole and self._may_change(self._coming, at_ns):
            self._change(self._coming.settings, self._coming.bundle)
        plan = self._engine.imagine(at_ns)
        self._carry_out(plan, at_ns)
        if self._beat_ns is None or now_ns() - self._beat_ns >= BEAT_NS:
            self._beat_ns = now_ns()
            self._link.send_bytes(encode(Beat()))
        if plan.is_behind:
            return 0
        return inf if plan.due_ns is None else max((plan.due_ns - now_ns()) / NS_PER_S, _REST_S)

    def _take_in(self) -> None:
        while True:
            message = decode(self._link.recv_bytes())
            match message:
                case Heard(events):
                    for timed in events:
                        self._engine.hear(timed)
                case Panic():
                    at_ns = now_ns()
                    self._carry_out(self._engine.silence(at_ns), at_ns)
                case Follow(song):
                    self._engine.follow(song, now_ns())
                case Configure(text):
                    self._configure(Settings.model_validate_json(text))
                case Prepare(text):
                    self._prepare(Settings.model_validate_json(text))
                case _:
                    raise ValueError(f"link: {type(message).__name__} is no message for an engine")
            if not self._link.poll(0):
                return

    def _carry_out(self, plan: Plan, at_ns: int) -> None:
        _hand_over(self._link, plan, at_ns)
        if plan.became and self._coming:  # a key was touched meanwhile: what is coming must not play alone again
            play = self._coming.settings.play.model_copy(update={"role": plan.became})
            self._coming.settings = self._coming.settings.model_copy(update={"play": play})

    def _configure(self, settings: Settings) -> None:
        """From now on. Who has a hand on a knob has waited long enough."""
        is_other = settings.play.model != self._settings.play.model
        if self._change(settings, None) and is_other and self._loader:
            self._loader.ask(settings.play.model)

    def _prepare(self, settings: Settings) -> None:
        """From the end of the phrase on; a model that has to be loaded first is checked first."""
        found = stamp(model_path(settings.play.model))
        is_other = (settings.play.model, found) != (self._settings.play.model, self._stamp)
        self._coming = _Coming(settings, now_ns(), is_whole=not is_other or not self._loader)
        if not self._coming.is_whole and self._loader:
            self._stamp = found
            self._loader.ask(settings.play.model)

    def _change(self, settings: Settings, bundle: Bundle | None) -> bool:
        self._coming = None
        try:
            self._engine.change(settings, now_ns(), bundle)
        except LivegenError as error:
            self._link.send_bytes(encode(Notice(f"{error}; playing on as before")))
            return False
        self._settings = settings
        if bundle:
            self._link.send_bytes(encode(Notice(f"model {settings.play.model}")))
        return True

    def _change_model(self, loader: Loader) -> None:
        """The model that was asked for, once it is there; the old one plays until then, and on if it is refused."""
        found = loader.take()
        if isinstance(found, LivegenError):
            self._link.send_bytes(encode(Notice(f"{found}; the model before it plays on")))
            if self._coming:
                self._coming.is_whole = True
        elif found and self._coming:
            self._coming.bundle, self._coming.is_whole = found, True
        elif found:
            self._change(self._settings, found)

    def _may_change(self, coming: "_Coming", at_ns: int) -> bool:
        return self._engine.is_between_phrases(at_ns) or at_ns - coming.at_ns > _PATIENCE_NS


@dataclass(slots=True)
class _Coming:
    """Settings that wait for the end of a phrase, and for their model."""

    settings: Settings
    at_ns: int  # when they came
    bundle: Bundle | None = None
    is_whole: bool = False  # nothing more is waited for


def _hand_over(link: Link, plan: Plan, at_ns: int) -> None:
    for message in _messages(plan, at_ns):
        link.send_bytes(encode(message))


def _messages(plan: Plan, at_ns: int) -> Iterable[Message]:
    """What was to sound when the engine was asked, at ``at_ns``, sounds now that it is ready."""
    if plan.retract_ns is not None:
        yield Retract(plan.retract_ns, plan.kept)
    if plan.events:
        ready_ns = now_ns()
        yield Planned(tuple(replace(t, at_ns=ready_ns) if t.at_ns == at_ns else t for t in plan.events))
    if plan.became:
        yield Became(plan.became)
    for text in plan.notices:
        yield Notice(text)


def _receive_settings(link: Link) -> Settings:
    message = decode(link.recv_bytes())
    if not isinstance(message, Configure):
        raise ValueError(f"link: settings come first, not {type(message).__name__}")
    return Settings.model_validate_json(message.settings)


if __name__ == "__main__":
    die_first()
    run_engine(open_link(int(sys.argv[1])), load_engine, Loader())
