#!/usr/bin/env bash
# A program change while a note sounds: two of three readers of MIDI files give the note to the instrument that is chosen
# when it ENDS, though it was struck, and sounds on, with the one before (General MIDI and every synthesizer: a program
# change holds for the notes that begin after it).
#
# The file: note 64 begins, program 40 (violin) is chosen, note 67 begins, both end.
#   symusic 0.6.0              piano 64, violin 67
#   pretty_midi 0.2.11.post0   violin 64 and 67
#   miditoolkit 1.0.1          violin 64 and 67
# So in a corpus of live recordings the last notes before each change of sound stand in the wrong part.
# Source: MIDI 1.0 Detailed Specification, "Program Change"; seen in the libraries' own notes, printed below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mido==1.3.3 pretty_midi==0.2.11.post0 symusic==0.6.0 miditoolkit==1.0.1 \
    numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - "$folder/program.mid" <<'PY'
import sys
import warnings

import mido
import miditoolkit
import pretty_midi
import symusic

warnings.simplefilter("ignore")
path = sys.argv[1]
file = mido.MidiFile(type=0, ticks_per_beat=480)
file.tracks.append(
    mido.MidiTrack(
        [
            mido.Message("note_on", note=64, velocity=80, time=0),
            mido.Message("program_change", program=40, time=240),
            mido.Message("note_on", note=67, velocity=80, time=0),
            mido.Message("note_off", note=64, time=240),
            mido.Message("note_off", note=67, time=240),
        ]
    )
)
file.save(path)


def parts(instruments):
    return sorted((int(part.program), sorted(note.pitch for note in part.notes)) for part in instruments)


read = {
    "symusic": parts(symusic.Score(path).tracks),
    "pretty_midi": parts(pretty_midi.PrettyMIDI(path).instruments),
    "miditoolkit": parts(miditoolkit.MidiFile(path).instruments),
}
for name, found in read.items():
    print(f"{name}: {found}")
assert read == {
    "symusic": [(0, [64]), (40, [67])],
    "pretty_midi": [(40, [64, 67])],
    "miditoolkit": [(40, [64, 67])],
}, "the behaviour has changed"
PY
