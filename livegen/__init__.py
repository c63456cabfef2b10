"""livegen: play a phrase, and a neural network answers, in time, as MIDI.

The path of an event, file by file:

    keyboard → hear/ → (link) → imagine/ → (link) → play/ → synth, DAW

"""
