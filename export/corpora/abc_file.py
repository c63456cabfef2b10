"""An ABC file of anybody's: the tunes in it, whatever their numbers, its encoding and its line ends.

A tune ends at an empty line, and one begins at each ``X:``; without a number it begins with its first field. What
stands before the first tune, without a key, is said of all tunes; other text is no music (abc standard 2.1, section 2).
"""

import logging
import re
from pathlib import Path

from export.corpora.abc_tune import notes_of
from livegen.errors import SettingsError
from livegen.events import Note

log = logging.getLogger(__name__)

_FIELD = re.compile(r"[A-Za-z]:")
_KEY = re.compile(r"^K:", re.MULTILINE)


def read(path: Path) -> list[list[Note]]:
    """The tunes of a file; those that cannot be read are skipped and told of. SettingsError when none can be."""
    tunes = tunes_of(_decoded(_bytes(path)))
    read_ones: list[list[Note]] = []
    reasons: list[str] = []
    for index, tune in enumerate(tunes, 1):
        try:
            read_ones.append(notes_of(tune))
        except SettingsError as error:
            reasons.append(f"{path}: tune {index}{_name(tune)}: {error}")
    if not read_ones:
        raise SettingsError(reasons[0] if reasons else f"{path}: has no tune in ABC")
    for reason in reasons:
        log.warning("skipped %s", reason)
    return read_ones


def tunes_of(text: str) -> list[str]:
    """The tunes of a file, each from its first field to its last line of music, after what is said of all of them."""
    blocks: list[str] = []
    for block in re.split(
        r"\n[ \t]*(?=\n)|^(?=X:)", text.replace("\r\n", "\n").replace("\r", "\n"), flags=re.MULTILINE
    ):
        block = block.strip("\n")
        goes_on = blocks and blocks[-1].startswith("X:") and not _KEY.search(blocks[-1])
        if goes_on and not block.startswith("X:"):
            blocks[-1] += f"\n{block}"
        elif block:
            blocks.append(block)
    about_all = blocks[0] if blocks and _FIELD.match(blocks[0]) and not _is_tune(blocks[0]) else ""
    return [f"{about_all}\n{block}".lstrip("\n") for block in blocks if _is_tune(block)]


def _is_tune(block: str) -> bool:
    return block.startswith("X:") or (bool(_FIELD.match(block)) and bool(_KEY.search(block)))


def _name(tune: str) -> str:
    """Its title, to find it by."""
    found = re.search(r"^T:\s*(\S.*?)\s*$", tune, re.MULTILINE)
    return f" '{found[1][:40]}'" if found else ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None


def _decoded(content: bytes) -> str:
    """UTF-8 or, where it is none, Latin-1; a byte order mark is no text."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
