#!/usr/bin/env bash
# A note that still sounds when its MIDI file ends is in none of five libraries' music, and where a recording ends its
# notes with All Notes Off (as many keyboards do), all five read an empty piece. No library says a word.
#
# File 1, at 120 bpm: note 60 begins at 0 and has no note-off; note 62 from 0.5 to 1.0 s.
# File 2: notes 60 and 62 begin, and controller 123 (All Notes Off) ends both.
#                              file 1   file 2
#   pretty_midi 0.2.11.post0   62       nothing
#   symusic 0.6.0              62       nothing
#   miditoolkit 1.0.1          62       nothing
#   music21 10.5.1             62       nothing
#   partitura 1.9.0            62       nothing
# So the last chord of a recording that was stopped while it sounded is lost, and a corpus may hold pieces without notes.
# A synthesizer plays both files as they were recorded.
# Source: MIDI 1.0 Detailed Specification, "All Notes Off"; seen in the libraries' own notes, printed below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mido==1.3.3 pretty_midi==0.2.11.post0 symusic==0.6.0 miditoolkit==1.0.1 \
    partitura==1.9.0 music21==10.5.1 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - "$folder/open.mid" <<'PY'
import sys
import warnings

import mido
import miditoolkit
import music21
import partitura
import pretty_midi
import symusic
from mido import Message

warnings.simplefilter("ignore")
path = sys.argv[1]


def by_partitura():
    return [note["midi_pitch"] for part in partitura.load_performance_midi(path).performedparts for note in part.notes]


def by_music21():
    return [note.pitch.midi for note in music21.converter.parse(path, forceSource=True).flatten().notes]


READERS = {
    "pretty_midi": lambda: [n.pitch for i in pretty_midi.PrettyMIDI(path).instruments for n in i.notes],
    "symusic": lambda: [n.pitch for t in symusic.Score(path).tracks for n in t.notes],
    "miditoolkit": lambda: [n.pitch for i in miditoolkit.MidiFile(path).instruments for n in i.notes],
    "music21": by_music21,
    "partitura": by_partitura,
}


def read(*messages):
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return {name: [int(pitch) for pitch in reader()] for name, reader in READERS.items()}


begin, second = Message("note_on", note=60, velocity=80), Message("note_on", note=62, velocity=80, time=480)
still_open = read(begin, second, Message("note_off", note=62, time=480))
all_off = read(begin, second, Message("control_change", control=123, value=0, time=480))
print("no note-off:", still_open)
print("controller 123:", all_off)
assert still_open == dict.fromkeys(READERS, [62]), "the behaviour has changed"
assert all_off == dict.fromkeys(READERS, []), "the behaviour has changed"
PY
