#!/usr/bin/env bash
# A key is struck again, and the file has the new note-on before the old note-off of the same tick (sequencers write both
# orders; at one tick they are one moment): two of five readers lose the second note.
#
# The file, at 120 bpm, all of pitch 60: on 0.0; on 0.5, off 0.5; off 1.0 s.
#   pretty_midi 0.2.11.post0   0.00-0.50, 0.50-1.00   right
#   symusic 0.6.0              0.00-0.50, 0.50-1.00   right
#   miditoolkit 1.0.1          0.00-0.50, 0.50-1.00   right
#   music21 10.5.1             0.00-0.50, 0.50-0.50   the second note has no length
#   partitura 1.9.0            0.50-0.50              the first note is gone, the second has no length
# So in a melody of repeated notes that was exported legato, no note but the first has a length, and partitura loses that one.
# Source: the libraries' own notes, printed below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mido==1.3.3 pretty_midi==0.2.11.post0 symusic==0.6.0 miditoolkit==1.0.1 \
    partitura==1.9.0 music21==10.5.1 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - "$folder/repeated.mid" <<'PY'
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
events = [("note_on", 0), ("note_on", 480), ("note_off", 0), ("note_off", 480)]
file = mido.MidiFile(type=0, ticks_per_beat=480)
file.tracks.append(mido.MidiTrack(mido.Message(kind, note=60, velocity=80, time=ticks) for kind, ticks in events))
file.save(path)


def span(begin, end):
    return f"{float(begin):.2f}-{float(end):.2f}"


seconds = miditoolkit.MidiFile(path).get_tick_to_time_mapping()
stream = music21.converter.parse(path, quantizePost=False, forceSource=True).flatten()
performance = partitura.load_performance_midi(path).note_array()
read = {
    "pretty_midi": [span(n.start, n.end) for i in pretty_midi.PrettyMIDI(path).instruments for n in i.notes],
    "symusic": [span(n.start, n.end) for t in symusic.Score(path, ttype="second").tracks for n in t.notes],
    "miditoolkit": [
        span(seconds[n.start], seconds[n.end]) for i in miditoolkit.MidiFile(path).instruments for n in i.notes
    ],
    "music21": [span(n.offset / 2, (n.offset + n.quarterLength) / 2) for n in stream.notes],
    "partitura": [span(n["onset_sec"], n["onset_sec"] + n["duration_sec"]) for n in performance],
}
for name, spans in read.items():
    print(f"{name}: {', '.join(spans)}")
two = ["0.00-0.50", "0.50-1.00"]
assert read == {
    "pretty_midi": two,
    "symusic": two,
    "miditoolkit": two,
    "music21": ["0.00-0.50", "0.50-0.50"],
    "partitura": ["0.50-0.50"],
}, "the behaviour has changed"
PY
