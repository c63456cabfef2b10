"""Whole messages out of whatever bytes come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.events import from_bytes
from livegen.midi_in.parser import MidiParser


def read(*received: str) -> list[str]:
    reader = MidiParser()
    return [message.hex(" ") for part in received for message in reader.read(list(bytes.fromhex(part)))]


@pytest.mark.parametrize(
    ("received", "messages"),
    [
        (["90 3c 50"], ["90 3c 50"]),
        (["c0 05", "d0 05", "e0 00 40"], ["c0 05", "d0 05", "e0 00 40"]),
        (["90 3c 50", "3e 50"], ["90 3c 50", "90 3e 50"]),  # running status
        (["90 3c 50", "f8", "3e 50"], ["90 3c 50", "f8", "90 3e 50"]),  # real-time bytes leave it alone
        (["90 3c f8 50"], ["f8", "90 3c 50"]),  # real time inside a message
        (["90 3c 50 3e 50 80 3c 00"], ["90 3c 50", "90 3e 50", "80 3c 00"]),
        (["90 3c 50", "f2 10 00", "3e 50"], ["90 3c 50", "f2 10 00"]),  # system common ends running status
        (["90 3c", "80 3c 00"], ["80 3c 00"]),  # cut short
        (["3c 50", ""], []),  # no status at all
        (["f0 7e 01", "02 03", "90 3c 50"], ["90 3c 50"]),  # exclusive, without an end
        (["f0 7e f8 01 f7", "90 3c 50"], ["f8", "90 3c 50"]),
        (["f0 43 10 4c f8", "00 90 3c 50", "3e 50", "01 f0 f0 80 3c 00"], ["f8", "90 3c 50", "90 3e 50", "80 3c 00"]),
        (["f0 43 10", "f2 10 00", "f0 01", "fc", "c0 05"], ["f2 10 00", "fc", "c0 05"]),
        (["f6", "f3 01", "f4", "f9", "fd", "f7"], ["f6", "f3 01"]),  # the undefined ones are nothing
        (["fe", "ff"], ["fe", "ff"]),
    ],
)
def test_bytes_become_whole_messages(received: list[str], messages: list[str]):
    assert read(*received) == messages


@given(st.lists(st.lists(st.integers(0, 255), max_size=12), max_size=12))
def test_whatever_comes_what_is_read_is_whole(received: list[list[int]]):
    reader = MidiParser()

    messages = [message for part in received for message in reader.read(part)]

    assert all(message[0] >= 0x80 and max(message[1:], default=0) < 0x80 for message in messages)
    assert all(from_bytes(message) for message in messages if message[0] & 0xF0 in (0x80, 0x90, 0xB0, 0xC0))
    assert sum(len(message) for message in messages) <= 3 * sum(len(part) for part in received)


def test_an_exclusive_message_without_an_end_takes_no_memory():
    reader = MidiParser()
    reader.read([0xF0])

    for _ in range(100):
        reader.read([1] * 1_000)

    assert vars(reader) == {"_status": 0, "_wanted": 0}
