"""The form of a solo: a section may close with a cadence, and at its end earlier bars may come back.

People's pieces say some of their bars again, note by note, and come to rest on a last chord; a network that plays for
minutes does neither. How often was chosen so that as many bars come back as in people's pieces, and as many sections
close (docs/models.md). Tunes in ABC take up their own bars by the session's cache, and chorales have their fermatas.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic

from livegen.codecs.codec import C
from livegen.engine.endings import Weights, Wish, notes_among
from livegen.engine.finale import Finale
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER, Ticked
from livegen.music.key import Key, find_key
from livegen.music.metre import Bars

TAKES_UP: Mapping[str, float] = {"abc": 0.6}  # how much solos take up what was played in the session, by codec
_BAR = 4 * TICKS_PER_QUARTER
_SECTION = 4  # bars of the network's own, before any may come back
_BARS = 2  # come back together
_KEPT = 256  # bars
_NEWEST = 2  # bars just played are not said again at once
_RETURNS: Mapping[str, float] = {"note_duration": 0.95, "notes": 0.38}  # how many sections in one end so, by codec
_CLOSES: Mapping[str, float] = {"note_duration": 0.2}  # how many sections in one close
_LOCAL = 8 * TICKS_PER_QUARTER  # in which the key of a close is heard
_HELD = 2 * TICKS_PER_QUARTER  # the last chord of a section, at the least
_CLOSING = Weights(cadence=0.8)


class Form(Generic[C]):
    """Owner of the first moments in the bars of a stream, each as its tick and its position in the session's memory."""

    def __init__(self, stream: TokenStream[C]) -> None:
        self._stream = stream
        self._chance = _RETURNS.get(stream.codec_name, 0.0)
        self._bars: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._closes = _CLOSES.get(stream.codec_name, 0.0)
        self._since = 0  # bars since the section began
        self.is_closing = False  # the section that began with this bar

    def begin_section(self) -> None:
        """A section begins with the next bar."""
        self._since = 0
        self.is_closing = False

    def step(self) -> tuple[int, ...]:
        """Look where the stream is now; return the tokens that come back from here on, () for none."""
        now = self._stream.cursor.tick, self._stream.checkpoint.remembered
        while self._bars and self._bars[-1] >= now:  # it was taken back
            self._bars.pop()
        if not self._chance or (self._bars and now[0] // _BAR == self._bars[-1][0] // _BAR):
            return ()
        self._bars.append(now)
        self._since += 1
        if self._since == 1 and self._closes:
            self.is_closing = self._stream.draw_chance() < self._closes
        if self._since <= _SECTION:
            return ()
        self.begin_section()
        again = self._earlier() if self._stream.draw_chance() < self._chance else ()
        self._since = -_BARS if again else 0
        return again

    def _earlier(self) -> tuple[int, ...]:
        """Two bars from before, one as likely as another, which may be written here."""
        now = self._bars[-1][0]
        bars = list(self._bars)[:-_NEWEST]
        whole = [
            (begin, end)
            for (tick, begin), (after, end) in zip(bars, bars[_BARS:], strict=False)
            if after - tick == _BARS * _BAR and tick % _BAR == now % _BAR
        ]
        if not whole:
            return ()
        begin, end = whole[int(self._stream.draw_chance() * len(whole))]
        tokens = self._stream.tokens_between(begin, end)
        return tokens if self._stream.may_write(tokens) else ()


def closing(stream: TokenStream[C], before: Iterable[Ticked]) -> Finale[C]:
    """The close of a section that begins in this bar, of the motifs of what was ``before``."""
    now = stream.cursor.tick
    notes = notes_among(before, now)
    local = [(note.pitch, note.duration / TICKS_PER_QUARTER) for note in notes if note.end > now - _LOCAL]
    key = find_key(local) if local else Key(0)
    wish = Wish(_SECTION * _BAR, None, key, Bars(_BAR // TICKS_PER_QUARTER), tuple(notes), _HELD)
    return Finale(stream, wish, now // _BAR * _BAR, _CLOSING)
