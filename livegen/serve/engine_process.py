"""The engine's process: hears, imagines, hands over; owns no port and times no note.

``python -m livegen.serve.engine_process HANDLE`` is started by the port process, with one end of the link.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import inf

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.engine import Engine, load_engine
from livegen.errors import LivegenError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.imagine.loader import Loader
from livegen.plan import Plan
from livegen.play.priority import raise_process
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
    Ready,
    Retract,
    decode,
    encode,
)
from livegen.settings import Settings

BEAT_NS = 50 * NS_PER_MS
_REST_S = 0.010  # between two looks at the music at the least, when nothing is heard and no work waits
_LONGEST_REST_S = BEAT_NS / NS_PER_S


def run_engine(link: Link, load: Callable[[Settings], Engine], loader: Loader | None = None) -> None:
    """Load an engine and serve it over the link, until the other end is gone; close ours.

    ``loader`` gets the models that are asked for while it plays.
    """
    try:
        settings = _receive_settings(link)
        if settings.daemon.realtime:
            raise_process()  # not in real time, but before others: it thinks against the clock
        try:
            engine = load(settings)
        except LivegenError as error:
            link.send_bytes(encode(Failed(str(error))))
            return
        gc.freeze()
        link.send_bytes(encode(Ready()))
        Service(link, engine, settings, loader).run()
    except (EOFError, ConnectionError):
        return  # the port process has ended, so we do
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
        plan = self._engine.imagine(at_ns)
        _hand_over(self._link, plan, at_ns)
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
                    _hand_over(self._link, self._engine.silence(at_ns), at_ns)
                case Follow(song):
                    self._engine.follow(song, now_ns())
                case Configure(text):
                    self._configure(Settings.model_validate_json(text))
                case _:
                    raise ValueError(f"link: {type(message).__name__} is no message for an engine")
            if not self._link.poll(0):
                return

    def _configure(self, settings: Settings) -> None:
        try:
            self._engine.change(settings, now_ns())
        except LivegenError as error:
            self._link.send_bytes(encode(Notice(f"{error}; playing on as before")))
            return
        before, self._settings = self._settings, settings
        if settings.play.model != before.play.model and self._loader:
            self._loader.ask(settings.play.model)

    def _change_model(self, loader: Loader) -> None:
        """The model that was asked for, once it is there; the old one plays until then, and on if it is refused."""
        found = loader.take()
        if isinstance(found, LivegenError):
            self._link.send_bytes(encode(Notice(f"{found}; the model before it plays on")))
        elif found:
            self._engine.change(self._settings, now_ns(), found)
            self._link.send_bytes(encode(Notice(f"model {self._settings.play.model}")))


def _hand_over(link: Link, plan: Plan, at_ns: int) -> None:
    for message in _messages(plan, at_ns):
        link.send_bytes(encode(message))


def _messages(plan: Plan, at_ns: int) -> Iterable[Message]:
    """What the plan comes to."""
    if plan.retract_ns is not None:
        yield Retract(plan.retract_ns, plan.kept)
    if plan.events:
        yield Planned(tuple(_ready(plan.events, at_ns, now_ns())))
    if plan.became:
        yield Became(plan.became)
    for text in plan.notices:
        yield Notice(text)


def _ready(events: Sequence[Timed], at_ns: int, ready_ns: int) -> Iterable[Timed]:
    """What was to sound when the engine was asked, at ``at_ns``, sounds now that it is ready, and ends after that."""
    begun = {timed.event.pitch for timed in events if timed.at_ns == at_ns and isinstance(timed.event, NoteOn)}
    for timed in events:
        if timed.at_ns == at_ns:
            yield replace(timed, at_ns=ready_ns)
        elif timed.at_ns <= ready_ns and isinstance(timed.event, NoteOff) and timed.event.pitch in begun:
            yield replace(timed, at_ns=ready_ns + 1)
        else:
            yield timed


def _receive_settings(link: Link) -> Settings:
    message = decode(link.recv_bytes())
    if not isinstance(message, Configure):
        raise ValueError(f"link: settings come first, not {type(message).__name__}")
    return Settings.model_validate_json(message.settings)


if __name__ == "__main__":
    run_engine(open_link(int(sys.argv[1])), load_engine, Loader())
