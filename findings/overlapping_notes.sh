#!/usr/bin/env bash
# Two note-ons of one pitch before their note-offs (MIDI 1.0 allows it: "each Note On should have its own Note Off"): five readers
# of MIDI files give three pieces of music, and one of them loses a note without a word.
#
# The file, at 120 bpm: on 0.00, on 0.25, off 0.50, off 1.00 s, all of pitch 60.
#   pretty_midi 0.2.11.post0   0.00-0.50, 0.25-0.50   the first note-off ends both, the second ends nothing
#   symusic 0.6.0              0.00-0.50, 0.25-1.00   first come, first served
#   miditoolkit 1.0.1          0.00-0.50, 0.25-1.00   the same
#   music21 10.5.1             0.00-0.50, 0.25-0.50   the first note-off ends both
#   partitura 1.9.0            0.25-0.50              the first note is gone
# So a corpus that is read with one library and judged with another has other lengths, and with partitura fewer notes.
# Source: the MIDI 1.0 Detailed Specification, "Assignment of Note On/Off commands", leaves the pairing to the receiver.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mido==1.3.3 pretty_midi==0.2.11.post0 symusic==0.6.0 miditoolkit==1.0.1 \
    partitura==1.9.0 music21==10.5.1 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - "$folder/overlap.mid" <<'PY'
import sys
import warnings

import mido
import miditoolkit
import music21
import partitura
import pretty_midi
import symusic

warnings.simplefilter("ignore")
path = sys.argv[1]
events = [("note_on", 0), ("note_on", 240), ("note_off", 240), ("note_off", 480)]
track = mido.MidiTrack(mido.Message(kind, note=60, velocity=80, time=ticks) for kind, ticks in events)
file = mido.MidiFile(type=0, ticks_per_beat=480)
file.tracks.append(track)
file.save(path)


def span(begin, end):
    return f"{float(begin):.2f}-{float(end):.2f}"


seconds = miditoolkit.MidiFile(path).get_tick_to_time_mapping()
stream = music21.converter.parse(path, quantizePost=False, forceSource=True).flatten()
read = {
    "pretty_midi": [span(n.start, n.end) for i in pretty_midi.PrettyMIDI(path).instruments for n in i.notes],
    "symusic": [span(n.start, n.end) for t in symusic.Score(path, ttype="second").tracks for n in t.notes],
    "miditoolkit": [
        span(seconds[n.start], seconds[n.end]) for i in miditoolkit.MidiFile(path).instruments for n in i.notes
    ],
    "music21": [span(n.offset / 2, (n.offset + n.quarterLength) / 2) for n in stream.notes],
    "partitura": [
        span(n["onset_sec"], n["onset_sec"] + n["duration_sec"])
        for n in partitura.load_performance_midi(path).note_array()
    ],
}
for name, spans in read.items():
    print(f"{name}: {', '.join(spans)}")
assert read == {
    "pretty_midi": ["0.00-0.50", "0.25-0.50"],
    "symusic": ["0.00-0.50", "0.25-1.00"],
    "miditoolkit": ["0.00-0.50", "0.25-1.00"],
    "music21": ["0.00-0.50", "0.25-0.50"],
    "partitura": ["0.25-0.50"],
}, "the behaviour has changed"
PY
