"""``livegen jam`` with a scripted engine: ``python scripted_daemon.py SCRIPT NAME``, until a signal ends it."""

import signal
import sys
import threading
from pathlib import Path

from livegen.daemon.daemon import run_daemon
from livegen.daemon.foreground import on_signal
from livegen.settings import load


def main(script: str, name: str) -> None:
    """Play to and from JACK."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, stop.set)
    command = (sys.executable, str(Path(__file__).with_name("scripted_engine.py")), script)
    run_daemon(load(None, {"ports": {"name": name}}), say=_say, stop=stop, engine=command)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
