"""Registers: where on the keyboard a pitch lies."""


def fold(pitch: int, low: int, high: int) -> int:
    """The nearest pitch of the same name from ``low`` to ``high``, both included, at least an octave apart."""
    if pitch < low:
        return low + (pitch - low) % 12
    return high - (high - pitch) % 12 if pitch > high else pitch
