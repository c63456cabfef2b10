"""What the two processes say to each other, as bytes.

A frame is one byte for the kind, then its content: events as 11 bytes each (moment as a little-endian int64,
then the MIDI message in three bytes; in ``HeardHands`` one byte more for the hand), moments as int64, pitches as a
byte each, text as UTF-8. Moments are nanoseconds of the monotonic clock, which both processes share. Sessions on disk
hold frames: a kind keeps its number.
"""

import struct
from collections.abc import Callable
from dataclasses import astuple, dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple, Protocol, get_args

from livegen.events import Event, NoteOff, NoteOn, Timed, from_bytes, to_bytes
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
    """One end of the pipe: a ``multiprocessing`` connection, of whatever kind the system has."""

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

    Notes on channel 16 are the left hand's: they were sent so before there was ``HeardHands``.
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


def heard(events: tuple[Timed, ...]) -> Heard | HeardHands:
    """The smaller of the two messages that can say what was played."""
    is_plain = not any(timed.is_left_hand or _is_on_left_channel(timed.event) for timed in events)
    return Heard(events) if is_plain else HeardHands(events)


class _Row(NamedTuple):
    """A kind of message: its content as bytes, and back; ValueError where they cannot be its content."""

    kind: type[Message]
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Message]


def _empty(kind: Callable[[], Message]) -> tuple[Callable[[Any], bytes], Callable[[bytes], Message]]:
    def unpack(content: bytes) -> Message:
        _check(kind, content, size=0)
        return kind()

    return lambda _: b"", unpack


def _text(kind: Callable[[str], Message], field: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Message]]:
    text_of = attrgetter(field)
    return lambda message: text_of(message).encode(), lambda content: kind(content.decode())


def _pack_events(message: Heard | PlayEvents) -> bytes:
    return b"".join(_EVENT.pack(timed.at_ns, to_bytes(timed.event)) for timed in message.events)


def _unpack_events(kind: type[Heard | PlayEvents], content: bytes) -> tuple[Timed, ...]:
    _check(kind, content, size=len(content) // _EVENT.size * _EVENT.size)
    return tuple(Timed(at_ns, _event(message)) for at_ns, message in _EVENT.iter_unpack(content))


def _unpack_heard(content: bytes) -> Heard:
    events = _unpack_events(Heard, content)
    return Heard(tuple(Timed(each.at_ns, each.event, _is_on_left_channel(each.event)) for each in events))


def _is_on_left_channel(event: Event) -> bool:
    return isinstance(event, NoteOn | NoteOff) and event.channel == _LEFT_HAND


def _pack_hands(message: HeardHands) -> bytes:
    packed = (_EVENT_OF_A_HAND.pack(each.at_ns, to_bytes(each.event), each.is_left_hand) for each in message.events)
    return b"".join(packed)


def _unpack_hands(content: bytes) -> HeardHands:
    _check(HeardHands, content, size=len(content) // _EVENT_OF_A_HAND.size * _EVENT_OF_A_HAND.size)
    unpacked = _EVENT_OF_A_HAND.iter_unpack(content)
    return HeardHands(tuple(Timed(at_ns, _event(message), is_left) for at_ns, message, is_left in unpacked))


def _event(message: bytes) -> Event:
    event = from_bytes(message)
    if event is None:
        raise ValueError(f"pipe: {message.hex(' ')} is no event")
    return event


def _pack_retract(message: Retract) -> bytes:
    return _MOMENT.pack(message.after_ns) + bytes(message.kept)


def _unpack_retract(content: bytes) -> Retract:
    _check(Retract, content, size=max(len(content), _MOMENT.size))
    (after_ns,) = _MOMENT.unpack_from(content)
    return Retract(after_ns, tuple(content[_MOMENT.size :]))


def _pack_follow(message: Follow) -> bytes:
    return _TRANSPORT_STATE.pack(*astuple(message.transport))


def _unpack_follow(content: bytes) -> Follow:
    _check(Follow, content, size=_TRANSPORT_STATE.size)
    return Follow(TransportState(*_TRANSPORT_STATE.unpack(content)))


def _unpack_role(content: bytes) -> RoleChanged:
    for role in get_args(Role):
        if role == content.decode():
            return RoleChanged(role)
    raise ValueError(f"pipe: '{content.decode()}' is no role")


def _pack_calls(message: CallLog) -> bytes:
    calls = (_CALL.pack(_ACTS.index(call.act), call.at_ns) for call in message.calls)
    return _MOMENT.pack(message.ready_ns) + b"".join(calls)


def _unpack_calls(content: bytes) -> CallLog:
    count = max(len(content) - _MOMENT.size, 0) // _CALL.size
    _check(CallLog, content, size=_MOMENT.size + count * _CALL.size)
    (ready_ns,) = _MOMENT.unpack_from(content)
    calls = tuple(_CALL.iter_unpack(content[_MOMENT.size :]))
    if any(act >= len(_ACTS) for act, _ in calls):
        raise ValueError("pipe: CallLog has a call that no engine knows")
    return CallLog(ready_ns, tuple(Call(_ACTS[act], at_ns) for act, at_ns in calls))


def _unpack_loaded(content: bytes) -> Loaded:
    sha256, _, name = content.decode().partition(" ")
    return Loaded(sha256, name)


_TABLE = (  # a row's place is its number, which sessions on disk hold: new rows come last
    _Row(Configure, *_text(Configure, "settings")),
    _Row(Heard, _pack_events, _unpack_heard),
    _Row(Panic, *_empty(Panic)),
    _Row(Follow, _pack_follow, _unpack_follow),
    _Row(Ready, *_empty(Ready)),
    _Row(Failed, *_text(Failed, "reason")),
    _Row(Heartbeat, *_empty(Heartbeat)),
    _Row(Retract, _pack_retract, _unpack_retract),
    _Row(PlayEvents, _pack_events, lambda content: PlayEvents(_unpack_events(PlayEvents, content))),
    _Row(RoleChanged, lambda message: message.role.encode(), _unpack_role),
    _Row(Notice, *_text(Notice, "text")),
    _Row(Prepare, *_text(Prepare, "settings")),
    _Row(CallLog, _pack_calls, _unpack_calls),
    _Row(Loaded, lambda message: f"{message.sha256} {message.name}".encode(), _unpack_loaded),
    _Row(HeardHands, _pack_hands, _unpack_hands),
)
_PACK = {row.kind: (bytes((number,)), row.pack) for number, row in enumerate(_TABLE)}


def encode(message: Message) -> bytes:
    """One frame."""
    number, pack = _PACK[type(message)]
    return number + pack(message)


def decode(frame: bytes) -> Message:
    """Read one frame; ValueError, saying what is wrong with it, for anything that ``encode`` did not write."""
    if not frame or frame[0] >= len(_TABLE):
        raise ValueError(f"pipe: no kind of message begins with {frame[:1]!r}")
    return _TABLE[frame[0]].unpack(frame[1:])


def _check(kind: Callable[..., Message], content: bytes, size: int) -> None:
    if len(content) != size:
        raise ValueError(f"pipe: {kind.__name__} has {len(content)} bytes where {size} were expected")
