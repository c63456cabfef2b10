"""What the two processes say to each other, as bytes.

A frame is one byte for the kind, then its content: events as 11 bytes each (moment as a little-endian int64,
then the MIDI message in three bytes; in ``HeardHands`` one byte more for the hand), moments as int64, pitches as a
byte each, text as UTF-8. Moments are nanoseconds of the monotonic clock, which both processes share. Sessions on disk
hold frames: a kind keeps its number.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast, get_args

from livegen.events import NoteOff, NoteOn, Timed, from_bytes, to_bytes
from livegen.music.transport import TransportState
from livegen.settings import Role

_EVENT = struct.Struct("<q3s")
_EVENT_OF_A_HAND = struct.Struct("<q3s?")
_LEFT_HAND = 15  # the channel of left hands in ``Heard``
_MOMENT = struct.Struct("<q")
_TRANSPORT_STATE = struct.Struct("<?qqqq")
_CALL = struct.Struct("<Bq")

Act = Literal["take", "imagine", "change"]
_ACTS: tuple[Act, ...] = get_args(Act)


class Connection(Protocol):
    """One end of the link: a ``multiprocessing`` connection, of whatever kind the system has."""

    def send_bytes(self, frame: bytes) -> None:
        """Send one frame; OSError when the other end is gone."""

    def recv_bytes(self) -> bytes:
        """Wait for the next frame; EOFError or OSError when the other end is gone."""

    def poll(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for a frame, or for the end."""

    def close(self) -> None:
        """Let the other end know that we are gone."""


@dataclass(frozen=True, slots=True)
class Configure:
    """To the engine, first of all and whenever they have changed: the settings, as JSON."""

    settings: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """To the engine: the settings, as JSON, from the end of this phrase on; the model's file may have changed, too."""

    settings: str


@dataclass(frozen=True, slots=True)
class Heard:
    """To the engine: what was played, oldest first; taken in as a whole before anything is imagined.

    What is on channel 16 is the left hand: it was sent so before there was ``HeardHands``.
    """

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class HeardHands:
    """The same where a left hand plays, or somebody on channel 16."""

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class Panic:
    """To the engine: be silent, forget the answer."""


@dataclass(frozen=True, slots=True)
class Follow:
    """To the engine: where the song of the clock stands."""

    transport: TransportState


@dataclass(frozen=True, slots=True)
class Call:
    """What an engine was asked at a moment.

    Take in the next message it was sent, imagine, or change to the chosen settings, and to the model that was loaded
    since the last change.
    """

    act: Act
    at_ns: int


@dataclass(frozen=True, slots=True)
class CallLog:
    """From the engine: its calls since the last such message. What follows came of the last of them.

    What was to sound at once sounds at ``ready_ns``.
    """

    ready_ns: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the engine: a model is in memory, the SHA-256 (hex) of its file, and what it was called by."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class Ready:
    """From the engine: the model is loaded."""


@dataclass(frozen=True, slots=True)
class Failed:
    """From the engine, its last words: why it cannot start, or not go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """From the engine, every 50 ms: I am alive."""


@dataclass(frozen=True, slots=True)
class Retract:
    """From the engine: forget what is due after this moment, and end what would then hang, but for these pitches."""

    after_ns: int
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlayEvents:
    """From the engine: play each at its moment."""

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """From the engine: the role that it has taken of its own accord, as when a solo was touched."""

    role: Role


@dataclass(frozen=True, slots=True)
class Notice:
    """From the engine: a line for the person."""

    text: str


Message = (
    Configure
    | Heard
    | Panic
    | Follow
    | Ready
    | Failed
    | Heartbeat
    | Retract
    | PlayEvents
    | RoleChanged
    | Notice
    | Prepare
    | CallLog
    | Loaded
    | HeardHands
)

_KINDS: tuple[type[Message], ...] = (
    Configure,
    Heard,
    Panic,
    Follow,
    Ready,
    Failed,
    Heartbeat,
    Retract,
    PlayEvents,
    RoleChanged,
    Notice,
    Prepare,
    CallLog,
    Loaded,
    HeardHands,
)


def heard(events: tuple[Timed, ...]) -> Heard | HeardHands:
    """The smaller of the two messages that can say what was played."""
    is_plain = not any(timed.is_left_hand or _is_on_left_channel(timed) for timed in events)
    return Heard(events) if is_plain else HeardHands(events)


def encode(message: Message) -> bytes:
    """One frame."""
    return bytes((_KINDS.index(type(message)),)) + _content(message)


def decode(frame: bytes) -> Message:
    """Read one frame; ValueError, saying what is wrong with it, for anything that ``encode`` did not write."""
    if not frame or frame[0] >= len(_KINDS):
        raise ValueError(f"link: no kind of message begins with {frame[:1]!r}")
    kind, content = _KINDS[frame[0]], frame[1:]
    if kind is PlayEvents:
        return PlayEvents(_events(kind, content))
    if kind is Heard:
        events = _events(kind, content)
        return Heard(tuple(Timed(each.at_ns, each.event, _is_on_left_channel(each)) for each in events))
    if kind is HeardHands:
        _check(kind, content, size=len(content) // _EVENT_OF_A_HAND.size * _EVENT_OF_A_HAND.size)
        return HeardHands(tuple(_event(*packed) for packed in _EVENT_OF_A_HAND.iter_unpack(content)))
    if kind in (Configure, Failed, Notice, Prepare):
        return kind(content.decode())
    if kind is Retract:
        _check(kind, content, size=max(len(content), _MOMENT.size))
        (after_ns,) = _MOMENT.unpack_from(content)
        return Retract(after_ns, tuple(content[_MOMENT.size :]))
    if kind is Follow:
        _check(kind, content, size=_TRANSPORT_STATE.size)
        return Follow(TransportState(*_TRANSPORT_STATE.unpack(content)))
    if kind is CallLog:
        return _did(content)
    if kind is Loaded:
        sha256, _, name = content.decode().partition(" ")
        return Loaded(sha256, name)
    if kind is RoleChanged:
        return RoleChanged(_role(content.decode()))
    _check(kind, content, size=0)
    return kind()  # type: ignore[call-arg]  # the rest holds nothing


def _content(message: Message) -> bytes:
    match message:
        case Heard(events) | PlayEvents(events):
            return b"".join(_EVENT.pack(timed.at_ns, to_bytes(timed.event)) for timed in events)
        case HeardHands(events):
            packed = (_EVENT_OF_A_HAND.pack(each.at_ns, to_bytes(each.event), each.is_left_hand) for each in events)
            return b"".join(packed)
        case Configure(text) | Failed(text) | Notice(text) | RoleChanged(text) | Prepare(text):
            return text.encode()
        case CallLog(ready_ns, calls):
            packed = (_CALL.pack(_ACTS.index(call.act), call.at_ns) for call in calls)
            return _MOMENT.pack(ready_ns) + b"".join(packed)
        case Loaded(sha256, name):
            return f"{sha256} {name}".encode()
        case Retract(after_ns, kept):
            return _MOMENT.pack(after_ns) + bytes(kept)
        case Follow(transport):
            return _TRANSPORT_STATE.pack(
                transport.is_running, transport.tick, transport.at_ns, transport.beat_ns, transport.discontinuities
            )
    return b""


def _events(kind: type[Message], content: bytes) -> tuple[Timed, ...]:
    _check(kind, content, size=len(content) // _EVENT.size * _EVENT.size)
    return tuple(_event(at_ns, message) for at_ns, message in _EVENT.iter_unpack(content))


def _is_on_left_channel(timed: Timed) -> bool:
    return isinstance(timed.event, NoteOn | NoteOff) and timed.event.channel == _LEFT_HAND


def _event(at_ns: int, message: Sequence[int], is_left_hand: bool = False) -> Timed:  # noqa: FBT001, FBT002 (as packed)
    event = from_bytes(message)
    if event is None:
        raise ValueError(f"link: {bytes(message).hex(' ')} is no event")
    return Timed(at_ns, event, is_left_hand)


def _did(content: bytes) -> CallLog:
    count = max(len(content) - _MOMENT.size, 0) // _CALL.size
    _check(CallLog, content, size=_MOMENT.size + count * _CALL.size)
    (ready_ns,) = _MOMENT.unpack_from(content)
    calls = tuple(_CALL.iter_unpack(content[_MOMENT.size :]))
    if any(act >= len(_ACTS) for act, _ in calls):
        raise ValueError("link: CallLog has a call that no engine knows")
    return CallLog(ready_ns, tuple(Call(_ACTS[act], at_ns) for act, at_ns in calls))


def _role(name: str) -> Role:
    for role in get_args(Role):
        if role == name:
            return cast(Role, role)
    raise ValueError(f"link: '{name}' is no role")


def _check(kind: type[Message], content: bytes, size: int) -> None:
    if len(content) != size:
        raise ValueError(f"link: {kind.__name__} has {len(content)} bytes where {size} were expected")
