"""The ledger of sounding notes, and what it remembers of a process that was killed."""

import os
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, integers

from livegen.errors import RunningError
from livegen.events import PEDALS, ControlChange, NoteOff, NoteOn, PitchBend
from livegen.midi_out.ledger import blank_ledger, keep_ledger, ledger_folder, open_ledger

SOUNDING = 16  # where the counts begin, after the header
CONTROLS = 5  # that last: four pedals and the bend


def test_a_note_sounds_from_before_its_note_on_until_after_its_note_off():
    ledger = blank_ledger()

    ledger.leaves(NoteOn(60, 80, 2))
    ledger.has_left(NoteOn(60, 80, 2))
    ledger.leaves(NoteOff(60, 2))
    before = ledger.sounding()
    ledger.has_left(NoteOff(60, 2))

    assert before == (NoteOff(60, 2),)
    assert ledger.sounding() == ()


def test_each_note_on_has_its_own_note_off():
    ledger = blank_ledger()
    for event in (NoteOn(60), NoteOn(60), NoteOn(64, 1, 9)):
        ledger.leaves(event)

    assert ledger.sounding() == (NoteOff(60), NoteOff(60), NoteOff(64, 9))


def test_endings_are_every_note_off_and_then_the_controls_on_the_channels_in_use():
    ledger = blank_ledger()
    for event in (NoteOn(60), NoteOn(64, 1, 9), ControlChange(64, 127, 3)):
        ledger.leaves(event)

    controls = [ControlChange(number, 0, channel) for channel in (0, 3, 9) for number in (64, 123, 120)]
    assert ledger.note_offs() == (NoteOff(60), NoteOff(64, 9), *controls)


def test_a_stray_note_off_changes_nothing():
    ledger = blank_ledger()

    ledger.has_left(NoteOff(60))

    assert ledger.note_offs() == ()


def test_a_pedal_is_down_until_it_is_lifted():
    ledger = blank_ledger()

    ledger.leaves(ControlChange(64, 64, 1))
    down = ledger.held()
    ledger.has_left(ControlChange(64, 0, 1))

    assert (down, ledger.held()) == ((ControlChange(64, 0, 1),), ())


def test_what_a_killed_process_left_sounding_is_pending_in_the_next(tmp_path: Path):
    script = """
import os, sys
from pathlib import Path
from livegen.events import ControlChange, NoteOn
from livegen.midi_out.ledger import open_ledger
with open_ledger("duo", Path(sys.argv[1])) as ledger:
    for event in (NoteOn(60), NoteOn(60), NoteOn(64, 1, 9), ControlChange(64, 127, 3)):
        ledger.leaves(event)
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    with open_ledger("duo", tmp_path) as ledger:
        pending_offs = ledger.pending_offs()
        sounding = ledger.sounding()
        ledger.clear_pending()
    with open_ledger("duo", tmp_path) as ledger:
        pending_after = ledger.pending_offs()

    assert pending_offs == (NoteOff(60), NoteOff(60), NoteOff(64, 9), ControlChange(64, 0, 3))
    assert (sounding, pending_after) == ((), ())


def test_what_is_pending_outlives_another_kill(tmp_path: Path):
    for _ in range(2):
        with open_ledger("duo", tmp_path) as ledger:
            ledger.leaves(NoteOn(60))

    with open_ledger("duo", tmp_path) as ledger:
        assert ledger.pending_offs() == (NoteOff(60),)


def test_a_pending_note_that_sounds_anew_is_left_alone():
    ledger = blank_ledger()
    ledger.leaves(NoteOn(60))
    ledger.leaves(NoteOn(62))
    ledger.mark_pending_off()

    ledger.leaves(NoteOn(60))

    assert ledger.pending_offs() == (NoteOff(62),)


def test_a_pending_pedal_that_is_pressed_anew_is_left_alone_and_pending_again_when_it_is_up():
    ledger = blank_ledger()
    up = ControlChange(64, 0, 1)
    ledger.leaves(ControlChange(64, 127, 1))
    ledger.mark_pending_off()
    pending_offs = [ledger.pending_offs()]
    ledger.leaves(ControlChange(64, 127, 1))
    pending_offs.append(ledger.pending_offs())
    ledger.has_left(up)
    pending_offs.append(ledger.pending_offs())
    ledger.clear_pending()

    assert (*pending_offs, ledger.pending_offs()) == ((up,), (), (up,), ())


def test_a_second_process_is_refused_in_one_line_that_names_the_first(tmp_path: Path):
    complaint = (
        rf"livegen is already running as 'duo' \(process {os.getpid()}\); "
        r"stop it, or give this one another name: --name duo-2"
    )

    with (
        open_ledger("duo", tmp_path),
        pytest.raises(RunningError, match=complaint),
        open_ledger("duo", tmp_path),
    ):
        pass


def test_another_name_is_another_ledger(tmp_path: Path):
    with open_ledger("duo", tmp_path) as first, open_ledger("duo-2", tmp_path) as second:
        first.leaves(NoteOn(60))

        assert second.sounding() == ()


def test_a_file_that_is_no_ledger_is_begun_anew(tmp_path: Path):
    (tmp_path / "duo.ledger").write_bytes(b"\x01" * 10_000)

    with open_ledger("duo", tmp_path) as ledger:
        assert ledger.pending_offs() == ()


def test_a_note_or_two_that_nobody_began_are_simply_ended(tmp_path: Path):
    flip(tmp_path, {SOUNDING + 5 * 128 + 60: 0x41})

    with open_ledger("duo", tmp_path) as ledger:
        assert ledger.pending_offs() == (NoteOff(60, 5),) * 0x41


def test_a_ledger_whose_bits_were_flipped_everywhere_owes_each_channel_its_silence_once(tmp_path: Path):
    flip(tmp_path, dict.fromkeys(range(SOUNDING, SOUNDING + 2 * 2048 + CONTROLS * 16), 0xFF))

    with open_ledger("duo", tmp_path) as ledger:
        pending_offs = ledger.pending_offs()
        ledger.clear_pending()
        after = ledger.pending_offs()

    silences = [ControlChange(number, 0, channel) for channel in range(16) for number in (64, 123, 120)]
    pedals = [ControlChange(number, 0, channel) for number in (66, 67, 69) for channel in range(16)]
    assert pending_offs == (*silences, *(PitchBend(0, channel) for channel in range(16)), *pedals)
    assert after == ()


def test_a_bend_is_centred_like_a_pedal_is_lifted(tmp_path: Path):
    with open_ledger("duo", tmp_path) as ledger:
        for event in (PitchBend(3000, 2), PitchBend(-10, 2), ControlChange(64, 127, 1), NoteOn(60, 80, 1)):
            ledger.leaves(event)
            ledger.has_left(event)
        held, note_offs = ledger.held(), ledger.note_offs()
    with open_ledger("duo", tmp_path) as ledger:
        pending_offs = ledger.pending_offs()
        ledger.leaves(PitchBend(5, 2))
        bent_anew = ledger.pending_offs()

    silences = [ControlChange(number, 0, channel) for channel in (1, 2) for number in (64, 123, 120)]
    assert held == (ControlChange(64, 0, 1), PitchBend(0, 2))
    assert note_offs == (NoteOff(60, 1), *silences, PitchBend(0, 2))
    assert pending_offs == (NoteOff(60, 1), ControlChange(64, 0, 1), PitchBend(0, 2))
    assert bent_anew == (NoteOff(60, 1), ControlChange(64, 0, 1))


@pytest.mark.parametrize("controls", range(1, CONTROLS))
def test_a_ledger_of_an_earlier_livegen_is_read(tmp_path: Path, controls: int):
    """It had cells for fewer controls: a header, notes, controls, what was unconfirmed, and a copy of the first two."""
    notes, held = bytearray(2 * 2048), bytearray(controls * 16)
    notes[3 * 128 + 60], held[3] = 2, 1
    unconfirmed = bytearray(2048 + controls * 16)
    unconfirmed[5] = unconfirmed[2048 + 7] = 1
    earlier = struct.pack("<8sq", b"livegen1", 1) + notes + held + unconfirmed + notes + held
    (tmp_path / "duo.ledger").write_bytes(earlier)

    with open_ledger("duo", tmp_path) as ledger:
        pending_offs = ledger.pending_offs()

    pedals_up = (ControlChange(64, 0, 3), ControlChange(64, 0, 7))
    assert pending_offs == (NoteOff(5, 0), NoteOff(60, 3), NoteOff(60, 3), *pedals_up)


def test_a_pedal_that_is_neither_up_nor_down_has_its_silence_pending(tmp_path: Path):
    flip(tmp_path, {SOUNDING + 2 * 2048 + 3: 0x80})

    with open_ledger("duo", tmp_path) as ledger:
        assert ledger.pending_offs() == tuple(ControlChange(number, 0, 3) for number in (64, 123, 120))


@given(
    damage=dictionaries(integers(0, SOUNDING + 2 * 2048 + CONTROLS * 16 - 1), integers(1, 255), max_size=40),
    length=integers(0, 5000),
)
def test_whatever_was_flipped_or_cut_off_it_opens_and_owes_little(damage: dict[int, int], length: int):
    with TemporaryDirectory() as name:
        folder = Path(name)
        flip(folder, damage)
        path = folder / "duo.ledger"
        path.write_bytes(path.read_bytes()[:length])
        with open_ledger("duo", folder) as ledger:
            pending_offs = len(ledger.pending_offs())
            ledger.clear_pending()
            assert ledger.pending_offs() == ()

    assert pending_offs <= 256 + 16 * (3 + CONTROLS)


@pytest.mark.skipif(sys.platform != "linux", reason="it takes a Linux file system of its own")
def test_a_full_disk_is_said_at_the_start_and_does_not_kill_at_the_first_note(tmp_path: Path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "livegen", str(tmp_path)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    script = """
import sys
from pathlib import Path
from livegen.events import NoteOn
from livegen.midi_out.ledger import open_ledger
with open_ledger("duo", Path(sys.argv[1])) as ledger:
    ledger.leaves(NoteOn(60))
"""
    try:
        with suppress(OSError):
            (tmp_path / "full").write_bytes(bytes(20_000))
        done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)

    assert "duo.ledger: cannot keep the list of sounding notes here: No space left on device" in done.stderr


def flip(folder: Path, damage: dict[int, int]) -> None:
    """A ledger in whose file these bytes are changed: place → bits."""
    with open_ledger("duo", folder):
        pass
    path = folder / "duo.ledger"
    content = bytearray(path.read_bytes())
    for place, bits in damage.items():
        content[place] ^= bits
    path.write_bytes(content)


def test_ledgers_live_in_the_runtime_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    runtime = ledger_folder()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/ada/state")
    state = ledger_folder()

    assert (runtime, state) == (Path("/run/user/7/livegen"), Path("/home/ada/state/livegen"))


def test_where_nothing_can_be_written_notes_are_kept_in_memory_and_that_is_said_once(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    said: list[str] = []

    with keep_ledger("duo", tmp_path / "file" / "livegen", said.append) as ledger:
        ledger.leaves(NoteOn(60))
        sounding = ledger.sounding()

    assert sounding == (NoteOff(60),)
    assert len(said) == 1
    assert said[0].endswith("the list of sounding notes is kept in memory only: after a power cut, notes may hang")


def test_a_service_keeps_its_ledger_in_its_own_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/livegen:/run/other")

    assert ledger_folder() == Path("/run/livegen")


def test_a_bit_that_flips_anywhere_in_the_file_leaves_no_note_and_no_pedal_hanging(tmp_path: Path):
    path = tmp_path / "duo.ledger"
    with open_ledger("duo", tmp_path) as ledger:
        ledger.leaves(NoteOn(60))
        ledger.leaves(ControlChange(64, 127, 3))
    whole = path.read_bytes()

    lost = []
    for bit in (8 * byte + bit for byte, value in enumerate(whole) if value or byte < 32 for bit in range(8)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with open_ledger("duo", tmp_path) as ledger:
            if not {NoteOff(60), ControlChange(64, 0, 3)} <= set(ledger.pending_offs()):
                lost.append(bit)

    assert lost == []


def test_what_ended_since_the_receiver_was_last_seen_is_pending_too():
    ledger = blank_ledger()
    for event in (NoteOn(60), NoteOn(62), ControlChange(64, 127, 3)):
        ledger.leaves(event)
    ledger.has_left(NoteOff(60))
    ledger.confirm_delivery()
    ledger.confirm_delivery()
    ledger.has_left(NoteOff(62))
    ledger.has_left(ControlChange(64, 0, 3))

    ledger.mark_pending_off()

    assert ledger.pending_offs() == (NoteOff(62), ControlChange(64, 0, 3))


def test_a_note_that_begins_anew_is_first_sent_what_is_pending():
    ledger = blank_ledger()
    ledger.leaves(NoteOn(60))
    ledger.mark_pending_off()

    before = ledger.pending_before(NoteOn(60))
    ledger.leaves(NoteOn(60))

    assert (before, ledger.pending_before(NoteOn(60))) == ((NoteOff(60),), ())


@pytest.mark.parametrize("pedal", PEDALS)
def test_each_pedal_is_owed_its_end_after_a_kill(tmp_path: Path, pedal: int):
    with open_ledger("duo", tmp_path) as ledger:
        ledger.leaves(ControlChange(pedal, 127, 3))
        held, note_offs = ledger.held(), ledger.note_offs()
    with open_ledger("duo", tmp_path) as ledger:
        pending_offs = ledger.pending_offs()
        ledger.clear_pending()
        after = ledger.pending_offs()

    up = ControlChange(pedal, 0, 3)
    assert (held, pending_offs, after) == ((up,), (up,), ())
    assert note_offs.count(up) == 1
