#!/usr/bin/env bash
# A pause that a MIDI file writes as a slow tempo is twice as long, or is not there at all, in music21 10.5.1: where it
# reads a MIDI file, it moves tempo changes, too, to the nearest sixteenth or triplet. Four other libraries, and mido,
# read the moments of the file.
#
# Six quarters, 480 ticks each, at 120 bpm. Shortly before the third (tick 960) the tempo is 7.5 bpm, from tick 960 on
# 120 bpm again: a short pause, as a sequencer writes it that records a conductor. The third note begins at
#                                          slow from tick 900   slow from tick 920
#   mido 1.3.3, pretty_midi 0.2.11.post0,  1.938 s              1.625 s
#   symusic 0.6.0, miditoolkit 1.0.1,
#   partitura 1.9.0
#   music21 10.5.1                         2.875 s              1.000 s
#   music21 10.5.1, quantizePost=False     1.938 s              1.625 s
# All notes are on the grid, so nothing is seen in the score: only the two marks are at quarter 1.75 (or 2.0, both) and
# not at 1.875 (1.917). Whoever takes seconds from music21 (secondsMap, .seconds, a file that is written again) has
# another rhythm; in a file with many small changes, such as one that follows a MIDI clock, changes fall on each other.
# Source: Standard MIDI Files 1.0, "Set Tempo" (from its tick on); seen in the libraries' own notes, printed below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mido==1.3.3 pretty_midi==0.2.11.post0 symusic==0.6.0 miditoolkit==1.0.1 \
    partitura==1.9.0 music21==10.5.1 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - "$folder/pause.mid" <<'PY'
import sys
import warnings
from itertools import accumulate

import mido
import miditoolkit
import music21
import partitura
import pretty_midi
import symusic
from mido import Message, MetaMessage

warnings.simplefilter("ignore")
path = sys.argv[1]


def by_mido():
    messages = list(mido.MidiFile(path))
    moments = accumulate(message.time for message in messages)
    return [at for at, message in zip(moments, messages) if message.type == "note_on"]


def by_miditoolkit():
    file = miditoolkit.MidiFile(path)
    moments = file.get_tick_to_time_mapping()
    return [moments[note.start] for part in file.instruments for note in part.notes]


def by_music21(**options):
    score = music21.converter.parse(path, forceSource=True, **options)
    return [at["offsetSeconds"] for at in score.flatten().secondsMap if isinstance(at["element"], music21.note.Note)]


READERS = {
    "mido": by_mido,
    "pretty_midi": lambda: [n.start for i in pretty_midi.PrettyMIDI(path).instruments for n in i.notes],
    "symusic": lambda: [n.time for t in symusic.Score(path).to("second").tracks for n in t.notes],
    "miditoolkit": by_miditoolkit,
    "partitura": lambda: [n["note_on"] for p in partitura.load_performance_midi(path).performedparts for n in p.notes],
    "music21": by_music21,
    "music21, quantizePost=False": lambda: by_music21(quantizePost=False),
}


def third_note(slow_from):
    tempos = [(0, 500_000), (slow_from, 8_000_000), (960, 500_000)]
    ticks = [0, *(tick for tick, _ in tempos)]
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    file.tracks.append(
        mido.MidiTrack(
            MetaMessage("set_tempo", tempo=us, time=tick - before) for (tick, us), before in zip(tempos, ticks)
        )
    )
    notes = mido.MidiTrack()
    for pitch in range(60, 66):
        notes.append(Message("note_on", note=pitch, velocity=80, time=0 if pitch == 60 else 80))
        notes.append(Message("note_off", note=pitch, time=400))
    file.tracks.append(notes)
    file.save(path)
    return {name: round(float(reader()[2]), 3) for name, reader in READERS.items()}


expected = {900: (1.938, 2.875), 920: (1.625, 1.0)}
for slow_from, (right, wrong) in expected.items():
    found = third_note(slow_from)
    print(f"slow from tick {slow_from}: the third note begins at {found}")
    assert found == {**dict.fromkeys(READERS, right), "music21": wrong}, "the behaviour has changed"
PY
