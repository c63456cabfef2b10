"""Signals to a daemon that asks JACK something all the time, as its main thread does many times a second."""

import os
import signal
import subprocess
import sys

import pytest
import rtmidi

from livegen.daemon.foreground import on_signal
from livegen.midi_ports.jack import open_jack

_SIGNALS = """
import os, signal, sys, time
for _ in range(2000):
    os.kill(int(sys.argv[1]), signal.SIGUSR1)
    time.sleep(0.0005)
"""


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_a_signal_in_the_midst_of_a_question_to_jack_does_not_end_its_client() -> None:
    library = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "signalled")  # it loads libjack
    client = open_jack("signalled-watch")
    assert client
    heard, answers = list[bool](), list[bool]()
    before = signal.getsignal(signal.SIGUSR1)
    try:
        on_signal(signal.SIGUSR1, lambda: heard.append(True))
        with subprocess.Popen([sys.executable, "-c", _SIGNALS, str(os.getpid())]) as sender:
            while sender.poll() is None:
                answers.append(client.is_alive())
                assert answers[-1], f"no answer to question {len(answers)}, after {len(heard)} signals"
    finally:
        signal.signal(signal.SIGUSR1, before)
        client.close()
        library.delete()

    assert len(heard) > 1_000
