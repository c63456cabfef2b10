"""The engine's process: hears, imagines, hands over; owns no port and times no note.

``python -m livegen.serve.engine_process HANDLE`` is started by the port process, with one end of the link.
"""

import gc
import sys
from collections.abc import Callable

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.engine import Engine, load_engine
from livegen.errors import LivegenError
from livegen.imagine.loader import Loader
from livegen.plan import Plan
from livegen.play.priority import raise_process
from livegen.serve.link import (
    Beat,
    Call,
    Configure,
    Did,
    Failed,
    Link,
    Loaded,
    Notice,
    Ready,
    decode,
    encode,
)
from livegen.serve.performer import Performer, messages
from livegen.settings import Settings

BEAT_NS = 50 * NS_PER_MS
_REST_S = 0.010  # between two looks at the music, when nothing is heard and no work waits
_IDLE_S = BEAT_NS / NS_PER_S  # the same, when nobody plays
_NOTHING = Plan(is_idle=True)


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
        link.send_bytes(encode(Loaded(engine.sha256, settings.play.model)))
        link.send_bytes(encode(Ready()))
        _Service(link, Performer(engine, settings), loader).run()
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


class _Service:
    """Owner of the engine while it plays. Every call is told to the port process, for a replay."""

    def __init__(self, link: Link, performer: Performer, loader: Loader | None) -> None:
        self._link = link
        self._performer = performer
        self._loader = loader
        self._calls: list[Call] = []  # not told yet
        self._is_idle = False  # the last one was to imagine, and nobody played

    def run(self) -> None:
        """Hear, imagine, hand over, for ever."""
        rest_s, beat_ns = 0.0, 0
        while True:
            if self._link.poll(rest_s):
                self._take_in()
            if self._loader:
                self._change_model(self._loader)
            at_ns = now_ns()
            plan = self._performer.imagine(at_ns)
            if not self._is_idle or plan != _NOTHING:  # else it has changed nothing: idle, and idle as before
                self._tell(Call("imagine", at_ns), plan)
            self._is_idle = plan.is_idle
            rest_s = 0 if plan.is_behind else _IDLE_S if plan.is_idle else _REST_S
            if now_ns() - beat_ns >= BEAT_NS:
                beat_ns = now_ns()
                self._report(beat_ns)
                self._link.send_bytes(encode(Beat()))

    def _take_in(self) -> None:
        while True:
            message, at_ns = decode(self._link.recv_bytes()), now_ns()
            model = self._performer.settings.play.model
            self._tell(Call("take", at_ns), self._performer.take(message, at_ns))
            if self._loader and self._performer.settings.play.model != model:
                self._loader.ask(self._performer.settings.play.model)
            if not self._link.poll(0):
                return

    def _change_model(self, loader: Loader) -> None:
        """The model that was asked for, once it is there; the old one plays until then, and on if it is refused."""
        found = loader.take()
        if isinstance(found, LivegenError):
            self._link.send_bytes(encode(Notice(f"{found}; the model before it plays on")))
        elif found:
            name, at_ns = self._performer.settings.play.model, now_ns()
            self._link.send_bytes(encode(Loaded(found.sha256, name)))
            self._tell(Call("change", at_ns), self._performer.change(found, at_ns))
            self._link.send_bytes(encode(Notice(f"model {name}")))

    def _tell(self, call: Call, plan: Plan) -> None:
        """Tell what was done, and before what came of it: what has reached the port process is explained there."""
        self._is_idle = False
        self._calls.append(call)
        ready_ns = now_ns()
        said = [encode(message) for message in messages(plan, call.at_ns, ready_ns)]
        if said:
            self._report(ready_ns)
        for frame in said:
            self._link.send_bytes(frame)

    def _report(self, ready_ns: int) -> None:
        if self._calls:
            self._link.send_bytes(encode(Did(ready_ns, tuple(self._calls))))
            self._calls.clear()


def _receive_settings(link: Link) -> Settings:
    message = decode(link.recv_bytes())
    if not isinstance(message, Configure):
        raise ValueError(f"link: settings come first, not {type(message).__name__}")
    return Settings.model_validate_json(message.settings)


if __name__ == "__main__":
    run_engine(open_link(int(sys.argv[1])), load_engine, Loader())
