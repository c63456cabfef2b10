"""Chorales with a pedal and a bend on every beat: a codec whose music is more than notes."""

from dataclasses import replace

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_END, ChoraleCursor
from livegen.events import SUSTAIN_PEDAL, TICKS_PER_QUARTER, ControlChange, PitchBend, Ticked
from livegen.model.bundle import Bundle, load_bundle

BEND = 2_000


class PedalledCodec(ChoraleCodec):
    """The pedal goes up and down on each beat, and the wheel is bent, and let go a sixteenth before the next."""

    def step(self, cursor: ChoraleCursor, token: int) -> tuple[ChoraleCursor, tuple[Ticked, ...]]:
        after, events = super().step(cursor, token)
        if token != FRAME_END:
            return after, events
        within = cursor.tick % TICKS_PER_QUARTER
        if within == 0:
            pedal = (ControlChange(SUSTAIN_PEDAL, 0), ControlChange(SUSTAIN_PEDAL, 127), PitchBend(BEND))
            events = (*events, *(Ticked(cursor.tick, event) for event in pedal))
        elif within == TICKS_PER_QUARTER * 3 // 4:
            events = (*events, Ticked(cursor.tick, PitchBend(0)))
        return after, events


def pedalled_bundle() -> Bundle:
    """The shipped model of chorales, with this codec in place of its own."""
    bundle = load_bundle("bach")
    return replace(bundle, codec=PedalledCodec(**bundle.card.codec.parameters))
