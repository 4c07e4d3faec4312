"""Names that clients gave do not steer the terminal of whoever lists them."""

from __future__ import annotations

import pytest

from mien.cli._administration import print_facts, print_table


def test_control_characters_are_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    name = "Ada\x1b[2J\x07\n\u202eLovelace"
    print_table(["person", "place"], [(name, "staff"), ("زهرا\u200cسادات", "staff")])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Ada\ufffd[2J\ufffd\ufffd\ufffdLovelace  staff",
        "زهرا\u200cسادات          staff",
    ]
    print_facts([("name", name)])
    assert capsys.readouterr().out == "name  Ada\ufffd[2J\ufffd\n\ufffdLovelace\n"
