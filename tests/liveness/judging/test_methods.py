"""The table of methods: the wire's names, and the parts that the decision goes by."""

from mien.liveness.fusion import LIMITING, NEEDED, NEEDED_WITHOUT_FLASHES, VETOING
from mien.liveness.methods import Method
from mien.liveness.types import Mode


def test_names_are_those_that_applications_and_kept_audit_entries_know() -> None:
    assert [method.value for method in Method] == [
        "order", "continuity", "reflection", "turnReflection", "turns", "planarity", "material", "parallax",
        "skinMotion", "timing", "novelty", "surroundings", "dynamics",
    ]  # fmt: skip


def test_each_kind_of_attempt_needs_what_its_attacks_are_stopped_by() -> None:
    assert NEEDED[Mode.PASSIVE] == ("order", "continuity", "reflection", "material", "parallax", "skinMotion")
    active = ("order", "continuity", "reflection", "turnReflection", "turns", "planarity")
    assert NEEDED[Mode.PASSIVE_ACTIVE] == active
    calm = ("order", "continuity", "turns", "planarity", "material", "skinMotion")
    assert calm == NEEDED_WITHOUT_FLASHES
    assert VETOING == ("order", "continuity", "reflection", "turnReflection", "planarity", "material")
    assert LIMITING == ("timing", "novelty", "surroundings")
