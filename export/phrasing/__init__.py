"""Learns how people play what is written: how loud each note is, and when the pedal moves."""
