#!/usr/bin/env bash
# An ABC tune in C major is engraved and played in the key of the tune that the same process read before it, though a new
# toolkit reads it: verovio 6.4.1 keeps the key signature of the last tune that had sharps or flats.
#
# The tune: four notes, F G A B. Each line is read by a new verovio.toolkit().
#   K:C, read first             65 67 69 71   right
#   K:D                         66 67 69 71   right
#   K:C                         66 67 69 71   wrong: the F sharp of D major (should be 65)
#   K:Am                        66 67 69 71   wrong: the same
#   K:F                         65 67 69 70   right
#   K:C                         65 67 69 70   wrong: the B flat of F major (should be 71)
# So a page or a service that shows one tune after the other shows wrong notes in every tune without sharps or flats, and
# a test that reads one tune sees nothing. In a process of its own each tune is right.
# Source: the ABC standard 2.1, section 3.1.14 (K: C is no sharps and no flats); seen in the MIDI that the toolkit makes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet verovio==6.4.1 mido==1.3.3
"$folder/venv/bin/python" - <<'PY'
import base64
import io

import mido
import verovio


def pitches(key):
    toolkit = verovio.toolkit()
    toolkit.setInputFrom("abc")
    assert toolkit.loadData(f"X:1\nT:Four notes\nM:4/4\nL:1/4\nK:{key}\nF G A B|]\n")
    file = mido.MidiFile(file=io.BytesIO(base64.b64decode(toolkit.renderToMIDI())))
    return [message.note for message in file if message.type == "note_on" and message.velocity]


read = [(key, pitches(key)) for key in ("C", "D", "C", "Am", "F", "C")]
for key, found in read:
    print(f"K:{key}: {found}")
assert read == [
    ("C", [65, 67, 69, 71]),
    ("D", [66, 67, 69, 71]),
    ("C", [66, 67, 69, 71]),
    ("Am", [66, 67, 69, 71]),
    ("F", [65, 67, 69, 70]),
    ("C", [65, 67, 69, 70]),
], "the behaviour has changed"
PY
