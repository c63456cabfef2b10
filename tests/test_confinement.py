"""What a process has given up it cannot reach, and the engine has given it up before it reads a byte of a model."""

import sys
from pathlib import Path

import pytest

from livegen.confinement import confinement
from livegen.ipc.engine_child import ENGINE_COMMAND, start_child
from livegen.ipc.messages import Configure, Failed, PlayEvents
from livegen.settings import load
from livegen.shipped import shipped_models
from tests.support.given import given

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "Seccomp_filters" not in Path("/proc/self/status").read_text(),
    reason="this system confines nothing",
)


def test_files_the_network_and_other_programs_are_out_of_reach() -> None:
    assert "seccomp" in confinement()


@pytest.mark.parametrize("model", list(shipped_models()))
def test_an_engine_that_can_reach_nothing_plays(model: str) -> None:
    child = start_child(ENGINE_COMMAND, model_for=given)
    try:
        child.send(Configure(load(None, {"play": {"model": model, "role": "solo"}}).model_dump_json()))
        while not isinstance(message := child.receive(60), PlayEvents):
            assert message is not None
            assert not isinstance(message, Failed)
        (pid,) = {
            int(Path(f"/proc/{thread}/status").read_text().split("Tgid:")[1].split()[0]) for thread in child.threads()
        }
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    finally:
        child.close()

    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
