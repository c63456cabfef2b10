"""When our own notes come back to us."""

from livegen.clock import NS_PER_MS
from livegen.events import NoteOn
from livegen.midi_in.loop_detector import LoopDetector

STEP_NS = 250 * NS_PER_MS


class Loop:
    """An answer, a note every quarter of a second, and what comes back of it."""

    def __init__(self) -> None:
        self.loop_detector = LoopDetector()
        self.now_ns = 0
        self.played = 0

    def play(self, notes: int, back_ms: float | None, velocity: int = 80, *, is_passed: bool = False) -> list[bool]:
        """Was each left out when it came back, after so long (None: nothing comes back)?"""
        left_out = []
        for _ in range(notes):
            self.now_ns += STEP_NS
            self.played += 1
            pitch = 60 + self.played % 12
            self.loop_detector.sent(NoteOn(pitch, 80), self.now_ns, is_passed=is_passed)
            if back_ms is not None:
                back_ns = self.now_ns + round(back_ms * NS_PER_MS)
                left_out.append(self.loop_detector.is_ours(NoteOn(pitch, velocity), back_ns))
        return left_out


def test_notes_that_come_back_are_left_out_from_the_fourth_on():
    assert Loop().play(6, back_ms=5) == [False, False, False, True, True, True]


def test_a_chord_that_comes_back_is_enough():
    loop_detector = LoopDetector()
    for pitch in (72, 67, 64, 48):
        loop_detector.sent(NoteOn(pitch, 80), 0)

    left_out = [loop_detector.is_ours(NoteOn(pitch, 80, 5), 20 * NS_PER_MS) for pitch in (72, 67, 64, 48)]

    assert left_out == [False, False, False, True]


def test_the_players_own_notes_are_heard_during_a_loop():
    loop = Loop()
    loop.play(6, back_ms=5)

    assert not loop.loop_detector.is_ours(NoteOn(40, 80), loop.now_ns + NS_PER_MS)
    assert not loop.loop_detector.is_ours(NoteOn(40, 81), loop.now_ns + NS_PER_MS)


def test_it_is_over_when_eight_notes_have_not_come_back():
    loop = Loop()
    loop.play(6, back_ms=5)

    loop.play(7, back_ms=None)
    loop.loop_detector.poll(loop.now_ns + STEP_NS)
    was_muting = loop.loop_detector.is_muting
    loop.play(1, back_ms=None)
    loop.loop_detector.poll(loop.now_ns + STEP_NS)

    assert (was_muting, loop.loop_detector.is_muting) == (True, False)


def test_silence_is_no_sign_that_it_is_over():
    loop = Loop()
    loop.play(6, back_ms=5)

    loop.loop_detector.poll(loop.now_ns + 1_000 * STEP_NS)

    assert loop.loop_detector.is_muting


def test_a_player_who_imitates_comes_too_late_to_be_taken_for_a_loop():
    loop = Loop()

    assert not any(loop.play(40, back_ms=150))
    assert not loop.loop_detector.is_muting


def test_a_player_who_plays_along_does_not_hit_the_velocity():
    loop = Loop()

    assert not any(loop.play(40, back_ms=20, velocity=84))


def test_a_player_who_hits_it_now_and_then_is_heard():
    loop = Loop()

    heard = [loop.play(1, back_ms=20, velocity=80 if index % 3 == 0 else 81) for index in range(30)]

    assert not any(any(left_out) for left_out in heard)


def test_a_note_passed_on_is_not_taken_for_its_own_repetition():
    loop = Loop()

    assert not any(loop.play(40, back_ms=40, is_passed=True))
    assert any(loop.play(8, back_ms=4, is_passed=True))


def test_a_keyboard_that_sends_each_note_on_two_channels_is_no_loop():
    loop_detector = LoopDetector()
    left_out = []
    for step in range(20):
        for channel in range(2):
            note = NoteOn(60 + step, 80, channel)
            left_out.append(loop_detector.is_ours(note, step * STEP_NS + channel))
            loop_detector.sent(note, step * STEP_NS + channel, is_passed=True)

    assert not any(left_out)


def test_a_note_sent_to_two_outputs_comes_back_once():
    loop_detector = LoopDetector()
    left_out = []
    for step in range(6):
        at_ns = step * STEP_NS
        for _ in range(2):
            loop_detector.sent(NoteOn(60 + step, 80), at_ns)
        left_out.append(loop_detector.is_ours(NoteOn(60 + step, 80), at_ns + 5 * NS_PER_MS))

    assert left_out == [False, False, False, True, True, True]
