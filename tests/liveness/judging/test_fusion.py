"""The decision: the weakest evidence that is needed decides, and a veto comes before everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.liveness import fusion
from mien.liveness.challenge import Direction, HeadTurn
from mien.liveness.fusion import NEEDED, NEEDED_WITHOUT_FLASHES, VETOING, decide
from mien.liveness.turns import Turn
from mien.liveness.types import Decision, Evidence, Mode
from mien.matching import Calibration
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
    decision, reasons = decide(Mode.PASSIVE, evidence(dict.fromkeys(["order", "continuity", "reflection"], 1.0)))
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


def turned(direction: Direction, angle: float) -> Turn:
    return Turn(HeadTurn(direction, 3000, 1300), angle, 0.0, 0.1, None, 10.0)


def test_an_upright_turn_must_show_something_new_and_a_sideways_one_need_not() -> None:
    up, left = turned(Direction.UP, 30), turned(Direction.LEFT, 30)
    assert (score := fusion.of_novelty([up, left], [0.95, 0.99]).score) is not None
    assert score < fusion.ACCEPT
    assert (score := fusion.of_novelty([left, up], [0.99, 0.85]).score) is not None
    assert score > fusion.ACCEPT
    assert fusion.of_novelty([left], [0.99]).score is None
    assert fusion.of_novelty([up], [None]).score is None
    assert fusion.of_novelty([turned(Direction.UP, 5)], [0.99]).score is None  # not done: that has its own evidence


@pytest.mark.parametrize(("gain", "correlation", "speaks"), [(0.02, 0.9, True), (0.1, 0.9, False), (0.1, 0.3, True)])
def test_flashes_that_light_everything_alike_were_added(
    gain: float, correlation: float, speaks: bool
) -> None:  # a parameter
    face = Reflection(0.95, 80, 0.1, 0.9, 0.05, 36)
    score = fusion.of_surroundings(face, Reflection(correlation, 80, gain, 0.9, 0.05, 36)).score
    assert score is not None
    assert (score > fusion.ACCEPT) is speaks
    assert fusion.of_surroundings(None, face).score is None
