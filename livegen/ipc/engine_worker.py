"""The engine's process: hears, plans, hands over. The supervisor starts it with the handle of its pipe.

python -m livegen.ipc.engine_worker HANDLE [spare]
"""

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from livegen.clock import NS_PER_S, now_ns
from livegen.codecs import import_codecs
from livegen.confinement import confine
from livegen.engine.engine import Engine
from livegen.engine.plan import Plan
from livegen.errors import LivegenError
from livegen.ipc.engine_calls import Performer, messages
from livegen.ipc.messages import (
    Call,
    CallLog,
    Configure,
    Connection,
    Failed,
    Loaded,
    ModelGiven,
    ModelPart,
    Notice,
    Prepare,
    Ready,
    TurnChanged,
    TurnName,
    decode,
    encode,
)
from livegen.ipc.pulse import HEARTBEAT_NS, LoopProgress, Pulse, SharedConnection
from livegen.model.bundle import Bundle
from livegen.model.loader import Loader
from livegen.music.metre_profiles import load_metres
from livegen.music.phrasing import load_phrasing
from livegen.realtime import die_first, raise_process
from livegen.settings import Settings

_REST_S = 0.010  # the shortest wait between two plans, when nothing is heard and no work waits
_LONGEST_REST_S = 0.25  # between two looks for a model that was loaded
_PATIENCE_NS = 30 * NS_PER_S  # for the end of a phrase
_NOTHING = Plan(due_ns=None)


def run_engine(
    connection: Connection, load: Callable[[Settings], Engine], loader: Loader | None = None, *, is_spare: bool = False
) -> None:
    """Load an engine and serve it over the pipe until the other end is closed; then close ours.

    ``loader`` loads the models that are requested while it plays. A spare waits for its second message before it plays.
    """
    connection = SharedConnection(connection)
    try:
        settings = _receive_settings(connection, loader)
        if settings.daemon.realtime and not is_spare:
            raise_process()  # loads without real-time priority, but above other processes: music waits for it
        engine = load(settings)
        engine.is_interrupted = lambda: connection.poll(0)
        gc.freeze()
        connection.send_bytes(encode(Loaded(engine.sha256, settings.play.model)))
        connection.send_bytes(encode(Ready()))
        service = Service(connection, Performer(engine, settings), loader)
        if is_spare:
            connection.poll(None)
        with Pulse(connection, service.progress, is_realtime=settings.daemon.realtime):
            service.run()
    except (EOFError, ConnectionError):
        return  # the port process has ended
    except LivegenError as error:
        connection.send_bytes(encode(Failed(str(error))))
    except MemoryError:
        connection.send_bytes(encode(Failed("there is no memory left")))
    finally:
        connection.close()


def open_connection(handle: int) -> Connection:
    """Our end of the pipe, inherited as an open file (on Windows, as a pipe handle)."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    from multiprocessing.connection import Connection

    return Connection(handle)


class Service:
    """Owner of the engine while it plays. Every call is reported to the port process, for a replay."""

    def __init__(self, connection: Connection, performer: Performer, loader: Loader | None) -> None:
        self._connection = connection
        self._performer = performer
        self._loader = loader
        self._coming: _Coming | None = None
        self._calls: list[Call] = []  # not reported yet
        self._is_idle = False  # the last call was to plan, and nothing was due
        self._reported_ns: int | None = None
        self._told_turn: TurnName = "idle"
        self.progress = LoopProgress()

    def run(self) -> None:
        """Call ``serve`` for ever."""
        rest_s = 0.0
        while True:
            rest_s = min(self.serve(rest_s), _LONGEST_REST_S)

    def serve(self, patience_s: float) -> float:
        """Wait up to ``patience_s`` for messages, plan once, hand over; return for how long nothing is to be done."""
        self.progress.rest()
        has_message = self._connection.poll(patience_s)
        self.progress.begin(now_ns())
        if has_message:
            self._take_in()
        if self._loader:
            self._look_for_model(self._loader)
        at_ns = now_ns()
        if self._coming and self._coming.is_whole and self._may_change(self._coming, at_ns):
            self._change(self._coming.bundle, at_ns)
        plan = self._performer.imagine(at_ns)
        if not self._is_idle or plan != _NOTHING:  # else the call has changed nothing, and need not be reported
            self._report_call(Call("imagine", at_ns), plan)
        self._is_idle = plan.due_ns is None
        self._tell_turn()
        rest_s = _rest_s(plan)
        if rest_s * NS_PER_S > HEARTBEAT_NS or self._reported_ns is None or at_ns - self._reported_ns >= HEARTBEAT_NS:
            self._reported_ns = at_ns
            self._report(now_ns())
        return rest_s

    def _tell_turn(self) -> None:
        if (turn := self._performer.turn) != self._told_turn:
            self._told_turn = turn
            self._connection.send_bytes(encode(TurnChanged(turn)))

    def _take_in(self) -> None:
        while True:
            message, at_ns = decode(self._connection.recv_bytes()), now_ns()
            self.progress.begin(at_ns)  # in a flood there may be no end of messages
            if isinstance(message, ModelPart | ModelGiven):
                return _take_model(message, self._loader)  # there may be many: notes are planned between them
            self._report_call(Call("take", at_ns), self._performer.take(message, at_ns))
            if isinstance(message, Prepare):
                self._prepare(at_ns)
            elif isinstance(message, Configure):  # a knob takes effect at once
                self._coming = None
                self._ask_for(self._performer.settings.play.model)
            if not self._connection.poll(0):
                return

    def _prepare(self, at_ns: int) -> None:
        """Apply the new settings at the end of the phrase; a model that must be loaded is checked first."""
        is_asked = self._ask_for(self._performer.chosen.play.model)
        self._coming = _Coming(at_ns, is_whole=not is_asked)

    def _ask_for(self, model: str) -> bool:
        """Begin to load a model that was given and does not play."""
        if not self._loader or self._loader.sha256(model) in (None, self._performer.sha256):
            return False
        self._loader.ask(model)
        return True

    def _look_for_model(self, loader: Loader) -> None:
        """Take the requested model once it is loaded; until then, and if it is refused, the old model plays."""
        found = loader.take()
        if isinstance(found, LivegenError):
            self._connection.send_bytes(encode(Notice(f"{found}; the previous model plays on")))
            if self._coming:
                self._coming.is_whole = True
        elif found and self._coming:
            self._coming.bundle, self._coming.is_whole = found, True
        elif found:
            self._change(found, now_ns())

    def _change(self, bundle: Bundle | None, at_ns: int) -> None:
        self._coming = None
        if bundle:
            self._report(at_ns)  # the calls before it was loaded
            self._connection.send_bytes(encode(Loaded(bundle.sha256, self._performer.chosen.play.model)))
        self._report_call(Call("change", at_ns), self._performer.change(bundle, at_ns))

    def _may_change(self, coming: "_Coming", at_ns: int) -> bool:
        return self._performer.is_between_phrases(at_ns) or at_ns - coming.at_ns > _PATIENCE_NS

    def _report_call(self, call: Call, plan: Plan) -> None:
        """Report a call before its results: so the port process always knows the calls that led to what it gets."""
        self._is_idle = False
        self._calls.append(call)
        ready_ns = now_ns()
        said = [encode(message) for message in messages(plan, call.at_ns, ready_ns)]
        if said:
            self._report(ready_ns)
        for frame in said:
            self._connection.send_bytes(frame)

    def _report(self, ready_ns: int) -> None:
        if self._calls:
            self._connection.send_bytes(encode(CallLog(ready_ns, tuple(self._calls))))
            self._calls.clear()


def _rest_s(plan: Plan) -> float:
    """For how long nothing is to be done after this plan."""
    if plan.is_behind:
        return 0
    return inf if plan.due_ns is None else max((plan.due_ns - now_ns()) / NS_PER_S, _REST_S)


@dataclass(slots=True)
class _Coming:
    """Settings that wait for the end of a phrase, and for their model."""

    at_ns: int  # when they arrived
    bundle: Bundle | None = None
    is_whole: bool = False  # the model is loaded, or none is needed


def _receive_settings(connection: Connection, loader: Loader | None) -> Settings:
    """The settings; the model that they name comes before them."""
    while isinstance(message := decode(connection.recv_bytes()), ModelPart | ModelGiven):
        _take_model(message, loader)
    if not isinstance(message, Configure):
        raise ValueError(f"pipe: the first message must be Configure, not {type(message).__name__}")
    return Settings.model_validate_json(message.settings)


def _take_model(message: ModelPart | ModelGiven, loader: Loader | None) -> None:
    if loader and isinstance(message, ModelPart):
        loader.take_part(message.content)
    elif loader and isinstance(message, ModelGiven):
        loader.take_name(message.name, message.sha256)


def main(handle: int, *, is_spare: bool) -> None:
    """Run the engine with the models that it is given. It reaches no file, no network and no other program."""
    connection, loader = open_connection(handle), Loader()
    die_first()
    import_codecs()
    load_metres()
    load_phrasing()
    confine()

    def load(settings: Settings) -> Engine:
        return Engine(loader.load(settings.play.model), settings)

    run_engine(connection, load, loader, is_spare=is_spare)


if __name__ == "__main__":
    main(int(sys.argv[1]), is_spare=sys.argv[2:] == ["spare"])
