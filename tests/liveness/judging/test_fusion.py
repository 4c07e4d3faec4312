"""The decision: the weakest evidence that is needed decides, and a veto comes before everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.liveness import fusion
from mien.liveness.challenge import HeadTurn, TurnDirection
from mien.liveness.fusion import NEEDED, NEEDED_WITHOUT_FLASHES, VETOING, decide
from mien.liveness.order import Order
from mien.liveness.timing import Timing
from mien.liveness.turns import Turn
from mien.liveness.types import Decision, Evidence, Mode
from mien.matching import Calibration
from mien.vision.presentation.dynamics import Dynamics
from mien.vision.presentation.motion import Motion
from mien.vision.presentation.planarity import Depth
from mien.vision.presentation.reflection import Reflection

modes = st.sampled_from(list(Mode))
scores = st.one_of(st.none(), st.floats(0, 1))
ALL = sorted({name for names in NEEDED.values() for name in names} | set(VETOING) | set(fusion.LIMITING) | {"dynamics"})
everything = st.fixed_dictionaries(dict.fromkeys(ALL, scores))


def evidence(given_scores: dict[str, float | None]) -> list[Evidence]:
    return [Evidence(name, score) for name, score in given_scores.items()]


@given(modes, everything)
def test_a_real_face_has_all_that_is_needed_and_no_veto(mode: Mode, found: dict[str, float | None]) -> None:
    decision, reasons = decide(mode, evidence(found))
    if decision is Decision.REAL:
        assert all((found[name] or 0) >= fusion.ACCEPT for name in NEEDED[mode])
        vetoing = [name for name in VETOING if name != "material" or mode is Mode.PASSIVE]
        assert all((score := found[name]) is None or score >= fusion.VETO for name in vetoing)
        assert all((score := found[name]) is None or score >= fusion.ACCEPT for name in fusion.LIMITING)
        assert reasons == ()
    else:
        assert reasons


@given(modes, everything, st.sampled_from(ALL), st.floats(0, 1))
def test_more_evidence_for_a_person_never_harms(
    mode: Mode, found: dict[str, float | None], name: str, higher: float
) -> None:
    order = [Decision.SPOOF, Decision.UNCERTAIN, Decision.REAL]
    before = order.index(decide(mode, evidence(found))[0])
    score = found[name]
    if score is not None and higher >= score:
        assert order.index(decide(mode, evidence({**found, name: higher}))[0]) >= before


@given(modes, everything)
def test_without_flashes_the_networks_must_see_a_face(mode: Mode, found: dict[str, float | None]) -> None:
    decision, _ = decide(mode, evidence(found), flashes=False)
    if decision is Decision.REAL:
        assert all((found[name] or 0) >= fusion.ACCEPT for name in NEEDED_WITHOUT_FLASHES)
    if (material := found["material"]) is not None and material < fusion.VETO:
        assert decision is Decision.SPOOF


@given(modes)
def test_nothing_at_all_is_uncertain(mode: Mode) -> None:
    assert decide(mode, []) == (Decision.UNCERTAIN, NEEDED[mode])


def test_passive_without_the_networks_is_never_real() -> None:
    others = [name for name in NEEDED[Mode.PASSIVE] if name != "material"]
    decision, reasons = decide(Mode.PASSIVE, evidence(dict.fromkeys(others, 1.0)))
    assert (decision, reasons) == (Decision.UNCERTAIN, ("material",))


@pytest.mark.parametrize(("real", "decision"), [(0.001, Decision.SPOOF), (0.1, Decision.REAL)])
def test_with_turns_the_networks_veto_only_what_is_clearly_no_skin(real: float, decision: Decision) -> None:
    found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE_ACTIVE], 0.9)
    given_scores = {**found, "material": fusion.of_material(np.array([[real]]), ["fr-liveness"]).score}
    assert decide(Mode.PASSIVE_ACTIVE, evidence(given_scores))[0] is decision


@pytest.mark.parametrize(("packs", "decision"), [
    ([0.95, 0.9], Decision.REAL),
    ([0.999, 0.2], Decision.REAL),
    ([0.999, 0.01], Decision.UNCERTAIN),
    ([0.9], Decision.REAL),
    ([0.1, 0.01], Decision.SPOOF),
])  # fmt: skip
def test_a_pack_that_clearly_sees_no_face_is_not_outvoted(packs: list[float], decision: Decision) -> None:
    found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE], 0.9)
    score = fusion.of_material(np.array([packs]), ["fr-liveness", "minifasnet"][: len(packs)]).score
    assert decide(Mode.PASSIVE, evidence({**found, "material": score}))[0] is decision


def test_the_default_pack_alone_has_a_curve_of_its_own() -> None:
    probabilities = np.linspace(0, 1, 101)
    scores = [fusion.material_score(float(real), {"fr-liveness": float(real)}) for real in probabilities]
    assert scores == sorted(scores)
    assert fusion.material_score(0.3, {"fr-liveness": 0.3}) >= fusion.ACCEPT
    assert fusion.material_score(0.3, {"fr-liveness": 0.1, "minifasnet": 0.5}) < fusion.VETO
    for real, decision in ((0.01, Decision.SPOOF), (0.1, Decision.UNCERTAIN), (0.3, Decision.REAL)):
        found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE], 0.9)
        found["material"] = fusion.of_material(np.array([[real]]), ["fr-liveness"]).score
        assert decide(Mode.PASSIVE, evidence(found))[0] is decision


def test_flat_pictures_and_skin_without_motion_of_its_own_are_never_real_in_passive_mode() -> None:
    people, prints, rendering = (Motion(1.0, 0.45, 0.35, 0.008, 0.99, 7), Motion(0.05, 0.07, 0.06, 0.001, 0.99, 7),
                                 Motion(2.0, 0.4, 0.15, 0.001, 0.99, 7))  # fmt: skip
    for inside, reasons in ((people, ()), (prints, ("parallax", "skinMotion")), (rendering, ("skinMotion",))):
        found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE], 0.9)
        given_scores = [*evidence(found)[:4], fusion.of_parallax(inside), fusion.of_skin_motion(inside)]
        assert decide(Mode.PASSIVE, given_scores)[1] == reasons
        calm: dict[str, float | None] = {name: 0.9 for name in NEEDED_WITHOUT_FLASHES if name != "skinMotion"}
        given_scores = [*evidence(calm), fusion.of_skin_motion(inside)]
        assert ("skinMotion" in decide(Mode.PASSIVE_ACTIVE, given_scores, flashes=False)[1]) is (
            "skinMotion" in reasons
        )
        turned_too: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE_ACTIVE], 0.9)
        given_scores = [*evidence(turned_too), fusion.of_parallax(inside), fusion.of_skin_motion(inside)]
        assert decide(Mode.PASSIVE_ACTIVE, given_scores)[0] is Decision.REAL  # recorded only
    assert fusion.of_parallax(None).score is None
    assert fusion.of_skin_motion(None).score is None


def test_a_face_that_does_not_blink_is_no_attack() -> None:
    found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE], 0.9)
    assert decide(Mode.PASSIVE, evidence({**found, "dynamics": 0.0}))[0] is Decision.REAL


def reflected(correlation: float, contrast: float = 0.05, evenness: float = 0.9) -> float | None:
    return fusion.of_reflection("reflection", Reflection(correlation, 80, 0.1, evenness, contrast, 36)).score


def test_flashes_that_fit_speak_for_a_person() -> None:
    assert (reflected(0.9) or 0) > 0.9
    assert (reflected(0.9, contrast=0.006) or 0) > 0.9
    assert reflected(0.9, contrast=0.003) is None  # noise that fits by chance


def test_a_face_that_flickers_otherwise_is_an_attack_and_one_that_does_not_is_nothing() -> None:
    assert (score := reflected(0.4)) is not None
    assert score < fusion.VETO
    assert reflected(0.4, contrast=0.006) is None


def test_one_channel_alone_does_not_fit() -> None:
    score = reflected(0.9, evenness=0.05)
    assert score is not None
    assert fusion.VETO <= score < fusion.ACCEPT


@pytest.mark.parametrize(("least", "speaks"), [(0.95, True), (0.72, True), (0.55, False)])
def test_continuity_is_the_recognisers_confidence(least: float, speaks: bool) -> None:
    calibration = Calibration(0.69, 1e-4, tail=70.0)
    score = fusion.of_continuity([0.98, least], calibration, 0).score
    assert score is not None
    assert (score > fusion.ACCEPT) is speaks
    assert (score < fusion.VETO) is (least == 0.55)
    assert fusion.of_continuity([0.98], None, 0).score is None


def turned(direction: TurnDirection, angle: float) -> Turn:
    return Turn(HeadTurn(direction, 3000, 1300), angle, 0.0, 0.1, None, 10.0)


def test_an_upright_turn_must_show_something_new_and_a_sideways_one_need_not() -> None:
    up, left = turned(TurnDirection.UP, 30), turned(TurnDirection.LEFT, 30)
    assert (score := fusion.of_novelty([up, left], [0.95, 0.99]).score) is not None
    assert score < fusion.ACCEPT
    assert (score := fusion.of_novelty([left, up], [0.99, 0.85]).score) is not None
    assert score > fusion.ACCEPT
    assert fusion.of_novelty([left], [0.99]).score is None
    assert fusion.of_novelty([up], [None]).score is None
    assert fusion.of_novelty([turned(TurnDirection.UP, 5)], [0.99]).score is None  # not done: that has its own evidence


@pytest.mark.parametrize(("gain", "correlation", "speaks"), [(0.02, 0.9, True), (0.1, 0.9, False), (0.1, 0.3, True)])
def test_flashes_that_light_everything_alike_were_added(
    gain: float, correlation: float, speaks: bool
) -> None:  # a parameter
    face = Reflection(0.95, 80, 0.1, 0.9, 0.05, 36)
    score = fusion.of_surroundings(face, Reflection(correlation, 80, gain, 0.9, 0.05, 36)).score
    assert score is not None
    assert (score > fusion.ACCEPT) is speaks
    assert fusion.of_surroundings(None, face).score is None


def test_a_curve_is_one_half_in_the_middle_and_flat_at_its_ends() -> None:
    curve = fusion.Curve(2.0, 0.5)
    assert curve(2.0) == 0.5
    assert curve(2.5) == pytest.approx(1 / (1 + np.exp(-1)))
    assert fusion.Curve(2.0, -0.5)(2.5) == pytest.approx(1 / (1 + np.exp(1)))
    assert curve(1e9) == curve(100.0) < 1
    assert curve(-1e9) == curve(-100.0) > 0


def test_missing_evidence_has_a_name_and_no_score() -> None:
    assert fusion.of_timing(None) == Evidence("timing", None)
    assert fusion.of_reflection("turnReflection", None) == Evidence("turnReflection", None)
    assert fusion.of_turns([]) == Evidence("turns", None)
    assert fusion.of_planarity([]) == Evidence("planarity", None)
    assert fusion.of_novelty([], []) == Evidence("novelty", None)
    assert fusion.of_surroundings(None, None) == Evidence("surroundings", None)
    assert fusion.of_material(np.zeros((0, 2)), ["a", "b"]) == Evidence("material", None, {"networks": 2.0})
    assert fusion.of_continuity([], None, 3) == Evidence("continuity", None, {"views": 0.0, "jumps": 3.0})
    assert fusion.of_dynamics(None) == Evidence("dynamics", None)


def test_order_and_timing_report_what_was_measured() -> None:
    order = Order((), fps=20.0, gap_ms=70.0, covered=0.9, distinct=0.8, backwards=2)
    measured = {"fps": 20.0, "gapMs": 70.0, "covered": 0.9, "distinct": 0.8, "backwards": 2.0}
    assert fusion.of_order(order) == Evidence("order", order.score, measured)
    steady = Timing(start_ms=10.0, late_ms=20.0, pace=1.0, usual_ms=30.0, allowed_ms=40.0, server_ms=50.0)
    measured = {"startMs": 10.0, "lateMs": 20.0, "pace": 1.0, "usualMs": 30.0, "allowedMs": 40.0, "serverMs": 50.0}
    assert fusion.of_timing(steady) == Evidence("timing", 1.0, measured)
    burst = Timing(start_ms=10.0, late_ms=20.0, pace=0.1, usual_ms=30.0, allowed_ms=40.0)
    assert fusion.of_timing(burst).score == 0.3


def test_reflection_reports_what_was_measured_on_each_curve() -> None:
    found = Reflection(0.7, 80, 0.1, 0.9, 0.05, 36)
    values = (0.7, 80, 0.1, 0.9, 0.05, 36.0)
    measured = dict(zip(("correlation", "latencyMs", "gain", "evenness", "contrast", "frames"), values, strict=True))
    assert fusion.of_reflection("reflection", found) == Evidence("reflection", fusion.REFLECTION(0.7), measured)
    turned_face = fusion.of_reflection("turnReflection", found)
    assert turned_face == Evidence("turnReflection", fusion.TURN_REFLECTION(0.7), measured)


@pytest.mark.parametrize(
    ("name", "found", "score"),
    [
        # A score of exactly ACCEPT is an acceptance: only its own borders of contrast and evenness count then.
        ("reflection", Reflection(0.75, 80, 0.1, 0.12, 0.005, 36), 0.5),
        ("reflection", Reflection(0.75, 80, 0.1, 0.12, 0.0049, 36), None),
        ("reflection", Reflection(0.75, 80, 0.1, 0.1199, 0.005, 36), 0.35),
        ("reflection", Reflection(0.7, 80, 0.1, 0.0, 0.012, 36), fusion.REFLECTION(0.7)),
        ("reflection", Reflection(0.7, 80, 0.1, 0.9, 0.0119, 36), None),
        ("turnReflection", Reflection(0.5, 80, 0.1, 0.9, 0.02, 36), fusion.TURN_REFLECTION(0.5)),
        ("turnReflection", Reflection(0.5, 80, 0.1, 0.9, 0.0199, 36), None),
        ("turnReflection", Reflection(0.65, 80, 0.1, 0.9, 0.006, 36), fusion.TURN_REFLECTION(0.65)),
    ],
)
def test_the_borders_of_reflection(name: str, found: Reflection, score: float | None) -> None:
    assert fusion.of_reflection(name, found).score == (None if score is None else pytest.approx(score))


def done(
    direction: TurnDirection,
    angle: float,
    before: float = 0.0,
    other: float = 0.1,
    plane: float = 10.0,
    residual: float | None = None,
) -> Turn:
    """A turn with all its numbers."""
    depth = None if residual is None else Depth(residual, angle, plane, 5)
    return Turn(HeadTurn(direction, 3000, 1300), angle, before, other, depth, plane)


def needed(direction: TurnDirection) -> float:
    """The angle at which a turn's share is 1."""
    return 1 / done(direction, 1.0).share


def test_the_weakest_turn_counts_and_each_is_reported() -> None:
    left = done(TurnDirection.LEFT, needed(TurnDirection.LEFT), 1.0, 0.2)
    up = done(TurnDirection.UP, 0.8 * needed(TurnDirection.UP), 2.0, 0.3)
    found = fusion.of_turns([left, up])
    assert found.name == "turns"
    assert found.score == pytest.approx(fusion.TURNED(0.8))
    first = {"angle1": left.angle, "before1": 1.0, "other1": 0.2}
    assert found.measured == first | {"angle2": up.angle, "before2": 2.0, "other2": 0.3}


@pytest.mark.parametrize(
    ("angle", "before", "early"),
    [(1.0, 0.6, True), (1.0, 0.59, False), (1.0, -0.9, False), (-1.0, -0.9, False), (1.0, 2.0, True)],
)
def test_a_head_that_was_turned_before_it_was_asked_did_not_answer(angle: float, before: float, early: bool) -> None:
    full = needed(TurnDirection.LEFT)
    turn = done(TurnDirection.LEFT, angle * full, before * full)
    score = fusion.of_turns([turn]).score
    assert score == pytest.approx(min(fusion.TURNED(angle), 0.3) if early else fusion.TURNED(angle))
    not_better = fusion.of_turns([done(TurnDirection.LEFT, 0.5 * full, 0.5 * full)]).score
    assert not_better == pytest.approx(fusion.TURNED(0.5))  # already below 0.3


def test_depth_is_that_of_the_flattest_turn_that_was_done() -> None:
    left = done(TurnDirection.LEFT, needed(TurnDirection.LEFT), residual=0.07, plane=1.0)
    up = done(TurnDirection.UP, needed(TurnDirection.UP), residual=0.044, plane=2.0)
    not_done = done(TurnDirection.DOWN, 0.5 * needed(TurnDirection.DOWN), residual=0.01, plane=3.0)
    unseen = done(TurnDirection.RIGHT, needed(TurnDirection.RIGHT), plane=4.0)
    found = fusion.of_planarity([unseen, left, up, not_done])
    assert found.name == "planarity"
    assert found.score == pytest.approx(fusion.DEPTH[TurnDirection.UP](0.044))
    planes = {"plane1": 4.0, "plane2": 1.0, "plane3": 2.0, "plane4": 3.0}
    assert found.measured == planes | {"residual2": 0.07, "residual3": 0.044, "residual4": 0.01}
    assert fusion.of_planarity([not_done]).score is None
    assert fusion.of_planarity([left]).score == pytest.approx(fusion.DEPTH[TurnDirection.LEFT](0.07))


@pytest.mark.parametrize(
    ("share", "plane", "other", "counts"),
    [(0.9, 0.0, 0.1, True), (0.89, 16.9, 0.1, False), (0.0, 17.0, 0.99, True), (0.0, 17.0, 1.0, False)],
)
def test_a_plane_that_was_turned_counts_although_the_mesh_was_not(
    share: float, plane: float, other: float, counts: bool
) -> None:
    full = needed(TurnDirection.LEFT)
    # The factor keeps the share on its side of the border when it is divided by the needed angle again.
    turn = done(TurnDirection.LEFT, share * full * (1 + 1e-12), other=other, plane=plane, residual=0.05)
    score = fusion.of_planarity([turn]).score
    assert score == (pytest.approx(fusion.DEPTH[TurnDirection.LEFT](0.05)) if counts else None)


def test_novelty_is_the_mean_over_the_upright_turns_by_their_borders() -> None:
    up, down, left = (done(way, 30.0) for way in (TurnDirection.UP, TurnDirection.DOWN, TurnDirection.LEFT))
    found = fusion.of_novelty([left, up, down], [0.5, 0.8, 0.6])
    new = (0.2 / 0.5 / 0.23 + 0.4 / 0.5 / 0.68) / 2
    assert found.name == "novelty"
    assert found.score == pytest.approx(fusion.NOVELTY(new))
    assert found.measured == pytest.approx({"agreement1": 0.5, "agreement2": 0.8, "agreement3": 0.6, "new": new})
    only_last = fusion.of_novelty([up, down], [None, 0.6])
    assert only_last.measured == pytest.approx({"agreement2": 0.6, "new": 0.4 / 0.5 / 0.68})
    barely = done(TurnDirection.UP, 0.9 * needed(TurnDirection.UP) * (1 + 1e-12))
    assert fusion.of_novelty([barely], [0.5]).score is not None
    assert fusion.of_novelty([done(TurnDirection.UP, 0.89 * needed(TurnDirection.UP))], [0.5]).measured == {
        "agreement1": 0.5
    }


def test_surroundings_need_a_face_that_reflects() -> None:
    face, behind = Reflection(0.75, 80, 0.1, 0.9, 0.05, 36), Reflection(0.75, 80, 0.05, 0.9, 0.05, 36)
    found = fusion.of_surroundings(face, behind)
    assert found == Evidence("surroundings", fusion.SURROUNDINGS(0.5), {"share": 0.5, "correlation": 0.75})
    assert fusion.of_surroundings(Reflection(0.74, 80, 0.1, 0.9, 0.05, 36), behind).score is None
    assert fusion.of_surroundings(face, None).score is None
    dark = Reflection(0.74, 80, 0.05, 0.9, 0.05, 36)
    assert fusion.of_surroundings(face, dark) == Evidence("surroundings", 1.0, {"share": 0.5, "correlation": 0.74})
    no_gain = fusion.of_surroundings(Reflection(0.8, 80, 0.0, 0.9, 0.05, 36), behind)
    assert no_gain.measured["share"] == pytest.approx(0.05 / 1e-6)


def test_the_material_is_the_median_over_views_of_the_packs_mean() -> None:
    real = np.array([[0.9, 0.5], [0.7, 0.7], [0.2, 0.4]])
    found = fusion.of_material(real, ["one", "two"])
    assert found.name == "material"
    assert found.score == pytest.approx(fusion.MATERIAL(0.7))
    each = {"one": 0.7, "two": 0.5}
    assert found.measured == pytest.approx({"real": 0.7, "least": 0.3, "views": 3.0, "networks": 2.0} | each)
    with pytest.raises(ValueError, match="zip"):
        fusion.of_material(real, ["one"])


@pytest.mark.parametrize(
    ("packs", "score"),
    [((0.9, 0.05), None), ((0.9, 0.049), 0.35), ((0.049,), None), ((0.049, 0.9, 0.9), 0.35)],
)
def test_one_pack_that_sees_no_face_holds_the_score_down(packs: tuple[float, ...], score: float | None) -> None:
    named = {f"pack{number}": real for number, real in enumerate(packs)}
    assert fusion.material_score(0.8, named) == pytest.approx(fusion.MATERIAL(0.8) if score is None else score)
    assert fusion.material_score(0.1, named) == pytest.approx(fusion.MATERIAL(0.1))


def test_continuity_is_straight_between_its_anchors() -> None:
    calibration = Calibration(0.69, 1e-4, tail=70.0)
    unlike = calibration.similarity_at_fmr(1e-3)
    found = fusion.of_continuity([0.9, 0.845, 0.95], calibration, 2)
    assert (found.name, found.measured) == ("continuity", {"views": 3.0, "jumps": 2.0, "least": 0.845})
    assert found.score == pytest.approx(0.75)
    for least, score in ((0.69, 0.5), (unlike, 0.2), ((unlike - 1) / 2, 0.1), (1.0, 1.0), (-1.0, 0.0)):
        assert fusion.of_continuity([least], calibration, 0).score == pytest.approx(score)
    # An operating point at that very rate leaves no room between the two anchors.
    lax = Calibration(0.5, 1e-3, tail=70.0)
    assert fusion.of_continuity([0.5 - 1e-6], lax, 0).score == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("found", "score"), [(Dynamics(1, 0.0), 0.8), (Dynamics(0, 0.021), 0.6), (Dynamics(0, 0.02), 0.4)]
)
def test_blinks_count_more_than_a_mouth_that_moves(found: Dynamics, score: float) -> None:
    measured = {"blinks": float(found.blinks), "mouth": found.mouth}
    assert fusion.of_dynamics(found) == Evidence("dynamics", score, measured)


def test_a_score_at_a_border_is_on_the_better_side() -> None:
    at_accept: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE_ACTIVE], fusion.ACCEPT)
    assert decide(Mode.PASSIVE_ACTIVE, evidence(at_accept)) == (Decision.REAL, ())
    at_veto = at_accept | {"planarity": fusion.VETO}
    assert decide(Mode.PASSIVE_ACTIVE, evidence(at_veto)) == (Decision.UNCERTAIN, ("planarity",))
    below = at_accept | {"planarity": fusion.VETO - 0.01, "order": 0.1}
    assert decide(Mode.PASSIVE_ACTIVE, evidence(below)) == (Decision.SPOOF, ("order", "planarity"))


@pytest.mark.parametrize("name", fusion.LIMITING)
def test_weak_optional_evidence_is_named(name: str) -> None:
    found: dict[str, float | None] = dict.fromkeys(NEEDED[Mode.PASSIVE], 0.9)
    assert decide(Mode.PASSIVE, evidence(found | {name: 0.49})) == (Decision.UNCERTAIN, (name,))
    assert decide(Mode.PASSIVE, evidence(found | {name: fusion.ACCEPT})) == (Decision.REAL, ())


def test_without_flashes_other_evidence_is_needed() -> None:
    nothing = decide(Mode.PASSIVE_ACTIVE, [], flashes=False)
    assert nothing == (Decision.UNCERTAIN, NEEDED_WITHOUT_FLASHES)


def test_a_small_turn_that_was_there_before_is_no_answer_either() -> None:
    barely = done(TurnDirection.LEFT, 0.5, before=0.4)
    assert fusion.of_turns([barely, done(TurnDirection.LEFT, needed(TurnDirection.LEFT))]).score == pytest.approx(
        min(fusion.TURNED(barely.share), 0.3)
    )
    full = needed(TurnDirection.LEFT)
    assert fusion.of_turns([done(TurnDirection.LEFT, full, before=0.7 * full)]).score == 0.3


def test_each_turn_has_its_agreement() -> None:
    with pytest.raises(ValueError, match="zip"):
        fusion.of_novelty([done(TurnDirection.UP, 30.0)], [])
