"""Makes one input well-formed: each note-on that passes has one note-off, whatever the device sends."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    MODES,
    PEDALS,
    PERCUSSION,
    RESET_CONTROLLERS,
    NoteOn,
    PitchBend,
    SongPosition,
    Timed,
    Transport,
    from_bytes,
    to_bytes,
)
from livegen.midi_in.loop_detector import LoopDetector
from livegen.midi_in.parser import MidiParser
from livegen.routing import InputRoute
from livegen.sync.clock_message import ClockMessage

Hear = Callable[[Timed | ClockMessage], None]  # called on the MIDI system's thread: must return at once
Pass = Callable[[bytes], None]  # the same, for a whole channel message that is passed to the outputs at once

_SENSING_NS = 300 * NS_PER_MS  # MIDI 1.0: a device with active sensing sends something at least this often
_MOST_A_SECOND = 2_000  # messages: twice what a DIN cable can carry
_MOST_AT_ONCE = 512  # notes: with their note-offs they fit into one JACK period, which holds some 1,300 messages
_MOST_CONTROLS_AT_ONCE = 256  # they fit beside them
_SAME_FLOOD_NS = 10 * NS_PER_S  # one that pauses for less than this is told once
_OVERLAP_NS = 50 * NS_PER_MS  # for so long two notes of one key may overlap: programs round their moments
_DOUBTFUL_NS = 10 * NS_PER_S  # so long at most a note sounds whose note-off was perhaps taken for an earlier one's
_SENSING = Transport.SENSING.value
_CENTRE = to_bytes(PitchBend(0))[1:]
_HEARD_TOO = "to hear them as notes give the input channels = { 10 = 1 } (see livegen config band --show)"


class RateLimiter:
    """Limits messages per second and at once. Its only state is one moment (generic cell rate algorithm)."""

    def __init__(self, most_at_once: int = _MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._used_up_ns = 0

    def allows(self, at_ns: int) -> bool:
        """True when one more message may pass."""
        used_up_ns = max(self._used_up_ns, at_ns) + NS_PER_S // _MOST_A_SECOND
        if used_up_ns - at_ns > self._most_at_once * NS_PER_S // _MOST_A_SECOND:
            return False
        self._used_up_ns = used_up_ns
        return True


class InputFilter:
    """Tracks what an input holds down, and drops what must not pass. ``take``: the MIDI system's thread; the rest: any.

    In a flood, note-ons and controllers are dropped; the end of a note, a pedal or a bend always passes. Controls and
    notes are limited apart: a stream of bends or pressure leaves no note out.

    All Notes Off and All Sound Off end what this input holds on their channel, and go no further: keyboards send the
    first with each last key, sequencers send both on all channels when they stop, and at our outputs they would end the
    machine's notes, too.

    Notes on channel 10 are drums, and are not heard, until a bend comes on it: then it is a member of an MPE zone.
    """

    def __init__(
        self,
        name: str,
        route: InputRoute,
        hear: Hear,
        *,
        thru: Pass | None = None,
        loop_detector: LoopDetector | None = None,
    ) -> None:
        self.name = name
        self._route = route
        self._hear = hear
        self._thru = thru
        self._loop_detector = loop_detector
        self._taking = threading.Lock()  # one message at a time: a note-off must not overtake its note-on
        self._parser = MidiParser()
        self._notes: dict[
            tuple[int, int], int
        ] = {}  # (channel, pitch) held → until then, a note-off is an earlier one's
        self._doubtful: dict[tuple[int, int], int] = {}  # held, but a note-off has come → when it came
        self._pedals: set[tuple[int, int]] = set()  # (channel, controller) down
        self._bends: set[int] = set()  # channels whose wheel is off its centre
        self._music, self._pulses = RateLimiter(), RateLimiter()
        self._controls = RateLimiter(_MOST_CONTROLS_AT_ONCE)
        self._last_ns = 0
        self._stalled_ns = 0
        self._is_sensed = False  # the device sends active sensing
        self._left_out = 0
        self._flooded_ns: int | None = None  # when a message was last found left out
        self._error: Exception | None = None
        self._is_failing = False
        self._has_drums: bool | None = False  # None: told

    def take(self, received: Sequence[int], at_ns: int, stalled_ns: int = 0) -> None:
        """Take received bytes. Nothing is raised: an exception would be lost in the MIDI system's thread."""
        with self._taking:
            self._last_ns, self._stalled_ns = at_ns, stalled_ns
            try:
                for message in self._parser.read(received):
                    self._accept(message, at_ns)
            except Exception as error:  # noqa: BLE001 (a bug of ours: ``poll`` reports it; the next message may work)
                self._error = error

    def release(self, at_ns: int) -> bool:
        """The device is gone or silent: end what it holds; True when it held something."""
        with self._taking:
            return self._release(at_ns)

    def poll(self, now_ns: int) -> list[str]:
        """End what the device has perhaps ended, or will not end; return a line for each thing to report."""
        lines = []
        with self._taking:
            if self._is_sensed and now_ns - self._last_ns > _SENSING_NS:
                self._is_sensed = False
                if self._release(now_ns):
                    lines.append(f"'{self.name}' has stopped sending; its notes are ended")
            self._end_notes([key for key, at_ns in self._doubtful.items() if now_ns - at_ns > _DOUBTFUL_NS], now_ns)
            left_out, self._left_out = self._left_out, 0
            error, self._error = self._error, None
        if left_out and (self._flooded_ns is None or now_ns - self._flooded_ns > _SAME_FLOOD_NS):
            lines.append(f"'{self.name}' sends too many messages; some are dropped")
        if self._has_drums:
            self._has_drums = None
            lines.append(f"'{self.name}' plays on channel 10: drums are not heard as a phrase; {_HEARD_TOO}")
        if error and not self._is_failing:
            lines.append(f"'{self.name}': {type(error).__name__}: {error}; a bug in livegen, please report it")
        self._flooded_ns = now_ns if left_out else self._flooded_ns
        self._is_failing = self._is_failing or bool(error)
        return lines

    def _accept(self, message: bytes, at_ns: int) -> None:
        match message[0] & 0xF0:
            case 0x90 if message[2]:
                self._begin(message, at_ns)
            case 0x80 | 0x90:
                self._end(message, at_ns)
            case 0xF0:
                self._accept_system(message, at_ns)
            case 0xB0 if message[1] in PEDALS:
                self._press(message, at_ns)
            case 0xB0 if message[1] >= ALL_SOUND_OFF:
                self._change_mode(message, at_ns)
            case 0xE0:
                self._bend(message, at_ns)
            case _:
                self._limit(message, at_ns)

    def _begin(self, message: bytes, at_ns: int) -> None:
        channel, pitch, velocity = message[0] & 0x0F, message[1], message[2]
        if self._loop_detector and self._loop_detector.is_ours(NoteOn(pitch, velocity, channel), at_ns):
            return
        if not self._is_allowed(self._music, at_ns):
            return
        until_ns = 0
        if (channel, pitch) in self._notes:
            self._pass(bytes((0x80 | channel, pitch, 0)), at_ns)  # struck again without a note-off, or before it
            until_ns = at_ns + _OVERLAP_NS
        self._notes[channel, pitch] = until_ns
        self._doubtful.pop((channel, pitch), None)
        self._pass(message, at_ns)

    def _end(self, message: bytes, at_ns: int) -> None:
        key = (message[0] & 0x0F, message[1])
        if key not in self._notes:
            return
        if at_ns < self._notes[key]:
            self._notes[key], self._doubtful[key] = 0, at_ns  # the note before this one: it has ended
            return
        self._forget(key)
        self._pass(message, at_ns)

    def _press(self, message: bytes, at_ns: int) -> None:
        pedal, is_down = (message[0] & 0x0F, message[1]), message[2] >= 64
        if not is_down and pedal in self._pedals:
            self._pedals.remove(pedal)
            self._pass(message, at_ns)
        elif self._is_allowed(self._controls, at_ns):
            self._pedals |= {pedal} if is_down else set()
            self._pass(message, at_ns)

    def _bend(self, message: bytes, at_ns: int) -> None:
        channel, is_centred = message[0] & 0x0F, message[1:] == _CENTRE
        if is_centred and channel in self._bends:
            self._bends.remove(channel)
            self._pass(message, at_ns)
        elif self._is_allowed(self._controls, at_ns):
            self._bends |= set() if is_centred else {channel}
            if channel == PERCUSSION and not is_centred and not any(key[0] == channel for key in self._notes):
                self._route = replace(self._route, hears_percussion=True)
            self._pass(message, at_ns)

    def _change_mode(self, message: bytes, at_ns: int) -> None:
        """A channel mode message (MIDI 1.0, table 3): end what it ends of what this input holds on its channel."""
        channel, number = message[0] & 0x0F, message[1]
        if number in (ALL_SOUND_OFF, ALL_NOTES_OFF, *MODES):
            self._end_notes([key for key in self._notes if key[0] == channel], at_ns)
        if number == ALL_SOUND_OFF:
            self._end_what_pedals_hold(channel, at_ns)
        if number == RESET_CONTROLLERS:
            self._lift([pedal for pedal in self._pedals if pedal[0] == channel], self._bends & {channel}, at_ns)
        if number not in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._limit(message, at_ns)

    def _end_what_pedals_hold(self, channel: int, at_ns: int) -> None:
        """Each pedal comes up and goes down again, as it still is."""
        down = [pedal for pedal in self._pedals if pedal[0] == channel]
        self._lift(down, (), at_ns)
        for _, number in sorted(down):
            self._press(bytes((0xB0 | channel, number, 127)), at_ns)

    def _accept_system(self, message: bytes, at_ns: int) -> None:
        if message[0] == _SENSING:
            self._is_sensed = True
            return
        event = from_bytes(message)
        if event is Transport.RESET:
            self._release(at_ns)
        if not isinstance(event, Transport | SongPosition) or not self._pulses.allows(at_ns):
            return
        is_clock = event is not Transport.RESET
        self._hear(ClockMessage(at_ns, event, self._stalled_ns) if is_clock else Timed(at_ns, event))

    def _limit(self, message: bytes, at_ns: int) -> None:
        if self._is_allowed(self._controls, at_ns):
            self._pass(message, at_ns)

    def _is_allowed(self, limiter: RateLimiter, at_ns: int) -> bool:
        is_allowed = limiter.allows(at_ns)
        self._left_out += not is_allowed
        return is_allowed

    def _release(self, at_ns: int) -> bool:
        is_held = bool(self._notes or self._pedals or self._bends)
        self._end_notes(tuple(self._notes), at_ns)
        self._lift(tuple(self._pedals), tuple(self._bends), at_ns)
        return is_held

    def _end_notes(self, keys: Collection[tuple[int, int]], at_ns: int) -> None:
        for channel, pitch in sorted(keys):
            self._forget((channel, pitch))
            self._pass(bytes((0x80 | channel, pitch, 0)), at_ns)

    def _forget(self, key: tuple[int, int]) -> None:
        del self._notes[key]
        self._doubtful.pop(key, None)

    def _lift(self, pedals: Collection[tuple[int, int]], bends: Collection[int], at_ns: int) -> None:
        self._pedals.difference_update(pedals)
        self._bends.difference_update(bends)
        for channel, number in sorted(pedals):
            self._pass(bytes((0xB0 | channel, number, 0)), at_ns)
        for channel in sorted(bends):
            self._pass(to_bytes(PitchBend(0, channel)), at_ns)

    def _pass(self, message: bytes, at_ns: int) -> None:
        if self._thru and (passed := self._route.passed(message)):
            self._thru(passed)
        event = from_bytes(message)
        if event is not None and self._route.is_percussion(event) and self._has_drums is not None:
            self._has_drums = True
        if event is not None and (heard := self._route.heard(event)) is not None:
            self._hear(Timed(at_ns, heard, is_left_hand=self._route.is_left_hand(event)))
