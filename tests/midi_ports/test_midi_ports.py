"""The ports in memory."""

from livegen.clock import now_ns
from livegen.events import NoteOn, Timed
from livegen.midi_in.port import MemoryInput
from livegen.midi_out.port import MemoryOutput


def test_what_is_played_at_a_memory_input_is_heard_with_its_moment():
    heard: list[Timed] = []
    port = MemoryInput()
    before_ns = now_ns()

    port.play(NoteOn(60))  # nobody hears this one
    port.open(heard.append)
    port.play(NoteOn(62))

    assert [timed.event for timed in heard] == [NoteOn(62)]
    assert before_ns <= heard[0].at_ns <= now_ns()


def test_a_memory_output_keeps_what_it_is_sent():
    port = MemoryOutput()

    port.send(b"\x90\x3c\x50")
    port.send(b"\xd0\x40")  # no event: pressure of the whole channel

    assert [timed.event for timed in port.sent] == [NoteOn(60, 80)]
