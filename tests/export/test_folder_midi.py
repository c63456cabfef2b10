"""A folder's MIDI files, odd ones among them: read whole, or named and skipped."""

from pathlib import Path

import pytest

from export import corpora
from export.corpora import folder, piano
from livegen.errors import MidiFileError
from tests.support.midi_bytes import END, TUNE, at, header, track, tune, write

READ = {  # the count of notes; None: refused
    "struck four times and let go once": (
        (header(), track(*(at(480, 0x90, pitch, 80) * 4 + at(480, 0x80, pitch, 0) for pitch in range(60, 65)), END)),
        20,
    ),
    "ends after beginnings on one tick": (
        (header(), track(*(at(480, 0x90, 60, 80) + at(0, 0x80, 60, 0) * bool(n) for n in range(20)), END)),
        20,
    ),
    "the last note is open": ((header(), track(tune()[:-5], END)), 18),
    "a longer header": ((header(more=b"four"), track(tune(), END)), 18),
    "only All Notes Off ends notes": (
        (header(), track(*(at(0, 0x90, pitch, 80) + at(480, 0xB0, 123, 0) for pitch in TUNE), END)),
        18,
    ),
    "sixteen days between two notes": ((header(), track(tune(), at(0x0FFFFFFF, 0x90, 60, 80), END)), 19),
    "a division of zero": ((header(division=0), track(tune(), END)), None),
    "independent patterns": ((header(kind=2), track(tune(), END)), None),
    "a companion file of a Mac": ((b"\0\x05\x16\x07", bytes(60)), None),
    "drums alone": ((header(), track(tune(9), END)), None),
}


@pytest.mark.parametrize("what", READ)
def test_an_odd_midi_file_is_read_whole_or_refused(tmp_path: Path, what: str) -> None:
    chunks, count = READ[what]
    path = write(tmp_path / "odd.mid", *chunks)

    if count is None:
        with pytest.raises(MidiFileError, match=r"odd\.mid: "):
            folder.read_file(path)
        return

    (notes,) = folder.read_file(path)
    assert len(notes) == count
    assert len(piano.encode(piano.fit([notes]), notes)) > count


def test_no_odd_file_ends_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")
    music = tmp_path / "music"
    music.mkdir()
    for number, (chunks, _) in enumerate(READ.values()):
        write(music / f"{number}.mid", *chunks)
    (music / "no file.mid").symlink_to(tmp_path / "nowhere")
    (music / "a folder.mid").mkdir()

    corpus = corpora.load("folder", "note_duration", music)

    split = corpus.split
    assert len(split.train) + len(split.valid) + len(split.test) == sum(count is not None for _, count in READ.values())
    skipped = {record.getMessage().split(": ")[0] for record in caplog.records if "skipped" in record.getMessage()}
    assert skipped == {
        f"skipped {music / name}" for name in ("6.mid", "7.mid", "8.mid", "9.mid", "no file.mid", "a folder.mid")
    }
