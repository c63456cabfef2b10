"""The messages of the pipe between the two processes."""

import pytest

from livegen.events import ControlChange, NoteOff, NoteOn, ProgramChange, SongPosition, Timed, Transport
from livegen.ipc.messages import (
    Call,
    CallLog,
    Configure,
    Failed,
    Follow,
    Heard,
    HeardHands,
    Heartbeat,
    Loaded,
    Message,
    Notice,
    Panic,
    PlayEvents,
    Prepare,
    Ready,
    Retract,
    RoleChanged,
    TurnChanged,
    decode,
    encode,
    heard,
)
from livegen.music.metre import KeyChange, Metre
from livegen.music.transport import TransportState

EVENTS = (Timed(-1, NoteOn(60, 64, 14)), Timed(2**62, NoteOff(127, 1)), Timed(0, ControlChange(64, 127, 3)))
HANDS = (Timed(1, NoteOn(40, 64, 15)), Timed(2, NoteOn(40, 64, 2), is_left_hand=True), *EVENTS)
RARE = (Timed(1, ProgramChange(5, 9)), Timed(2, SongPosition(16_383)), *(Timed(3, event) for event in Transport))
MESSAGES = (
    Configure('{"play": {"key": "E♭"}}'),
    Heard(EVENTS),
    Heard(RARE),
    Panic(),
    Ready(),
    Failed("bach.onnx: truncated"),
    Heartbeat(2**62),
    TurnChanged("together"),
    Retract(-(2**63)),
    Retract(5, (0, 60, 127)),
    Follow(TransportState(True, -40, 2**62, 500_000_000, 3)),  # noqa: FBT003 (as it is packed)
    PlayEvents(EVENTS),
    PlayEvents(()),
    RoleChanged("accompany"),
    Notice("heard 8 notes, G major"),
    CallLog(7, (Call("take", -1), Call("imagine", 2**62), Call("change", 0))),
    CallLog(-7, ()),
    Loaded("ab" * 32, "my models/a b.onnx"),
    HeardHands(HANDS),
    HeardHands(()),
    Metre(2**62, -960, 500_000_000, 12, continues=True),
    Metre(5, 0, 500_000_000, 3, is_compound=True),
    KeyChange(-(2**62), 11, is_minor=True),
)


def test_a_metre_of_a_session_from_before_compound_metres_is_read():
    metre = Metre(5, -960, 500_000_000, 3)

    assert decode(encode(metre)[:-1]) == metre


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_encoded_is_what_is_decoded(message: Message):
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"", "no kind of message"),
        (b"\xff", "no kind of message"),
        (encode(Retract(5))[:-1], "Retract has 7 bytes where 8 were expected"),
        (encode(RoleChanged("solo"))[:1] + b"sing", "'sing' is not a role"),
        (encode(TurnChanged("idle"))[:1] + b"yours", "'yours' is not a turn"),
        (encode(Heartbeat(5)) + b"\x00", "Heartbeat has 9 bytes where 8 were expected"),
        (encode(Ready()) + b"\x00", "Ready has 1 bytes where 0 were expected"),
        (encode(PlayEvents(EVENTS))[:-1], "PlayEvents has 32 bytes where 22 were expected"),
        (encode(CallLog(5, (Call("take", 1),)))[:-1], "CallLog has 16 bytes where 8 were expected"),
        (encode(CallLog(5, ()))[:4], "CallLog has 3 bytes where 8 were expected"),
        (encode(CallLog(5, ())) + b"\x09" + bytes(8), "CallLog has an unknown call"),
        (encode(Heard(()))[:1] + bytes(8) + b"\xf0\x00\x00", "f0 00 00 is not an event"),
    ],
)
def test_a_malformed_frame_is_refused_with_its_reason(frame: bytes, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        decode(frame)


def test_an_event_takes_eleven_bytes():
    assert len(encode(PlayEvents(EVENTS))) == 1 + 11 * len(EVENTS)


def test_an_event_with_its_hand_takes_twelve():
    assert len(encode(HeardHands(HANDS))) == 1 + 12 * len(HANDS)


def test_in_a_session_of_before_channel_16_is_the_left_hand():
    frame = b"\x01" + bytes(8) + b"\x9f\x30\x50" + bytes(8) + b"\x9e\x48\x50" + bytes(8) + b"\xbf\x40\x7f"

    assert decode(frame) == Heard(
        (
            Timed(0, NoteOn(48, 80, 15), is_left_hand=True),
            Timed(0, NoteOn(72, 80, 14)),
            Timed(0, ControlChange(64, 127, 15)),
        )
    )


def test_hands_are_told_only_where_they_must_be():
    plain = (Timed(1, NoteOn(60)), Timed(2, ControlChange(64, 127, 15)))

    assert heard(plain) == Heard(plain)
    for event in (Timed(3, NoteOff(60, 15)), Timed(3, NoteOn(40), is_left_hand=True)):
        assert heard((*plain, event)) == HeardHands((*plain, event))


def test_each_kind_keeps_its_number() -> None:
    """Sessions on disk hold them."""
    numbers = {
        Configure("{}"): 0,
        Heard(()): 1,
        Panic(): 2,
        Follow(TransportState(True, 0, 0, 1)): 3,  # noqa: FBT003 (as a clock gives it)
        Ready(): 4,
        Failed(""): 5,
        Heartbeat(0): 6,
        Retract(0): 7,
        PlayEvents(()): 8,
        RoleChanged("solo"): 9,
        Notice(""): 10,
        Prepare("{}"): 11,
        CallLog(0, ()): 12,
        Loaded("", ""): 13,
        HeardHands(()): 14,
    }

    assert {message: encode(message)[0] for message in numbers} == numbers
