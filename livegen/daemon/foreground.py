"""Runs the daemon in the foreground: signals, the terminal, the settings file."""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import cast, get_args

from livegen.daemon.daemon import run_daemon
from livegen.daemon.event_router import EventRouter
from livegen.daemon.file_watch import FileWatch
from livegen.daemon.now_playing import NowPlaying
from livegen.daemon.status_file import Figures
from livegen.errors import SettingsError, did_you_mean
from livegen.settings import Parameter, Settings


def play(
    read: Callable[[], Settings],
    path: Path,
    learn: str | None,
    say: Callable[[str], None],
    now_playing: NowPlaying,
    greetings: Sequence[str] = (),
) -> Figures:
    """Run the daemon until Ctrl-C or SIGTERM. SIGUSR1, or Enter in its terminal, silences it.

    SIGHUP reads the settings file again; it ends a daemon whose terminal was closed.

    ``greetings`` are lines to say once it runs. ``path`` is the settings file that ``read`` reads. It is watched;
    learnt controllers are saved there. ``now_playing`` is kept up to date.
    """
    if learn is not None and learn not in get_args(Parameter):
        raise SettingsError(f"unknown parameter '{learn}'{did_you_mean(learn, get_args(Parameter))}")
    stop = threading.Event()
    panic_button = PanicButton(say)
    watch = FileWatch(path, read, say)
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    _take_signals(stop.set, panic_button, on_hangup=stop.set if has_terminal else watch.ask)
    if has_terminal:
        threading.Thread(target=_listen_for_enter, args=(panic_button,), name="terminal", daemon=True).start()
    learn_queue = [cast(Parameter, learn)] if learn else []
    unsaid = list(greetings)

    def poll(router: EventRouter) -> None:
        panic_button.router = router
        while unsaid:
            say(unsaid.pop(0))
        while learn_queue:
            router.learn(learn_queue.pop())
        watch.poll(router)

    return run_daemon(read(), say=say, stop=stop, path=path, on_poll=poll, now_playing=now_playing)


class PanicButton:
    """The panic button. Any thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.router: EventRouter | None = None  # set once the daemon runs
        self._say = say

    def __call__(self) -> None:
        """Silence everything now."""
        if self.router:
            self.router.panic()
            self._say("silenced: livegen plays again when you do")


def on_signal(number: signal.Signals, do: Callable[[], object]) -> None:
    """Handle this signal, and let no call to the system fail for it.

    libjack gives up an answer that a signal interrupts (EINTR), and takes it for that of the next question.
    """
    signal.signal(number, lambda *_: do())
    if sys.platform != "win32":
        signal.siginterrupt(number, False)  # noqa: FBT003 (it takes no name)


def _take_signals(on_end: Callable[[], None], on_panic: Callable[[], None], on_hangup: Callable[[], None]) -> None:
    """Call these when signals come.

    A handler may interrupt the holder of a lock that it needs: so it only queues a call, and a thread makes the call.
    """
    signal_queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
    threading.Thread(target=_run_signals, args=(signal_queue,), name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, lambda: signal_queue.put(on_end))
    if sys.platform != "win32":
        on_signal(signal.SIGUSR1, lambda: signal_queue.put(on_panic))
        on_signal(signal.SIGHUP, lambda: signal_queue.put(on_hangup))


def _run_signals(signal_queue: "SimpleQueue[Callable[[], None]]") -> None:
    while True:
        signal_queue.get()()


def _listen_for_enter(panic_button: PanicButton) -> None:
    for _ in sys.stdin:
        panic_button()
