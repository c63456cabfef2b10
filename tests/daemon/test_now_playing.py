"""What is said of the moment."""

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.daemon.now_playing import NowPlaying, Scene
from livegen.events import PERCUSSION, NoteOff, NoteOn, Timed
from livegen.ipc.messages import TurnChanged
from livegen.music.metre import KeyChange, Metre
from livegen.music.transport import TransportState
from livegen.settings import Settings, load

BEAT_NS = NS_PER_S // 2
NOW_NS = 100 * NS_PER_S


def now_playing(settings: Settings | None = None, transport: TransportState | None = None) -> NowPlaying:
    now = NowPlaying()
    now.poll(settings or Settings(), transport, "")
    return now


def test_before_anything_is_known_it_waits() -> None:
    assert NowPlaying().scene(NOW_NS) == Scene("loads the model")
    assert now_playing().scene(NOW_NS) == Scene("your turn")


def test_what_is_missing_goes_before_whose_turn_it_is() -> None:
    now = NowPlaying()
    now.poll(Settings(), None, "waits for a keyboard")
    now.take(TurnChanged("playing"))

    assert now.scene(NOW_NS).who == "waits for a keyboard"


def test_what_sounds_goes_before_what_is_missing() -> None:
    now = NowPlaying()
    now.poll(Settings(), None, "waits for a keyboard")
    now.take(TurnChanged("playing"))
    now.observe("machine", Timed(NOW_NS, NoteOn(60)))

    assert now.scene(NOW_NS).who == "livegen plays"


def test_a_turn_in_words() -> None:
    now = now_playing()
    now.take(TurnChanged("listening"))
    now.observe("player", Timed(NOW_NS, NoteOn(60)))
    words = [now.scene(NOW_NS + 5 * NS_PER_S).who]
    now.observe("player", Timed(NOW_NS, NoteOff(60)))
    words += [now.scene(NOW_NS + 500 * NS_PER_MS).who, now.scene(NOW_NS + 700 * NS_PER_MS).who]
    now.take(TurnChanged("playing"))
    words.append(now.scene(NOW_NS + NS_PER_S).who)
    now.take(TurnChanged("together"))
    words += [now.scene(NOW_NS).who, now.scene(NOW_NS + NS_PER_S).who]

    assert words == [
        "you play",
        "you play",
        "livegen listens",
        "livegen plays",
        "you and livegen",
        "livegen waits for you",
    ]


def test_bar_and_beat_are_counted_while_music_plays() -> None:
    now = now_playing()
    now.take(Metre(NOW_NS, 0, BEAT_NS, 3))
    assert now.scene(NOW_NS) == Scene("your turn", tempo_bpm=120)

    now.take(TurnChanged("playing"))
    places = [now.scene(NOW_NS + beats * BEAT_NS) for beats in (-1, 0, 2, 3)]

    assert [(place.bar, place.beat) for place in places] == [(0, 0), (1, 1), (1, 3), (2, 1)]


def test_a_clock_counts_although_nobody_plays() -> None:
    now = now_playing(load(None, {"time": {"beats_per_bar": 3}}), TransportState(True, 0, NOW_NS, BEAT_NS))  # noqa: FBT003 (as a clock gives it)
    now.take(Metre(NOW_NS, 0, BEAT_NS // 2, 4))

    assert now.scene(NOW_NS + 4 * BEAT_NS) == Scene("your turn", bar=2, beat=2, tempo_bpm=120)


def test_a_key_that_is_set_is_shown_and_spells_the_chords() -> None:
    now = now_playing(load(None, {"play": {"key": "F# minor"}}))
    now.take(KeyChange(NOW_NS, 3, is_minor=False))
    for pitch in (56, 59, 62):
        now.observe("machine", Timed(NOW_NS, NoteOn(pitch)))

    scene = now.scene(NOW_NS)

    assert (scene.key, scene.chord) == ("F# minor", "G#dim")


def test_the_chord_is_of_all_notes_but_drums() -> None:
    now = now_playing()
    now.observe("player", Timed(NOW_NS, NoteOn(72)))
    for pitch in (64, 67):
        now.observe("machine", Timed(NOW_NS, NoteOn(pitch)))
    now.observe("player", Timed(NOW_NS, NoteOn(38, 80, PERCUSSION)))
    assert now.scene(NOW_NS).chord == "C/E"

    now.observe("machine", Timed(NOW_NS, NoteOff(64)))
    assert now.scene(NOW_NS).chord == ""


def test_the_key_is_spelled_as_musicians_do() -> None:
    now = now_playing()
    now.take(KeyChange(NOW_NS, 1, is_minor=True))
    assert now.scene(NOW_NS).key == "C# minor"
    now.take(KeyChange(NOW_NS, 1, is_minor=False))
    assert now.scene(NOW_NS).key == "Db major"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "livegen plays | bar 12, beat 3 | 96 bpm | G major | D7"),
        (53, "livegen plays | bar 12, beat 3 | 96 bpm | D7"),
        (40, "livegen plays | bar 12, beat 3 | D7"),
        (33, "livegen plays | bar 12, beat 3"),
        (20, "livegen plays"),
        (7, "livegen"),
    ],
)
def test_what_matters_least_is_left_out_first(columns: int, line: str) -> None:
    assert Scene("livegen plays", 12, 3, 96, "G major", "D7").text(columns) == line
    assert len(line) <= columns
