"""Processes of our own."""

import sys


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module in a process of its own.

    Files in the folder where livegen was started are not taken for modules (``python -P``).
    """
    return [sys.executable, "-P", "-m", module, *arguments]
