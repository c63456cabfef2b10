"""The sequencer's events, as its header lays them out; the sequencer itself needs a kernel with one."""

from livegen.events import ControlChange, NoteOff, NoteOn, PitchBend, to_bytes
from livegen.midi_ports.alsa import event_of


def test_each_ending_is_laid_out_for_one_address_and_sent_at_once():
    endings = [NoteOff(60, 2), ControlChange(64, 0, 3), PitchBend(0, 4)]

    laid_out = [event_of(to_bytes(ending), (128, 1)) for ending in endings]

    head = "000000fd" + 8 * "00" + "0000" + "8001"
    tail = ["023c" + 10 * "00", "03000000" + "40000000" + "00000000", "04000000" + "00000000" + "00000000"]
    assert [event.hex() for event in laid_out if event] == [
        f"{kind:02x}{head[2:]}{data}" for kind, data in zip((7, 10, 13), tail, strict=True)
    ]


def test_what_ends_nothing_is_not_sent_to_one_receiver():
    assert event_of(to_bytes(NoteOn(60, 80)), (128, 1)) is None
