"""Reading music: its events and its notes, whatever the codec."""

from export.measures.music import Event, Music, Reader, excerpts, read, without_opening
from livegen.codecs.chorale import FRAME_TICKS, ChoraleCodec
from livegen.codecs.notes import NotesCodec
from livegen.events import Note


def test_event_of_a_chorale_is_a_frame() -> None:
    codec = ChoraleCodec()
    notes = [Note(0, 67, 2 * FRAME_TICKS), Note(0, 48, FRAME_TICKS)]
    start, *frames, end = [(token,) for token in codec.encode(notes)]

    music = read(codec, codec.encode(notes))

    assert music.events == (
        Event(start, 0, (), (), is_end=False),
        Event(tuple(token for (token,) in frames[:3]), FRAME_TICKS, (48, 67), (48, 67), is_end=False),
        Event(tuple(token for (token,) in frames[3:]), FRAME_TICKS, (), (67,), is_end=False),
        Event(end, 0, (), (), is_end=True),
    )


def test_notes_of_a_piece_are_those_that_its_codec_decodes() -> None:
    codec = ChoraleCodec()
    notes = [Note(0, 67, 2 * FRAME_TICKS), Note(0, 48, FRAME_TICKS), Note(FRAME_TICKS, 50, FRAME_TICKS)]

    music = read(codec, codec.encode(notes))

    assert sorted((note.onset, note.pitch, note.duration) for note in music.notes) == [
        (note.onset, note.pitch, note.duration) for note in sorted(notes)
    ]


def test_note_that_was_struck_before_a_take_is_left_out_after_it() -> None:
    codec = ChoraleCodec()
    reader = Reader(codec)
    tokens = codec.encode([Note(0, 67, 2 * FRAME_TICKS), Note(2 * FRAME_TICKS, 69, FRAME_TICKS)])
    for token in tokens[:3]:
        reader.hear(token)

    reader.take()
    for token in tokens[3:]:
        reader.hear(token)

    assert [note.pitch for note in reader.take().notes] == [69]


def test_piece_is_cut_into_stretches_and_a_short_one_is_a_stretch() -> None:
    codec = NotesCodec()
    events = read(codec, codec.encode([Note(960 * place, 60 + place, 960) for place in range(6)])).events

    assert excerpts(Music(events, ()), 3) == [events[:4], events[4:7]]
    assert excerpts(Music(events, ()), 100) == [events]


def test_opening_is_counted_without_marks() -> None:
    codec = NotesCodec()
    events = read(codec, codec.encode([Note(960 * place, 60 + place, 960) for place in range(3)])).events

    assert without_opening(events, 2) == events[3:]
    assert without_opening(events, 9) == ()
