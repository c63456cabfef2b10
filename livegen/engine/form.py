"""The form of a solo: at the end of a section, earlier bars may come back.

People's pieces say some of their bars again, note by note; a network that plays for minutes never does. How often was
chosen so that as many bars come back as in people's pieces (docs/models.md). Tunes in ABC repeat by themselves.
"""

from collections import deque
from collections.abc import Mapping
from typing import Generic

from livegen.codecs.codec import C
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER

_BAR = 4 * TICKS_PER_QUARTER
_SECTION = 4  # bars of the network's own, before any may come back
_BARS = 2  # come back together
_KEPT = 256  # bars
_NEWEST = 2  # bars just played are not said again at once
_RETURNS: Mapping[str, float] = {"note_duration": 0.95, "notes": 0.38}  # how many sections in one end so, by codec


class Form(Generic[C]):
    """Owner of the first moments in the bars of a stream, each as its tick and its position in the session's memory."""

    def __init__(self, stream: TokenStream[C]) -> None:
        self._stream = stream
        self._chance = _RETURNS.get(stream.codec_name, 0.0)
        self._bars: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._since = 0  # bars since the section began

    def step(self) -> tuple[int, ...]:
        """Look where the stream is now; return the tokens that come back, () for none."""
        now = self._stream.cursor.tick, self._stream.checkpoint.remembered
        while self._bars and self._bars[-1] >= now:  # it was taken back
            self._bars.pop()
        if not self._chance or (self._bars and now[0] // _BAR == self._bars[-1][0] // _BAR):
            return ()
        self._bars.append(now)
        self._since += 1
        if self._since <= _SECTION:
            return ()
        self._since = 0
        return self._earlier() if self._stream.draw_chance() < self._chance else ()

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
