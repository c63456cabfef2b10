"""The protections that ``python -m tests.unprotected`` takes away are the ones that livegen has."""

from collections import Counter

from tests.unprotected import ROOT, protections


def test_every_protection_is_where_it_is_said_to_be() -> None:
    times = {each.name: (ROOT / each.file).read_text().count(each.kept) for each in protections()}

    assert times == dict.fromkeys(times, 1)


def test_every_protection_has_its_own_name_and_its_line_in_the_docs() -> None:
    page = (ROOT / "docs/reliability.md").read_text()
    names = Counter(each.name for each in protections())
    missing = [each.name for each in protections() if f"| {each.name} | `{each.test}` |" not in page]

    assert (max(names.values()), missing) == (1, [])
