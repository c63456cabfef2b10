"""Who plays when: each role on a manual clock, with the shipped models."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.chorale import ChoraleCodec
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import ROLES
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.key import Key
from livegen.music.transport import TransportState
from tests.support.hall import Hall

BEAT_NS = 500 * NS_PER_MS


@pytest.fixture(scope="module")
def bach() -> Bundle:
    return load_bundle("bach")


def harmony(bundle: Bundle, **play: object) -> Hall:
    return Hall(bundle, {"play": {"role": "harmonise", **play}, "time": {"tempo_bpm": 100}})


def test_a_note_is_answered_at_once_by_three_voices_below_it(bach: Bundle) -> None:
    hall = harmony(bach)

    hall.play(NoteOn(67, 80))

    assert len(hall.sounding) == 3
    assert max(hall.sounding) < 67
    assert {timed.at_ns for timed in hall.sent} == {hall.now_ns}


def test_the_voices_are_held_while_the_key_is_and_end_with_it(bach: Bundle) -> None:
    hall = harmony(bach)
    hall.play(NoteOn(67, 80))
    held = []
    for _ in range(100):
        hall.wait(20)
        held.append(len(hall.sounding))

    hall.play(NoteOff(67))

    assert set(held) == {3}
    assert hall.sounding == []


def test_the_voices_move_on_the_grid_while_the_key_is_held(bach: Bundle) -> None:
    hall = harmony(bach)
    begun_ns = hall.now_ns
    for _ in range(6):
        hall.note(67, 2_400, 100)

    moves = [timed.at_ns - begun_ns for timed in hall.onsets(begun_ns)]
    sixteenth_ns = 150 * NS_PER_MS
    grid = [at_ns for at_ns in moves if at_ns % (2_500 * NS_PER_MS)]
    assert grid
    assert {at_ns % sixteenth_ns for at_ns in grid} == {0}


def test_the_pedal_holds_the_voices_after_the_key(bach: Bundle) -> None:
    hall = harmony(bach)
    hall.play(ControlChange(SUSTAIN_PEDAL, 127))
    hall.note(67, 200, 300)
    held = len(hall.sounding)

    hall.play(ControlChange(SUSTAIN_PEDAL, 0))

    assert held == 3
    assert hall.sounding == []


@pytest.mark.parametrize("is_down", [True, False])
def test_a_pedal_that_stays_down_delays_the_answer_by_a_second_and_is_told(bach: Bundle, is_down: bool) -> None:  # noqa: FBT001 (a table's column)
    hall = Hall(bach, {"play": {"pause_ms": 200}, "time": {"tempo_bpm": 120}})
    hall.play(ControlChange(SUSTAIN_PEDAL, 127 if is_down else 0))
    for pitch in (67, 69, 71, 67):
        hall.note(pitch, 450, 50)
    ended_ns = hall.now_ns
    hall.wait_for_onset()

    told = [notice for notice in hall.notices if notice.startswith("the pedal is still down: ")]
    assert len(told) == is_down
    assert (hall.now_ns - ended_ns > 900 * NS_PER_MS) == is_down
    assert hall.now_ns - ended_ns < 1_700 * NS_PER_MS  # a second, and up to a beat


@pytest.mark.parametrize("gap_ms", [-40, 0, 30, 200])
def test_a_melody_is_harmonised_note_by_note_and_nothing_hangs(bach: Bundle, gap_ms: int) -> None:
    hall = harmony(bach)
    melody = (67, 69, 71, 72, 74, 72, 71, 69, 67, 66, 67, 62)
    voices = []
    for before, pitch in zip((None, *melody), melody, strict=False):
        hall.play(NoteOn(pitch, 80))
        voices.append(len(set(hall.sounding) - {pitch}))  # one that takes over the melody's key sounds on
        if before is not None and gap_ms < 0:
            hall.wait(-gap_ms)
            hall.play(NoteOff(before))
        hall.wait(220)
        if gap_ms >= 0:
            hall.play(NoteOff(pitch))
            hall.wait(gap_ms)
    hall.play(NoteOff(melody[-1]))
    hall.wait(3_000)

    assert voices == [3] * len(melody)
    assert hall.sounding == []


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
@pytest.mark.parametrize("tonic", [2, 8])
def test_the_voices_go_over_to_the_player_s_key(bach: Bundle, role: str, tonic: int) -> None:
    hall = Hall(bach, {"play": {"role": role}, "time": {"tempo_bpm": 120}})
    melody = [60 + tonic + step for step in (0, 2, 4, 5, 7, 5, 4, 2, 0, 4, 7, 4, 5, 7, 9, 7, 5, 4, 2, 0)]
    for pitch in melody[:10]:
        hall.note(pitch, 450, 50)
    settled_ns = hall.now_ns
    for pitch in melody * 2:
        hall.note(pitch, 450, 50)

    within = [pitch % 12 in Key(tonic).scale for pitch in hall.pitches(settled_ns)]
    assert sum(within) / len(within) >= 0.85


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
@pytest.mark.parametrize("tonic", range(12))
def test_the_key_is_heard_from_the_third_note_while_it_is_held(bach: Bundle, role: str, tonic: int) -> None:
    hall = Hall(bach, {"play": {"role": role}, "time": {"tempo_bpm": 120}})
    for pitch in (60 + tonic, 64 + tonic):
        hall.note(pitch, 450, 50)
    hall.play(NoteOn(67 + tonic, 80))
    hall.wait(50)

    assert hall.engine.key in (Key(tonic), Key((tonic + 7) % 12), Key((tonic + 5) % 12))  # as near as a fifth


def test_a_key_that_is_set_is_kept(bach: Bundle) -> None:
    hall = harmony(bach, key="Eb")
    for pitch in (60, 64, 67, 66, 69):
        hall.note(pitch, 200, 50)

    assert hall.engine.key == Key(3)


CHORDS = ((48, 52, 55, 60, 64, 67), (43, 50, 59, 62, 67, 71), (36, 48, 55, 64, 67, 72), (48, 55, 64, 72), (28, 40, 64))


@pytest.mark.parametrize("spread_ms", [0, 10])
@pytest.mark.parametrize("keys", CHORDS)
def test_a_chord_of_two_hands_is_answered_beside_the_hands_as_long_as_it_is_held(
    bach: Bundle, keys: tuple[int, ...], spread_ms: int
) -> None:
    hall = harmony(bach)
    for key in keys:
        hall.play(NoteOn(key, 80))
        hall.wait(spread_ms)
    ours = [set(hall.sounding) - set(keys)]
    for _ in range(80):
        hall.wait(50)
        ours.append(set(hall.sounding) - set(keys))
    for key in keys:
        hall.play(NoteOff(key))

    assert all(ours)
    assert hall.sounding == []


def test_what_is_added_to_a_full_chord_is_its_bass_an_octave_lower_struck_with_it(bach: Bundle) -> None:
    hall, keys = harmony(bach), (48, 55, 60, 64, 67)
    for _ in range(2):
        for key in keys:
            hall.play(NoteOn(key, 80))
        struck = hall.onsets()[-1].event
        hall.wait(1_000)
        for key in keys:
            hall.play(NoteOff(key))
        hall.wait(500)
        assert struck == NoteOn(36, 80)


def test_a_chord_as_low_as_the_keyboard_goes_has_its_top_doubled(bach: Bundle) -> None:
    hall = harmony(bach)
    for key in (33, 40, 45, 49, 52):
        hall.play(NoteOn(key, 80))

    assert hall.sounding == [64]


def test_what_is_added_keeps_to_the_limits(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "harmonise", "key": "C"}, "limits": {"scale_lock": True, "highest": 70}})
    for key in (61, 64, 65, 66, 68):
        hall.play(NoteOn(key, 80))

    assert hall.sounding == []


LOW = (48, 55, 52, 55)


def two_hands(hall: Hall, melody: tuple[int, ...]) -> list[tuple[int, set[int], set[int]]]:
    """A melody over broken chords: at each note of these the melody's key, the keys that are down, and our pitches."""
    found = []
    for top in melody:
        hall.play(NoteOn(top, 90))
        for low in LOW:
            hall.play(NoteOn(low, 50))
            hall.wait(100)
            found.append((top, {top, low}, set(hall.sounding)))
            hall.wait(40)
            hall.play(NoteOff(low))
            hall.wait(10)
        hall.play(NoteOff(top))
    return found


def test_the_melody_over_a_left_hand_stays_on_top_and_its_accompaniment_gets_voices(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "harmonise"}, "time": {"tempo_bpm": 100}})
    heard: list[frozenset[int]] = []
    asked = ChoraleCodec.given

    def watched(self, cursor, notes, *, is_top):  # type: ignore[no-untyped-def]
        heard.append(frozenset(pitch for pitch, _ in notes))
        return asked(self, cursor, notes, is_top=is_top)

    with patch.object(ChoraleCodec, "given", watched):
        found = two_hands(hall, (67, 69, 71, 72, 71, 69, 67))
    hall.wait(500)

    assert all(max(ours) < top for top, _, ours in found if ours)
    assert all(ours - keys for _, keys, ours in found)
    assert hall.sounding == []
    given_together = [notes for notes in heard if len(notes) == 2]
    assert len(given_together) > len(found)


def test_a_left_hand_does_not_move_the_register_of_the_harmony(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "harmonise", "key": "C"}, "time": {"tempo_bpm": 100}})
    plain = Hall(bach, {"play": {"role": "harmonise", "key": "C"}, "time": {"tempo_bpm": 100}})
    melody = (67, 69, 71, 72, 71, 69, 67)
    two_hands(hall, melody)
    for pitch in melody:
        plain.note(pitch, 600)

    assert abs(sum(hall.pitches()) / len(hall.pitches()) - sum(plain.pitches()) / len(plain.pitches())) < 6


def test_a_bass_that_goes_on_alone_has_its_harmony_above_it(bach: Bundle) -> None:
    hall = harmony(bach)
    hall.play(NoteOn(72, 80))
    hall.wait(300)
    hall.play(NoteOn(48, 80))
    hall.wait(300)
    hall.play(NoteOff(72))
    hall.play(NoteOn(43, 80))

    assert max(hall.sounding) > 48


def test_the_voices_can_be_moved_by_octaves_and_the_melody_is_not_doubled(bach: Bundle) -> None:
    hall = harmony(bach, octaves=-1)

    hall.play(NoteOn(67, 80))

    assert len(hall.sounding) == 3
    assert max(hall.sounding) < 55


def test_a_note_beyond_the_model_s_range_is_harmonised_by_three_voices(bach: Bundle) -> None:
    hall = harmony(bach)

    hall.play(NoteOn(107, 80))

    assert len(hall.sounding) == 3


def test_the_same_seed_harmonises_the_same_whatever_was_foreseen_meanwhile(bach: Bundle) -> None:
    slow, quick = harmony(bach), harmony(bach)
    for hall, step_ms in ((slow, 5.0), (quick, 120.0)):
        for pitch in (67, 69, 71, 69):
            hall.play(NoteOn(pitch, 80))
            for _ in range(round(120 / step_ms)):
                hall.step(round(step_ms * NS_PER_MS))
            hall.play(NoteOff(pitch))
            hall.step(20 * NS_PER_MS)

    assert slow.pitches() == quick.pitches()


def test_nothing_hangs_at_whatever_moment_between_two_frames_the_accompaniment_stops(
    bach: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for later_ms in range(0, 500, 10):  # three frames and more
        patient = replace(ROLES["accompany"], patience_ns=1_000 * NS_PER_MS + later_ms * NS_PER_MS)
        monkeypatch.setitem(ROLES, "accompany", patient)
        hall = Hall(bach, {"play": {"role": "accompany"}, "time": {"tempo_bpm": 120}})
        hall.note(67, 250, 1_800)

        assert hall.sounding == [], later_ms


@pytest.mark.parametrize("seed", range(3))
def test_accompanying_goes_on_while_the_player_plays_and_stops_when_he_has_stopped(bach: Bundle, seed: int) -> None:
    hall = Hall(bach, {"play": {"role": "accompany", "seed": seed}, "time": {"tempo_bpm": 113 + seed}})
    begun_ns = hall.now_ns
    for pitch in (67, 69, 71, 67, 72, 71, 69, 67):
        hall.note(pitch, 450, 50)
    played = hall.onsets(begun_ns)
    hall.wait(6_000)
    stopped_ns = hall.now_ns
    hall.wait(3_000)

    beats = {(timed.at_ns - begun_ns) // BEAT_NS for timed in played}
    assert len(beats) >= 5
    assert hall.sounding == []
    assert hall.onsets(stopped_ns) == []


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
def test_after_the_player_has_stopped_nothing_is_due_until_he_plays_again(bach: Bundle, role: str) -> None:
    hall = Hall(bach, {"play": {"role": role}, "time": {"tempo_bpm": 100}})
    hall.note(67, 450, 50)
    due_beside_ns = hall.engine.imagine(hall.now_ns).due_ns
    hall.wait(40_000)
    due_ns = hall.engine.imagine(hall.now_ns).due_ns
    again_ns = hall.now_ns
    hall.note(69, 450, 50)

    assert due_beside_ns is not None
    assert due_ns is None
    assert hall.onsets(again_ns - 1) != []


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
def test_what_should_have_sounded_long_ago_is_not_written_any_more(bach: Bundle, role: str) -> None:
    """An engine that takes over is told of a key that has been down for ten minutes."""
    hall = Hall(bach, {"play": {"role": role}, "time": {"tempo_bpm": 100}})
    hall.engine.hear(Timed(hall.now_ns, NoteOn(67, 80)))
    hall.now_ns += 600 * NS_PER_S

    with patch.object(
        TokenStream, "harmonise_frame", autospec=True, side_effect=TokenStream.harmonise_frame
    ) as written:
        hall.step()
    hall.wait(1_000)

    assert 0 < written.call_count <= 8  # a sixteenth lasts 150 ms
    assert 3 <= len(hall.sounding) <= 4
    hall.play(NoteOff(67))
    hall.wait(40_000)
    assert hall.sounding == []


def test_what_the_player_plays_is_written_into_the_state(bach: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[tuple[int, bool], ...]] = []
    asked = ChoraleCodec.given

    def watched(self, cursor, notes, *, is_top):  # type: ignore[no-untyped-def]
        given.append(notes)
        return asked(self, cursor, notes, is_top=is_top)

    monkeypatch.setattr(ChoraleCodec, "given", watched)
    hall = Hall(bach, {"play": {"role": "accompany", "key": "C"}, "time": {"tempo_bpm": 120}})
    hall.note(67, 450, 50)
    hall.note(72, 450, 50)

    struck = {pitch for notes in given for pitch, tied in notes if not tied}
    assert struck == {67, 72}


@pytest.mark.parametrize("role", ["accompany", "harmonise"])
def test_a_model_of_single_notes_says_so_and_responds(role: str) -> None:
    hall = Hall(load_bundle("elise-gru"), {"play": {"role": role}})
    for pitch in (67, 69, 71, 67):
        hall.note(pitch, 200, 20)
    hall.wait_for_onset()

    assert any("cannot " + role in notice and "playing 'respond' instead" in notice for notice in hall.notices)


@pytest.mark.parametrize("after", ["respond", "harmonise", "accompany", "solo"])
@pytest.mark.parametrize("before", ["respond", "harmonise", "accompany", "solo"])
def test_roles_change_while_playing_and_nothing_hangs(bach: Bundle, before: str, after: str) -> None:
    hall = Hall(bach, {"play": {"role": before, "pause_ms": 200}, "time": {"tempo_bpm": 120}})
    for pitch in (67, 69, 71, 67):
        hall.note(pitch, 200, 20)
    hall.wait(700)

    hall.change(play={"role": after})
    for pitch in (67, 69, 71, 67):
        hall.note(pitch, 200, 20)
    hall.wait(1_500)
    silence = hall.engine.silence(hall.now_ns)
    hall.scheduler.retract(silence.retract_ns or hall.now_ns, hall.now_ns, hall.ledger.sounding(), silence.kept)
    hall.wait(3_000)

    assert hall.onsets()
    assert hall.sounding == []


def test_from_an_answer_to_a_solo_there_is_no_gap(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"pause_ms": 200}, "time": {"tempo_bpm": 120}})
    for pitch in (67, 69, 71, 67):
        hall.note(pitch, 450, 50)
    hall.wait_for_onset()
    hall.wait(600)
    changed_ns, sounding = hall.now_ns, hall.sounding

    hall.change(play={"role": "solo"})
    still_sounding = hall.sounding
    hall.wait(8_000)

    assert sounding
    assert still_sounding == sounding
    assert hall.onsets(changed_ns)[0].at_ns < changed_ns + NS_PER_S
    assert hall.onsets(changed_ns + 6 * NS_PER_S)


def test_the_left_hand_says_what_may_sound(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "solo"}, "limits": {"left_hand": "chord"}})
    hall.wait(2_000)
    for pitch in (48, 52, 55):
        hall.play(NoteOn(pitch, 80), is_left_hand=True)
    changed_ns = hall.now_ns
    hall.wait(20_000)

    settled_ns = changed_ns + NS_PER_S
    assert {pitch % 12 for pitch in hall.pitches(settled_ns)} == {0, 4, 7}
    assert len(hall.onsets(settled_ns)) > 10


@pytest.mark.parametrize("model", ["bach", "elise-gru", "folk-char", "piano-lstm"])
def test_limits_hold_for_every_model(model: str) -> None:
    limits = {"lowest": 55, "highest": 79, "most_voices": 2, "scale_lock": True}
    hall = Hall(load_bundle(model), {"play": {"role": "solo", "key": "G"}, "limits": limits})
    most = 0
    for _ in range(600):
        hall.wait(50)
        most = max(most, len(hall.sounding))

    assert len(hall.pitches()) > 20
    assert min(hall.pitches()) >= 55
    assert max(hall.pitches()) <= 79
    assert most <= 2
    assert {pitch % 12 for pitch in hall.pitches()} <= Key(7).scale


def transport(
    tick: int, at_ns: int, *, is_running: bool = True, discontinuities: int = 1, beat_ns: int = BEAT_NS
) -> TransportState:
    return TransportState(is_running, tick, at_ns, beat_ns, discontinuities)


def test_under_a_clock_notes_stand_on_its_sixteenths_and_move_with_its_tempo(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "solo"}})
    first = transport(0, hall.now_ns + 7 * NS_PER_MS)
    hall.engine.follow(first, hall.now_ns)
    hall.wait(4_000)
    changed_ns = hall.now_ns
    second = transport(first.tick_at(changed_ns), changed_ns, beat_ns=BEAT_NS * 4 // 5)
    hall.engine.follow(second, hall.now_ns)
    hall.wait(4_000)

    def phase_ns(onset: Timed, beat: TransportState) -> int:
        return abs(onset.at_ns - beat.ns_at((beat.tick_at(onset.at_ns) + 120) // 240 * 240))

    before = [timed for timed in hall.onsets() if timed.at_ns < changed_ns]
    committed_ns = changed_ns + hall.settings.play.commit_ms * NS_PER_MS
    assert max(phase_ns(timed, first) for timed in before) < 2_000
    assert max(phase_ns(timed, second) for timed in hall.onsets(committed_ns)) < 600_000
    assert len(hall.onsets(committed_ns)) > 5


def test_a_clock_that_stops_silences_and_one_that_goes_on_resumes(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "solo"}})
    hall.engine.follow(transport(0, hall.now_ns), hall.now_ns)
    hall.wait(4_000)
    stopped_ns = hall.now_ns
    hall.engine.follow(transport(7_680, stopped_ns, is_running=False), stopped_ns)
    hall.wait(3_000)
    is_silent = hall.sounding == [] and hall.onsets(stopped_ns) == []
    resumed_ns = hall.now_ns
    hall.engine.follow(transport(7_680, resumed_ns, discontinuities=2), resumed_ns)
    hall.wait(3_000)

    assert is_silent
    assert hall.onsets(resumed_ns)
    offsets = [(timed.at_ns - resumed_ns) % (BEAT_NS // 4) for timed in hall.onsets(resumed_ns)]
    assert max(min(offset, BEAT_NS // 4 - offset) for offset in offsets) < 2_000


@pytest.mark.parametrize(("begin_on", "grid"), [("beat", 960), ("bar", 3_840)])
def test_an_answer_begins_on_the_beat_or_the_bar_of_the_clock(bach: Bundle, begin_on: str, grid: int) -> None:
    hall = Hall(bach, {"play": {"pause_ms": 200}, "time": {"begin_on": begin_on}})
    beat = transport(0, hall.now_ns + 30 * NS_PER_MS)
    hall.engine.follow(beat, hall.now_ns)
    hall.wait(530)
    for pitch in (67, 69, 71):
        hall.note(pitch, 450, 50)
    hall.wait_for_onset()

    tick = beat.tick_at(hall.onsets()[0].at_ns)
    assert min(tick % grid, grid - tick % grid) <= 1


def test_the_plan_that_has_not_sounded_can_be_asked_for(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "solo", "horizon_ms": 2_000}})
    hall.wait(3_000)

    pending = hall.engine.pending()

    assert pending
    assert all(hall.now_ns < timed.at_ns <= hall.now_ns + 2_300 * NS_PER_MS for timed in pending)


def test_music_is_handed_over_earlier_by_as_much_as_the_earliest_output_needs(bach: Bundle) -> None:
    plain, early = (
        Hall(bach, {"play": {"role": "solo"}, "ports": {"outputs": outputs}})
        for outputs in ([], [{"name": "Slow", "offset_ms": -300}])
    )
    latest = []
    for hall in (plain, early):
        ahead = [0]
        for _ in range(300):
            hall.step()
            ahead += [timed.at_ns - hall.now_ns for timed in hall.planned]
        latest.append(max(ahead))

    assert 250 * NS_PER_MS < latest[1] - latest[0] < 350 * NS_PER_MS
