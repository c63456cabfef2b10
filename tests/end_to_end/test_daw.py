"""A real DAW leads: its clock goes out, and what comes back is recorded on its track.

LIVEGEN_DAW_BARS=64 records that many bars, and says that the machine does nothing else: then every onset is judged.
LIVEGEN_DAW_FIGURES=FILE adds a line of figures for each recording, LIVEGEN_DAW_BPM=160 sets the tempo.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rtmidi

from livegen.events import PULSES_PER_QUARTER, Event, SongPosition, Transport, from_bytes
from tests.conftest import is_realtime_allowed, start_jack, stop_jack
from tests.support.daw.ardour import ARDOUR, ardour
from tests.support.daw.beat_player import FIRST_BEAT, pitch
from tests.support.jack_stage import Daemon, Voice, melody

BARS = int(os.environ.get("LIVEGEN_DAW_BARS", "4"))
IS_QUIET = "LIVEGEN_DAW_BARS" in os.environ
FIGURES = os.environ.get("LIVEGEN_DAW_FIGURES")
TEMPO_BPM = float(os.environ.get("LIVEGEN_DAW_BPM", "100"))
BEAT_S = 60 / TEMPO_BPM
PERIOD = 64  # of JACK, in frames of 48 kHz: 1.3 ms
TICK_S = BEAT_S / 1_920  # of Ardour's notes
MAY_BE_OFF_S = 0.003

pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(ARDOUR is None, reason="Ardour is not installed (Debian 12: ardour)"),
    pytest.mark.skipif(not is_realtime_allowed(), reason="JACK may not have real-time priority here"),
]


@pytest.fixture(scope="module", autouse=True)
def daw_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server of its own, with short periods: what leaves between two of them is late by up to one.

    It waits for its clients: where a machine stalls, a pulse that one of them misses cannot always be told from a time
    that both of them do not count. It has no outputs: by their latency Ardour would move what it records to the left.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JACK_DEFAULT_SERVER", f"livegen-daw-{os.getpid()}")
        patch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
        process = start_jack(
            tmp_path_factory.mktemp("jack") / "jackd.log", *("-p", str(PERIOD), "-C", "0", "-P", "0"), waits=True
        )
        yield
        stop_jack(process)


def test_notes_are_recorded_where_they_were_played_to_a_tick_of_the_daw(tmp_path: Path):
    spacing = 12_000  # frames of 48 kHz, in which jack_midiseq is exact

    with ardour(tmp_path, TEMPO_BPM) as daw, running("jack_midiseq", "exact", str(spacing), "0", "60", "6000"):
        daw.record_from("exact:out")
        daw.roll()
        daw.wait_until(4 * BARS)
        notes = daw.stop()

    distances = np.diff([note.onset_s for note in notes[:-1]]) - spacing / 48_000
    tell("exact", distances.tolist())
    assert len(notes) >= 4 * BARS * BEAT_S / 0.25 - 2
    assert abs(float(np.median(distances))) <= TICK_S
    assert np.mean(np.abs(distances) <= 1.01 * TICK_S) >= 0.9  # where the machine stalls, a player misses a period


def test_notes_on_the_beats_of_the_clock_are_recorded_on_the_beats_of_the_daw(tmp_path: Path):
    with (
        ardour(tmp_path, TEMPO_BPM) as daw,
        running(sys.executable, str(Path(__file__).parents[1] / "support" / "daw" / "beat_player.py"), "beats"),
    ):
        daw.send_clock_to("beats:in")
        daw.record_from("beats-out:out")
        daw.roll()
        daw.wait_until(4 * BARS + 0.5)
        notes = daw.stop()

    beats = range(FIRST_BEAT, 4 * BARS + 1)
    offsets = [note.onset_s - beat * BEAT_S for note, beat in zip(notes, beats, strict=True)]
    tell("beats", offsets)
    assert [note.pitch for note in notes] == [pitch(beat) for beat in beats]
    assert abs(float(np.median(offsets))) <= MAY_BE_OFF_S
    if IS_QUIET:
        assert max(map(abs, offsets)) <= MAY_BE_OFF_S


def test_an_eight_bar_answer_to_its_clock_is_recorded_on_its_sixteenths(tmp_path: Path):
    config = tmp_path / "daw.toml"
    config.write_text('[play]\nanswer_length = 2.0\n[time]\nclock = "midi"\nbegin_on = "bar"\n')
    phrase = melody((67, 69, 71, 67, 71, 72, 74, 74, 72, 71, 69, 67, 69, 71, 67, 67), beat_ms=1000 * BEAT_S)
    with ardour(tmp_path, TEMPO_BPM) as daw, ExitStack() as stack:
        daemon = Daemon("dawjam", tmp_path, "--config", str(config))
        stack.callback(daemon.kill)
        daemon.wait_for_line("listening at")
        player = Voice("play", "dawjam-player", tmp_path, "dawjam:in")
        stack.callback(player.close)
        daemon.wait_for_line("loaded")
        daw.send_clock_to("dawjam:in")
        daw.record_from("dawjam-out:out")
        daw.roll()
        daw.wait_until(4)
        player.play(phrase)
        daemon.wait_for_line("answer in")
        daw.wait_until(4 + 4 * 4 + 4 + 8 * 4 + 2)
        notes = daw.stop()
        daemon.stop()

    sixteenths = [note.onset_s / BEAT_S * 4 for note in notes]
    offsets = [(place - round(place)) * BEAT_S / 4 for place in sixteenths]
    tell("answer", offsets)
    assert len(notes) > 32
    assert round(sixteenths[0]) % 16 == 0
    assert 20 <= (notes[-1].onset_s - notes[0].onset_s) / BEAT_S <= 36  # it closes on a phrase end of its own
    assert abs(float(np.median(offsets))) <= MAY_BE_OFF_S
    if IS_QUIET:
        assert max(map(abs, offsets)) <= MAY_BE_OFF_S


def test_the_clock_starts_continues_from_a_position_in_pulses_and_stops(tmp_path: Path):
    with ardour(tmp_path, TEMPO_BPM) as daw, listening("hearer") as source:
        daw.send_clock_to("hearer:in")
        daw.roll()
        daw.wait_until(1)
        daw.stop()
        daw.locate(8)
        daw.play()
        daw.wait_until(9)
        daw.stop()
        heard = events(source)

    # By the standard a position counts sixteenths, here 32. Ardour 7.3 counts pulses, and goes on with a quarter note.
    words = [event for event in heard if event is not Transport.CLOCK]
    assert words == [
        Transport.START,
        Transport.STOP,
        SongPosition(8 * PULSES_PER_QUARTER),
        Transport.CONTINUE,
        Transport.STOP,
    ]
    assert heard[:2] == [Transport.START, Transport.CLOCK]


@contextmanager
def running(*command: str) -> Iterator[None]:
    """Another JACK client."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def listening(name: str) -> Iterator[Any]:
    """An input that takes the clock in."""
    source = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
    source.ignore_types(timing=False)
    source.open_virtual_port("in")
    try:
        yield source
    finally:
        source.delete()


def events(source: Any) -> list[Event | None]:
    """What has come in."""
    heard = []
    while message := source.get_message():
        heard.append(from_bytes(message[0]))
    return heard


def tell(what: str, offsets_s: Sequence[float]) -> None:
    """A line of figures, where they are wanted."""
    if FIGURES:
        offsets_ms = np.array(offsets_s) * 1000
        names = ("min", "p1", "p50", "p99", "max")
        figures = dict(zip(names, np.percentile(offsets_ms, (0, 1, 50, 99, 100)).round(3).tolist(), strict=True))
        with Path(FIGURES).open("a", encoding="ascii") as file:
            beyond = int(np.sum(np.abs(offsets_ms) > 1000 * MAY_BE_OFF_S))
            file.write(json.dumps({"what": what, "count": len(offsets_ms), "beyond": beyond, "ms": figures}) + "\n")
