"""The messages between the two processes, as bytes.

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
from livegen.music.metre import KeyChange, Metre
from livegen.music.transport import TransportState
from livegen.settings import Role

_EVENT = struct.Struct("<q3s")
_EVENT_OF_A_HAND = struct.Struct("<q3s?")
_LEFT_HAND = 15  # the channel of left hands in ``Heard``
_MOMENT = struct.Struct("<q")
_TRANSPORT_STATE = struct.Struct("<?qqqq")
_METRE = struct.Struct("<qqqB??")
_OLD_METRE = struct.Struct("<qqqB?")  # until version 0.1: no compound metres
_KEY_CHANGE = struct.Struct("<qB?")
_CALL = struct.Struct("<Bq")

Act = Literal["take", "imagine", "change"]
_ACTS: tuple[Act, ...] = get_args(Act)
TurnName = Literal["idle", "listening", "playing", "together"]


class Connection(Protocol):
    """One end of the pipe: a ``multiprocessing`` connection, of whatever kind the system has."""

    def send_bytes(self, frame: bytes) -> None:
        """Send one frame; OSError when the other end is gone."""

    def recv_bytes(self) -> bytes:
        """Wait for the next frame; EOFError or OSError when the other end is gone."""

    def poll(self, timeout: float | None) -> bool:
        """Wait up to ``timeout`` seconds, or for ever, for a frame, or for the end."""

    def close(self) -> None:
        """Close this end, which the other end notices."""


@dataclass(frozen=True, slots=True)
class Configure:
    """To the engine, as first message and after each change: the settings, as JSON."""

    settings: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """To the engine: the settings from the end of this phrase on, as JSON; a model that was given, too."""

    settings: str


@dataclass(frozen=True, slots=True)
class Heard:
    """To the engine: what was played, oldest first; all events are taken before anything is planned.

    Notes on channel 16 are the left hand's, as in recordings made before ``HeardHands`` existed.
    """

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class HeardHands:
    """As ``Heard``, where a left hand plays or a note is on channel 16."""

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class Panic:
    """To the engine: silence, and forget the answer."""


@dataclass(frozen=True, slots=True)
class Follow:
    """To the engine: the song position of the clock."""

    transport: TransportState


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the engine, and its moment.

    ``take``: handle the next message. ``imagine``: plan. ``change``: apply the chosen settings, and the model that was
    loaded since the last change.
    """

    act: Act
    at_ns: int


@dataclass(frozen=True, slots=True)
class CallLog:
    """From the engine: its calls since the last such message. The messages that follow result from the last call.

    Events that were due at once sound at ``ready_ns``.
    """

    ready_ns: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the engine: a model is in memory; the SHA-256 (hex) of its file, and the name it was requested by."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class Ready:
    """From the engine: the model is loaded."""


@dataclass(frozen=True, slots=True)
class Failed:
    """From the engine, as last message: why it cannot start, or cannot continue."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """From the engine, every 50 ms: when its loop last came round."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class Retract:
    """From the engine: forget events due after this moment, and end what would hang.

    ``kept`` lasts: pitches, and ``PEDAL``.
    """

    after_ns: int
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlayEvents:
    """From the engine: play each event at its moment."""

    events: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """From the engine: the role that it has changed to by itself, as when a key is pressed during a solo."""

    role: Role


@dataclass(frozen=True, slots=True)
class TurnChanged:
    """From the engine: who plays now. Sessions do not hold it."""

    turn: TurnName


@dataclass(frozen=True, slots=True)
class Notice:
    """From the engine: a line for the person at the keyboard."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelPart:
    """To the engine: the next part of a model's file. Sessions do not hold it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class ModelGiven:
    """To the engine: the parts before are this model's file; without a part, it is a file that was given before."""

    sha256: str  # of the file, in hex
    name: str  # as the settings have it


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
    | ModelPart
    | ModelGiven
    | Metre
    | KeyChange
    | TurnChanged
)
UNRECORDED = Heartbeat | TurnChanged  # of the engine's messages: a replay does not need them


def heard(events: tuple[Timed, ...]) -> Heard | HeardHands:
    """The smaller of the two messages that can hold these events."""
    is_plain = not any(timed.is_left_hand or _is_on_left_channel(timed.event) for timed in events)
    return Heard(events) if is_plain else HeardHands(events)


class _Row(NamedTuple):
    """A kind of message: packs its content as bytes, and unpacks it; ValueError for bytes that are not its content."""

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
        raise ValueError(f"pipe: {message.hex(' ')} is not an event")
    return event


def _pack_retract(message: Retract) -> bytes:
    return _MOMENT.pack(message.after_ns) + bytes(message.kept)


def _unpack_retract(content: bytes) -> Retract:
    _check(Retract, content, size=max(len(content), _MOMENT.size))
    (after_ns,) = _MOMENT.unpack_from(content)
    return Retract(after_ns, tuple(content[_MOMENT.size :]))


def _fields(
    kind: type[Metre | KeyChange], layout: struct.Struct, old: struct.Struct | None = None
) -> tuple[Callable[[Any], bytes], Callable[[bytes], Message]]:
    def unpack(content: bytes) -> Message:
        if old and len(content) == old.size:
            return kind(*old.unpack(content))
        _check(kind, content, size=layout.size)
        return kind(*layout.unpack(content))

    return lambda message: layout.pack(*astuple(message)), unpack


def _pack_follow(message: Follow) -> bytes:
    return _TRANSPORT_STATE.pack(*astuple(message.transport))


def _unpack_follow(content: bytes) -> Follow:
    _check(Follow, content, size=_TRANSPORT_STATE.size)
    return Follow(TransportState(*_TRANSPORT_STATE.unpack(content)))


def _unpack_heartbeat(content: bytes) -> Heartbeat:
    _check(Heartbeat, content, size=_MOMENT.size)
    return Heartbeat(*_MOMENT.unpack(content))


def _word(
    kind: Callable[[Any], Message], field: str, words: tuple[str, ...]
) -> tuple[Callable[[Any], bytes], Callable[[bytes], Message]]:
    def unpack(content: bytes) -> Message:
        if (word := content.decode()) not in words:
            raise ValueError(f"pipe: '{word}' is not a {field}")
        return kind(word)

    return _text(kind, field)[0], unpack


def _pack_calls(message: CallLog) -> bytes:
    calls = (_CALL.pack(_ACTS.index(call.act), call.at_ns) for call in message.calls)
    return _MOMENT.pack(message.ready_ns) + b"".join(calls)


def _unpack_calls(content: bytes) -> CallLog:
    count = max(len(content) - _MOMENT.size, 0) // _CALL.size
    _check(CallLog, content, size=_MOMENT.size + count * _CALL.size)
    (ready_ns,) = _MOMENT.unpack_from(content)
    calls = tuple(_CALL.iter_unpack(content[_MOMENT.size :]))
    if any(act >= len(_ACTS) for act, _ in calls):
        raise ValueError("pipe: CallLog has an unknown call")
    return CallLog(ready_ns, tuple(Call(_ACTS[act], at_ns) for act, at_ns in calls))


def _named(
    kind: Callable[[str, str], Loaded | ModelGiven],
) -> tuple[Callable[[Any], bytes], Callable[[bytes], Message]]:
    def unpack(content: bytes) -> Message:
        sha256, _, name = content.decode().partition(" ")
        return kind(sha256, name)

    return lambda message: f"{message.sha256} {message.name}".encode(), unpack


_TABLE = (  # a row's index is its number, which sessions on disk hold: append new rows
    _Row(Configure, *_text(Configure, "settings")),
    _Row(Heard, _pack_events, _unpack_heard),
    _Row(Panic, *_empty(Panic)),
    _Row(Follow, _pack_follow, _unpack_follow),
    _Row(Ready, *_empty(Ready)),
    _Row(Failed, *_text(Failed, "reason")),
    _Row(Heartbeat, lambda message: _MOMENT.pack(message.at_ns), _unpack_heartbeat),
    _Row(Retract, _pack_retract, _unpack_retract),
    _Row(PlayEvents, _pack_events, lambda content: PlayEvents(_unpack_events(PlayEvents, content))),
    _Row(RoleChanged, *_word(RoleChanged, "role", get_args(Role))),
    _Row(Notice, *_text(Notice, "text")),
    _Row(Prepare, *_text(Prepare, "settings")),
    _Row(CallLog, _pack_calls, _unpack_calls),
    _Row(Loaded, *_named(Loaded)),
    _Row(HeardHands, _pack_hands, _unpack_hands),
    _Row(ModelPart, attrgetter("content"), ModelPart),
    _Row(ModelGiven, *_named(ModelGiven)),
    _Row(Metre, *_fields(Metre, _METRE, _OLD_METRE)),
    _Row(KeyChange, *_fields(KeyChange, _KEY_CHANGE)),
    _Row(TurnChanged, *_word(TurnChanged, "turn", get_args(TurnName))),
)
_PACK = {row.kind: (bytes((number,)), row.pack) for number, row in enumerate(_TABLE)}


def encode(message: Message) -> bytes:
    """Encode a message as one frame."""
    number, pack = _PACK[type(message)]
    return number + pack(message)


def decode(frame: bytes) -> Message:
    """Decode one frame; ValueError, with the reason, for anything that ``encode`` did not write."""
    if not frame or frame[0] >= len(_TABLE):
        raise ValueError(f"pipe: no kind of message begins with {frame[:1]!r}")
    return _TABLE[frame[0]].unpack(frame[1:])


def _check(kind: Callable[..., Message], content: bytes, size: int) -> None:
    if len(content) != size:
        raise ValueError(f"pipe: {kind.__name__} has {len(content)} bytes where {size} were expected")
