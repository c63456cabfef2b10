"""The engine's process: hears, imagines, hands over; owns no port and times no note.

``python -m livegen.serve.engine_process HANDLE`` is started by the port process, with one end of the link.
"""

import gc
import sys
from collections.abc import Callable, Iterable

from livegen.clock import NS_PER_MS, now_ns
from livegen.engine import Engine, Plan, load_engine
from livegen.errors import LivegenError
from livegen.play.priority import raise_process
from livegen.serve.link import (
    Beat,
    Configure,
    Failed,
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
_REST_S = 0.010  # between two looks at the music, when nothing is heard and no work waits


def run_engine(link: Link, load: Callable[[Settings], Engine]) -> None:
    """Load an engine and serve it over the link, until the other end is gone; close ours."""
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
        _serve(link, engine)
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


def _serve(link: Link, engine: Engine) -> None:
    rest_s, beat_ns = 0.0, 0
    while True:
        if link.poll(rest_s):
            _take_in(link, engine)
        plan = engine.imagine(now_ns())
        _hand_over(link, plan)
        rest_s = 0 if plan.is_behind else _REST_S
        if now_ns() - beat_ns >= BEAT_NS:
            beat_ns = now_ns()
            link.send_bytes(encode(Beat()))


def _take_in(link: Link, engine: Engine) -> None:
    while True:
        message = decode(link.recv_bytes())
        match message:
            case Heard(events):
                for timed in events:
                    engine.hear(timed)
            case Panic():
                _hand_over(link, engine.silence(now_ns()))
            case _:
                raise ValueError(f"link: {type(message).__name__} is no message for an engine")
        if not link.poll(0):
            return


def _hand_over(link: Link, plan: Plan) -> None:
    for message in _messages(plan):
        link.send_bytes(encode(message))


def _messages(plan: Plan) -> Iterable[Message]:
    if plan.retract_ns is not None:
        yield Retract(plan.retract_ns)
    if plan.events:
        yield Planned(plan.events)
    for text in plan.notices:
        yield Notice(text)


def _receive_settings(link: Link) -> Settings:
    message = decode(link.recv_bytes())
    if not isinstance(message, Configure):
        raise ValueError(f"link: settings come first, not {type(message).__name__}")
    return Settings.model_validate_json(message.settings)


if __name__ == "__main__":
    run_engine(open_link(int(sys.argv[1])), load_engine)
