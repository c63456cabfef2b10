"""Replays a session: the same calls to a fresh engine must give the same bytes.

Each engine of the session is replayed by itself, from the settings, the model and the messages that it received. Its
messages to the port process are compared one by one. Notices and marks (tempo, metre, key) are not compared: they are
not music.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_S
from livegen.engine.engine import Engine
from livegen.engine.plan import Plan
from livegen.errors import SessionError
from livegen.events import Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import write_midi
from livegen.ipc.engine_calls import Performer, messages
from livegen.ipc.marks import marks_of
from livegen.ipc.messages import (
    Call,
    CallLog,
    Configure,
    Loaded,
    Message,
    Notice,
    Panic,
    PlayEvents,
    Ready,
    Retract,
    RoleChanged,
    decode,
    encode,
)
from livegen.midi_out.offline import OfflinePlayer
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.files import read_model
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.recording.format import Kind, Record, Session, read_session
from livegen.recording.library import find_session, sessions_folder
from livegen.recording.opening import maker, read_opening, this_livegen
from livegen.recording.tracks import first_note_ns, track
from livegen.settings import Settings
from livegen.shipped import shipped_models

OpenModel = Callable[[Loaded], Bundle]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay without a difference."""

    lives: int  # engines that were replayed
    cut: int  # engines of which a part is missing: what came after the gap was not replayed
    calls: int
    frames: int  # messages with music, all of them equal
    sha256: str  # of their bytes, in hex
    machine: list[Timed]  # the events that the replay sends
    marks: list[Mark]  # tempo, metre and key that the replay finds
    maker: str  # the livegen that made the session, in words


def replay(session: Session, open_model: OpenModel, report: Callable[[int, int], None]) -> Replayed:
    """Replay all engines of a session; SessionError at the first difference, or when no engine begins in it.

    ``report`` gets the count of records done, and of all records.
    """
    stage = _Stage(open_model, session.records[0].at_ns if session.records else 0)
    for done, record in enumerate(session.records):
        if done % 1000 == 0:
            report(done, len(session.records))
        try:
            stage.take(record)
        except SessionError as error:
            raise SessionError(f"{error}; {_versions(stage.maker)}") from None
    report(len(session.records), len(session.records))
    return stage.end()


def _versions(made_by: str) -> str:
    """Which livegen made a session that differs, and what to do about it."""
    if made_by == this_livegen():
        return f"it was made by this very {made_by}: please report it, with the session"
    return f"it was made by {made_by}, and this is {this_livegen()}, which may play otherwise: replay it with that one"


def model_opener(more: Sequence[Path]) -> OpenModel:
    """A function that opens a session's model by its SHA-256: a shipped model, or one of the files ``more``."""
    files: dict[str, Path] = {}
    bundles: dict[str, Bundle] = {}
    for path in (*shipped_models().values(), *more):
        files[sha256(read_model(path.resolve())).hexdigest()] = path

    def open_model(loaded: Loaded) -> Bundle:
        if loaded.sha256 not in files:
            wanted = f"the model {loaded.name!r} (SHA-256 {loaded.sha256[:16]}...)"
            raise SessionError(f"{wanted} is not a model of this livegen; give its file: --model FILE.onnx")
        if loaded.sha256 not in bundles:
            bundles[loaded.sha256] = load_bundle(str(files[loaded.sha256]))
        return bundles[loaded.sha256]

    return open_model


class _Stage:
    """Owner of a replay's progress: the current engine, and what it has sent."""

    def __init__(self, open_model: OpenModel, begun_ns: int) -> None:
        self._open_model = open_model
        self._begun_ns = begun_ns
        self._life: _Life | None = None
        self._is_whole = True  # nothing is missing since the engine began
        self._player = OfflinePlayer()
        self._marks: list[Mark] = []
        self._hash = sha256()
        self._lives = self._cut = self._calls = self._frames = 0
        self.maker = maker({})  # of what is replayed now

    def take(self, record: Record) -> None:
        """Replay one record."""
        if record.kind is Kind.OPENED:
            self.maker = maker(read_opening(record))
        elif record.kind is Kind.BEGUN:
            self._life, self._is_whole = _Life(self._open_model), True
            self._lives += 1
        elif record.kind is Kind.ENDED:
            self._life, self._is_whole = None, False
            self._player.end_all(record.at_ns)
        elif record.kind is Kind.GAP:
            self._cut += self._life is not None
            self._life, self._is_whole = None, False
        elif record.kind in (Kind.TOLD, Kind.SAID):
            self._go_on(record)

    def end(self) -> Replayed:
        """The result, after the last record; SessionError when no engine begins in the session."""
        if not self._lives:
            raise SessionError("no engine begins in this session; it can be exported, but not replayed")
        machine = self._player.sounded
        sha256 = self._hash.hexdigest()
        counts = self._lives, self._cut, self._calls, self._frames
        return Replayed(*counts, sha256, machine, self._marks, self.maker)

    def _go_on(self, record: Record) -> None:
        if self._life is None:
            self._cut += self._is_whole  # the file begins while an engine runs
            self._is_whole = False
            return
        where = f"engine {self._lives}, {(record.at_ns - self._begun_ns) / NS_PER_S:.3f} s"
        try:
            message = decode(record.content)
            self._check(self._life, record, message, where)
        except (ValueError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SessionError(f"{where}: cannot be replayed: {reason}") from None

    def _check(self, life: "_Life", record: Record, message: Message, where: str) -> None:
        if record.kind is Kind.TOLD:
            life.told.append(message)
            if isinstance(message, Panic):
                self._player.end_all(record.at_ns)
        elif isinstance(message, CallLog):
            if life.expected:
                raise SessionError(f"{where}: the replay sends {_short(life.expected[0])}; the engine sent nothing")
            self._marks += life.do(message)
            self._calls += len(message.calls)
        elif isinstance(message, PlayEvents | Retract | RoleChanged):
            expected = life.expected.popleft() if life.expected else b""
            if expected != record.content:
                said = f"the engine sent {_short(record.content)}; the replay sends {_short(expected)}"
                raise SessionError(f"{where}: {said}")
            self._dispatch(message, record.at_ns)
            self._hash.update(expected)
            self._frames += 1
        else:
            life.begin(message)

    def _dispatch(self, message: Message, at_ns: int) -> None:
        self._player.sound(at_ns)
        match message:
            case Retract(after_ns, kept):
                self._player.retract(after_ns, at_ns, kept)
            case PlayEvents(events):
                self._player.play(events)


class _Life:
    """A fresh engine that replays one of the session's engines."""

    def __init__(self, open_model: OpenModel) -> None:
        self._open_model = open_model
        self._loaded: Bundle | None = None  # a model that was loaded and is not in use yet
        self._performer: Performer | None = None
        self.told: deque[Message] = deque()  # messages to the engine that no call has taken yet
        self.expected: deque[bytes] = deque()  # messages of the replay that are not compared yet

    def begin(self, message: Message) -> None:
        """Take a record that a model was loaded, or that the engine was ready."""
        match message:
            case Loaded():
                self._loaded = self._open_model(message)
            case Ready():
                first = self.told.popleft()
                if not self._loaded or not isinstance(first, Configure):
                    raise ValueError("the engine was ready without a model or settings")
                settings = Settings.model_validate_json(first.settings)
                self._performer, self._loaded = Performer(Engine(self._loaded, settings), settings), None

    def do(self, did: CallLog) -> list[Mark]:
        """Make the same calls; return the marks that they give."""
        if not self._performer:
            raise ValueError("the engine was called before it was ready")
        marks: list[Mark] = []
        for call in did.calls:
            plan = self._call(self._performer, call)
            said = messages(plan, call.at_ns, did.ready_ns)
            compared = (message for message in said if not isinstance(message, Notice | Metre | KeyChange))
            self.expected += [encode(message) for message in compared]
            marks += plan.marks
        return marks

    def _call(self, performer: Performer, call: Call) -> Plan:
        if call.act == "take":
            return performer.take(self.told.popleft(), call.at_ns)
        if call.act == "change":
            loaded, self._loaded = self._loaded, None
            return performer.change(loaded, call.at_ns)
        return performer.imagine(call.at_ns)


def _missing(session: Session, done: Replayed) -> str:
    """What of a session is missing, in words; "" for nothing."""
    gaps = [record.at_ns for record in session.records if record.kind is Kind.GAP]
    said = []
    if gaps:
        first_s = max(gaps[0] - session.records[0].at_ns, 0) / NS_PER_S
        places = "1 place" if len(gaps) == 1 else f"{len(gaps)} places"
        said.append(f"damaged in {places}, first after {first_s:.1f} s; {session.lost} bytes are missing")
    if done.cut:
        said.append(f"a part of {done.cut} of its engines is missing, and what came after it was not replayed")
    return "; ".join(said)


def _short(frame: bytes) -> str:
    said = repr(decode(frame)) if frame else "nothing"
    return said if len(said) <= 160 else f"{said[:160]}..."


def replay_export(
    name: str, folder: Path | None, target: Path | None, models: Sequence[Path], report: Callable[[int, int], None]
) -> dict[str, Any]:
    """Replay a session, by its name in ``folder`` or by its path; return the figures.

    ``target`` gets the player's events and the replay's. SessionError when the replay differs.
    """
    path = find_session(name, folder or sessions_folder())
    session = read_session(path)
    try:
        done = replay(session, model_opener(models), report)
    except SessionError as error:
        raise SessionError(f"{path}: {error}") from None
    if target:
        voices = [("player", track(session, "player")), ("machine", done.machine)]
        write_midi(target, voices, lay_bars(marks_of(session) or done.marks, first_note_ns(session)))
    missing = _missing(session, done)
    return {
        "replayed": f"equal, byte for byte{', as far as it goes' if missing else ''}",
        "engines": done.lives,
        "incomplete": done.cut,
        "missing": f"{path}: {missing}" if missing else "nothing",
        "calls": done.calls,
        "frames": done.frames,
        "sha256": done.sha256,
        "made by": done.maker,
    }
