"""Thresholds are claimed only where the people bear them; results are numbers alone."""

import json

import numpy as np
import pytest

from mien.evaluation import Samples, TooFewSamplesError, compare, measure, of_pairs, people_for
from mien.evaluation.charts import CurveTexts, det, roc
from mien.evaluation.records import differences, percent, to_json
from mien.evaluation.samples import MAX_COMPARISONS, capped
from mien.evaluation.verification import measure_comparisons
from mien.matching import Calibration
from mien.matching.rates import fmr

WIDTH = 64


def population(people: int, photos: int, *, seed: int = 0, noise: float = 0.6) -> Samples:
    """Random people; photos are noisy copies of their directions."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, WIDTH))
    owner = np.repeat(np.arange(people), photos)
    vectors = centres[owner] + noise * random.normal(size=(people * photos, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{one}/{place}" for place, one in enumerate(owner)]
    return Samples(vectors.astype(np.float32), owner, people, names)


def test_a_rate_is_claimed_only_from_three_times_its_inverse_in_pairs_of_people() -> None:
    assert [people_for(10.0**-power) for power in (2, 3, 4, 6)] == [25, 78, 246, 2450]
    assert people_for(1e-6) * (people_for(1e-6) - 1) / 2 >= 3e6 > (people_for(1e-6) - 1) * (people_for(1e-6) - 2) / 2
    found = measure(population(80, 3), fmr=1e-3)
    claimed = {one.fmr: one.threshold is not None for one in found.levels}
    assert claimed == {1e-2: True, 1e-3: True, 1e-4: False, 1e-5: False, 1e-6: False}
    assert next(one for one in found.levels if one.fmr == 1e-4).people_missing == 246 - 80
    # Many photos of the same people do not help.
    more = measure(population(80, 5), fmr=1e-3)
    assert [one.threshold is not None for one in more.levels] == list(claimed.values())


def test_a_threshold_gives_the_rate_that_it_claims() -> None:
    samples = population(120, 3)
    found = measure(samples, fmr=1e-3)
    scores = compare(samples).impostor
    for level in found.levels[:2]:
        assert level.threshold is not None
        assert level.measured is not None
        assert fmr(scores, level.threshold) == pytest.approx(level.fmr, rel=0.02)
        assert level.measured.low <= level.fmr <= level.measured.high
    assert found.calibration is not None
    assert found.calibration.threshold == found.levels[1].threshold
    assert found.calibration.confidence(found.calibration.threshold) == 0.5


def test_too_few_people_have_no_calibration_and_are_told_how_many_are_missing() -> None:
    found = measure(population(50, 2))
    assert (found.calibration, found.missing) == (None, 246 - 50)
    for samples in (population(1, 5), population(5, 1)):
        with pytest.raises(TooFewSamplesError):
            measure(samples)


def test_the_tail_of_the_present_calibration_is_kept_where_the_data_do_not_reach() -> None:
    current = Calibration(0.5, 1e-4, tail=31.0)
    found = measure(population(80, 2), current, fmr=1e-3).calibration
    assert found is not None
    assert found.tail == 31.0


def test_one_person_does_not_dominate() -> None:
    many = population(20, 2)
    crowd = population(1, 200, seed=9)
    samples = Samples(
        np.concatenate([many.templates, crowd.templates]), np.concatenate([many.owner, np.full(200, 20)]), 21
    )
    kept = capped(samples, 5)
    assert np.bincount(samples.owner[kept]).tolist() == [2] * 20 + [5]
    assert np.bincount(compare(samples).genuine_owner)[-1] == 10
    assert (capped(samples, 5) == kept).all()
    assert (capped(samples, 5, seed=1) != kept).any()


def test_very_many_people_are_drawn_by_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.evaluation.samples.MAX_COMPARISONS", 2000)
    found = compare(population(200, 3))
    assert MAX_COMPARISONS > 2000 >= len(found.impostor) > 1000
    assert found.person_pairs == len(found.impostor)


def test_strangers_and_enrolled_people_are_counted_by_size_of_the_gallery() -> None:
    found = measure(population(150, 4, noise=0.9), fmr=1e-3)
    by_photos = {(one.gallery, one.photos): one for one in found.identification}
    assert {(10, 1), (100, 1), (100, 3)} <= set(by_photos)
    one, three = by_photos[100, 1].fnir, by_photos[100, 3].fnir
    assert one is not None
    assert three is not None
    assert three.value < one.value, "more enrolled photos find more"
    assert all(each.fpir is not None and each.fpir.value <= 0.05 for each in found.identification)


def test_pairs_that_were_listed_one_by_one() -> None:
    photos = [("a1", "a2"), ("a2", "a3"), ("a1", "b1"), ("a3", "b1"), ("b1", "c1")]
    found = of_pairs([0.9, 0.8, 0.1, 0.2, 0.3], photos, [True, True, False, False, False])
    assert found.people == 3
    assert found.genuine_owner.tolist() == [found.genuine_owner[0]] * 2
    assert found.person_pairs == 2, "a1 with b1 and a3 with b1 are of the same two people"
    assert measure_comparisons(found).photos == 5
    with pytest.raises(ValueError, match="two people"):
        of_pairs([0.9, 0.8, 0.1], [("a", "b"), ("b", "c"), ("a", "c")], [True, True, False])
    with pytest.raises(TooFewSamplesError):
        of_pairs([0.9], [("a", "b")], [True])


def test_results_are_compared_and_drawn() -> None:
    good, bad = (to_json(measure(population(120, 3, noise=noise), fmr=1e-3)) for noise in (0.5, 1.3))
    assert json.loads(json.dumps(good, allow_nan=False)) == good
    rows = {one.fmr: one for one in differences(good, bad)}
    assert rows[1e-2].differs is True
    assert rows[1e-5].differs is None
    assert [one.differs for one in differences(good, good)][:2] == [False, False]
    for chart in (det([("good", good["curve"]), ("bad", bad["curve"])], (0.01, 0.1)), roc([("good", good["curve"])])):
        assert chart.startswith("<svg ")
        assert chart.count("<path") in {1, 2}
    told = det([("gut", good["curve"])], texts=CurveTexts("DET-Kurve", "FMR", "FNMR", ","))
    assert ">0,1 %<" in told
    assert ">0.1 %<" not in told
    assert percent([0.0123, 0.0101, 0.0149]) == "1.2 % (1.0 to 1.5)"
    assert percent(None) == "–"


def test_no_name_and_no_template_is_in_a_result() -> None:
    samples = population(40, 3)
    found = measure(samples, fmr=1e-2)
    assert found.suspects, "the command shows suspicious labels"
    text = json.dumps(to_json(found))
    assert not any(name in text for name in samples.names)
    assert "suspects" not in text
