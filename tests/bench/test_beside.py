"""A daemon to measure, and the probes that measure it."""

import pytest

from livegen.bench.beside import daemon, probes
from livegen.events import NoteOff, NoteOn
from tests.support.jack_stage import wait_for


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_a_note_goes_through_the_daemon_and_past_it() -> None:
    with daemon("--role", "harmonise", "--thru"), probes() as (system, through, control):
        for probe in (through, control):
            probe.send(NoteOn(72, 80))
            wait_for(lambda probe=probe: any(timed.event == NoteOn(72, 80) for timed in probe.arrived), "the note")
            probe.send(NoteOff(72))

    assert system == "jack"
