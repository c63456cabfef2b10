"""Clients by each library that is there, on JACK, and on ALSA where the kernel has its sequencer.

What one sends, another one hears.
"""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from livegen.errors import SettingsError
from livegen.midi_ports import systems
from livegen.midi_ports.client import MakeClient, MidiClient, MidiSystemError
from livegen.midi_ports.jack_midi_client import JackMidiClient
from tests.support.jack_stage import wait_for

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]
BY_LIBRARY: dict[str, MakeClient] = {"libjack": JackMidiClient}
with suppress(ImportError):
    from livegen.midi_ports import rtmidi_client

    BY_LIBRARY["rtmidi"] = rtmidi_client.systems()["jack"]
if systems.ALSA_SEQUENCER.exists():
    from livegen.midi_ports.alsa_midi_client import AlsaMidiClient

    BY_LIBRARY["alsa-midi"] = AlsaMidiClient
FLOOD = [bytes((0xB0 | number % 16, 7, number % 128)) for number in range(5_000)]  # several periods full


@pytest.fixture(params=[pytest.param(make, id=name) for name, make in BY_LIBRARY.items()])
def make(request: pytest.FixtureRequest) -> MakeClient:
    """Makes clients by one of the libraries."""
    made: MakeClient = request.param
    return made


@pytest.fixture
def pair(make: MakeClient) -> Iterator[tuple[MidiClient, MidiClient]]:
    """An input with a virtual port, and an output that is connected to it."""
    heard, played = make("input", "hears"), make("output", "plays")
    try:
        heard.open_virtual("in")
        played.connect(port_of(played), "out")
        yield heard, played
    finally:
        heard.close()
        with suppress(MidiSystemError):
            played.close()


def port_of(client: MidiClient) -> str:
    """The name of the virtual port, as this client lists it: ALSA's has numbers."""
    return wait_for(lambda: next((name for name in client.names() if name.startswith("hears:in")), None), "our port")


def take(client: MidiClient, count: int) -> list[tuple[bytes, float]]:
    """So many messages, with the seconds that each came after the one before it."""
    taken: list[tuple[bytes, float]] = []

    def poll() -> bool:
        while received := client.receive():
            taken.append((bytes(received[0]), received[1]))
        return len(taken) >= count

    wait_for(poll, f"{count} messages, not only {len(taken)}")
    return taken


def test_every_message_of_a_flood_is_heard_in_order(pair: tuple[MidiClient, MidiClient]):
    heard, played = pair

    for message in FLOOD:
        played.send(message)
        time.sleep(0.00005)  # rtmidi has room for some hundreds that wait

    assert [message for message, _ in take(heard, len(FLOOD))] == FLOOD


def test_the_times_between_messages_are_told(pair: tuple[MidiClient, MidiClient]):
    heard, played = pair
    begun = time.monotonic()
    played.send(b"\x90\x3c\x50")
    first = take(heard, 1)
    time.sleep(0.2)
    played.send(b"\x80\x3c\x00")

    second = take(heard, 1)

    assert [message for message, _ in first + second] == [b"\x90\x3c\x50", b"\x80\x3c\x00"]
    assert 0.15 < second[0][1] < time.monotonic() - begun


def test_what_was_sent_last_is_heard_though_the_client_closes_at_once(make: MakeClient):
    heard = make("input", "hears")
    heard.open_virtual("in")
    played = make("output", "plays")
    played.connect(port_of(played), "out")

    played.send(b"\x80\x3c\x00")
    played.close()

    assert [message for message, _ in take(heard, 1)] == [b"\x80\x3c\x00"]
    heard.close()


def test_an_exclusive_message_arrives_whole(pair: tuple[MidiClient, MidiClient]):
    heard, played = pair
    message = bytes((0xF0, *range(100), 0xF7))

    played.send(message)

    assert [message for message, _ in take(heard, 1)] == [message]


def test_a_port_that_is_gone_is_refused(make: MakeClient):
    client = make("output", "plays")

    with pytest.raises(MidiSystemError):
        client.connect("nobody:in", "out")
    client.close()


def test_where_no_server_runs_a_client_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-test-none")
    monkeypatch.setattr(systems, "supported_systems", lambda: {"jack": systems.Library("libjack", JackMidiClient)})

    with pytest.raises(MidiSystemError):
        systems.new_client("input", "jack", "hears")


@pytest.mark.parametrize(
    ("chosen", "library"),
    [("system", "libjack"), ("rtmidi", "rtmidi"), ("", "rtmidi")],
    ids=["the system's own", "rtmidi", "rtmidi where it is installed"],
)
def test_the_library_is_chosen_by_a_variable(chosen: str, library: str, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rtmidi")
    monkeypatch.setenv(systems.VARIABLE, chosen)
    systems.supported_systems.cache_clear()

    try:
        assert systems.supported_systems()["jack"].name == library
    finally:
        systems.supported_systems.cache_clear()


def test_an_unknown_library_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(systems.VARIABLE, "portmidi")
    systems.supported_systems.cache_clear()

    with pytest.raises(SettingsError, match="LIVEGEN_MIDI_LIBRARY: 'portmidi' is not one of any, rtmidi, system"):
        systems.supported_systems()
    systems.supported_systems.cache_clear()
