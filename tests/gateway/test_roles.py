"""Roles and what they allow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.accounts.roles import DataRole as Role
from mien.gateway.roles import PREFIX, PrincipalRole, allowed, data_action, grants, missing_role_hint

RECOGNIZER = "Cognitive Services Face Recognizer"
CALLS = ("detect", "verify", "identify", "group", "findsimilars")


def may(*roles: str, action: str, resource: str = "desk") -> bool:
    return allowed(grants(roles), resource, data_action(action))


def test_full_names_of_actions_are_those_of_the_contract() -> None:
    assert data_action("detect") == "Microsoft.CognitiveServices/accounts/Face/detect/action"
    assert data_action("facelists/persistedfaces/write") == f"{PREFIX}facelists/persistedfaces/write"
    assert data_action("persongroups/train/action") == f"{PREFIX}persongroups/train/action"


def test_the_face_recognizer_calls_but_keeps_nothing() -> None:
    assert all(may(RECOGNIZER, action=action) for action in CALLS)
    for action in ("persongroups/read", "facelists/write", "persongroups/train/action", "detectliveness/action"):
        assert not may(RECOGNIZER, action=action)


def test_the_user_does_everything_and_the_contributor_calls_nothing() -> None:
    for action in (*CALLS, "persongroups/delete", "snapshots/write"):
        assert may("Cognitive Services User", action=action)
        assert may("Cognitive Services Data Contributor", action=action)
        assert not may("Cognitive Services Contributor", action=action)
    held = grants(["Cognitive Services Contributor"])
    assert "has no data action" in missing_role_hint(held, "desk", data_action("detect"))


def test_names_are_read_as_issuers_write_them() -> None:
    for name in ("cognitive-services-user", "CognitiveServicesUser", "Cognitive Services User"):
        assert grants([name]) == (PrincipalRole(Role.USER),)
    assert grants(["admin", "", "@desk", "User"]) == ()


def test_a_role_may_be_for_one_resource() -> None:
    only = "Cognitive Services User@Desk"
    assert may(only, action="detect", resource="desk")
    assert not may(only, action="detect", resource="gate")
    assert "other resources than gate" in missing_role_hint(grants([only]), "gate", data_action("detect"))


@given(st.lists(st.text(max_size=30)), st.text(max_size=30))
def test_any_names_are_safe(names: list[str], resource: str) -> None:
    assert not allowed(grants([f"x{name}" for name in names]), resource, data_action("detect"))
