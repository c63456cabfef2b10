"""What each receiver is owed, and when it gets it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from livegen.events import ControlChange, NoteOff, NoteOn, from_bytes, to_bytes
from livegen.midi_out.receivers import Receivers
from livegen.midi_ports.names import Peer

_SYNTH: Peer = ("synth:in", "7")
_OTHER: Peer = ("other:in", "8")


class Paid:
    """Who was paid what; it can be away."""

    def __init__(self) -> None:
        self.all: list[tuple[Peer, list[object]]] = []
        self.is_there = True

    def __call__(self, peer: Peer, messages: Sequence[bytes]) -> bool:
        if self.is_there:
            self.all.append((peer, [from_bytes(message) for message in messages]))
        return self.is_there


def send(receivers: Receivers, *events: NoteOn | NoteOff | ControlChange) -> None:
    for event in events:
        with receivers.sending(to_bytes(event)):
            pass


def test_who_comes_back_gets_the_ends_of_what_it_heard_begin_and_nobody_else_does(tmp_path: Path):
    receivers, paid = Receivers(tmp_path), Paid()
    receivers.see([_SYNTH, _OTHER], paid)
    send(receivers, NoteOn(60, 80), ControlChange(64, 127))

    receivers.see([_OTHER], paid)
    send(receivers, NoteOff(60), NoteOn(62, 80))
    receivers.see([_SYNTH, _OTHER], paid)
    receivers.see([_SYNTH, _OTHER], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60), ControlChange(64, 0)])]


def test_an_end_that_was_sent_while_the_cable_was_just_out_is_sent_again(tmp_path: Path):
    receivers, paid = Receivers(tmp_path), Paid()
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOn(60, 80))
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOff(60))  # nobody has seen yet that it is out

    receivers.see([], paid)
    receivers.see([_SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60)])]


def test_a_program_that_is_started_anew_is_owed_nothing_and_a_device_by_the_same_name_is(tmp_path: Path):
    receivers, paid = Receivers(tmp_path), Paid()
    device: Peer = ("a2j:Nord [20] (playback): Nord MIDI 1", "1")
    receivers.see([_SYNTH, device], paid)
    send(receivers, NoteOn(60, 80))
    receivers.see([_SYNTH, device], paid)

    again = Receivers(tmp_path)
    again.see([("synth:in", "9"), (device[0], "2")], paid)

    assert paid.all == [((device[0], "2"), [NoteOff(60)])]


def test_what_a_killed_process_owed_is_paid_by_the_next_one_when_that_receiver_comes(tmp_path: Path):
    killed, paid = Receivers(tmp_path), Paid()
    killed.see([_SYNTH], paid)
    send(killed, NoteOn(60, 80))
    killed.see([_SYNTH], paid)

    receivers = Receivers(tmp_path)
    receivers.see([], paid)
    receivers.see([_OTHER], paid)
    receivers.see([_OTHER, _SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60)])]


def test_what_could_not_be_paid_is_still_owed(tmp_path: Path):
    receivers, paid = Receivers(tmp_path), Paid()
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOn(60, 80))
    receivers.see([], paid)

    paid.is_there = False
    receivers.see([_SYNTH], paid)
    paid.is_there = True
    receivers.see([_SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60)])]


def test_a_receiver_that_is_owed_nothing_leaves_no_file(tmp_path: Path):
    receivers = Receivers(tmp_path)
    receivers.see([_SYNTH, _OTHER], Paid())
    receivers.see([_SYNTH], Paid())
    receivers.close()

    assert list(tmp_path.iterdir()) == []


def test_what_is_owed_outlives_the_removal_of_its_folder(tmp_path: Path):
    folder, paid = tmp_path / "duo.receivers", Paid()
    receivers = Receivers(folder)
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOn(60, 80))

    shutil.rmtree(folder)
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOn(62, 80))
    Receivers(folder).see([_SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60), NoteOff(62)])]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_note_that_begins_before_its_receiver_was_seen_is_owed_its_end(tmp_path: Path):
    receivers, paid = Receivers(tmp_path), Paid()
    receivers.see([], paid)
    send(receivers, NoteOn(60, 80), ControlChange(64, 127))  # it is connected, and not seen yet

    receivers.see([_SYNTH], paid)
    receivers.see([], paid)
    receivers.see([_SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(60), ControlChange(64, 0)])]


def test_a_note_that_a_killed_process_sent_to_a_receiver_it_had_not_seen_is_ended(tmp_path: Path):
    killed, paid = Receivers(tmp_path / "duo"), Paid()
    killed.see([_OTHER], paid)
    send(killed, NoteOn(62, 80))
    killed.see([_OTHER], paid)
    send(killed, NoteOn(60, 80))

    receivers = Receivers(tmp_path / "duo")
    receivers.see([_OTHER], paid)
    receivers.see([_OTHER, _SYNTH], paid)

    assert paid.all == [(_OTHER, [NoteOff(60), NoteOff(62)]), (_SYNTH, [NoteOff(60)])]


def test_a_note_that_began_again_before_its_receiver_was_seen_gets_both_ends(tmp_path: Path):
    killed, paid = Receivers(tmp_path / "duo"), Paid()
    killed.see([_SYNTH], paid)
    send(killed, NoteOn(60, 80), NoteOn(62, 80), ControlChange(64, 127))

    receivers = Receivers(tmp_path / "duo")
    send(receivers, NoteOn(60, 80))  # it is connected, and not seen yet
    receivers.see([_SYNTH], paid)
    receivers.see([_SYNTH], paid)
    send(receivers, NoteOff(60))
    receivers.see([_SYNTH], paid)
    receivers.see([_SYNTH], paid)

    assert paid.all == [(_SYNTH, [NoteOff(62), ControlChange(64, 0)]), (_SYNTH, [NoteOff(60)])]
