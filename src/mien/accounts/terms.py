"""The responsible-AI terms, in the words of docs/limited-access.md: acknowledged by anyone who creates a resource."""

from __future__ import annotations

from typing import Final

TERMS: Final = (
    "will use it only for what was described and approved, and tell people whose faces it sees what happens to them",
    "have their consent or another lawful ground, offer an alternative where it decides about access, and delete on "
    "demand",
    "will not use it to judge people by their looks: emotion, ethnic group, belief, orientation, character",
    "will not use it for covert or mass surveillance, and have a person look at decisions that matter to somebody",
    "know how it errs, for the people that they have in mind",
)
"""Each continues “Anyone who creates a resource acknowledges that they …”."""
