"""Makes unprintable characters visible, so that no name of a port, file or model commands a terminal."""


def printable(text: str, kept: str = "") -> str:
    """The text with each unprintable character escaped as in Python, an ESC as ``\\x1b``; those ``kept`` stay."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in kept else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]
