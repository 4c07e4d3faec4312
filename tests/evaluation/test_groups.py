"""Differences between groups are found where they exist, and seldom where they do not; small groups are refused."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np
import pytest
from tests.evaluation.simulated import Truth

from mien.evaluation import Comparisons, Samples, TooFewSamplesError, compare
from mien.evaluation.document import Block, Chart, Document, Heading, PageBreak, Table, Text, to_html, to_pdf
from mien.evaluation.group_report import report, to_csv, to_json
from mien.evaluation.groups import Grouped, LabelledPhoto, _pairs, _people, by_group
from mien.evaluation.significance import ALPHA, chance, holm, power

RUNS = 400


def found_fnmr(one: Truth, other: Truth, random: np.random.Generator) -> float:
    """The share of runs in which a difference is found."""
    hits = 0
    for _ in range(RUNS):
        rates = [_people(each.genuine_errors(random), each.owner) for each in (one, other)]
        (first, trials1), (second, trials2) = rates
        assert first is not None
        assert second is not None
        hits += chance((first.value, trials1), (second.value, trials2)) < ALPHA
    return hits / RUNS


def found_fmr(one: Truth, other: Truth, random: np.random.Generator, runs: int = 200) -> float:
    hits = 0
    for _ in range(runs):
        rates = [_pairs(each.impostor_errors(random, each.owners), each.owners, each.people) for each in (one, other)]
        (first, trials1), (second, trials2) = rates
        assert first is not None
        assert second is not None
        hits += chance((first.value, trials1), (second.value, trials2)) < ALPHA
    return hits / runs


def test_equal_groups_seldom_differ() -> None:
    random = np.random.default_rng(1)
    for rate in (0.02, 0.05):
        assert found_fnmr(Truth(150, fnmr=rate), Truth(150, fnmr=rate), random) <= 0.05 + 2 * np.sqrt(0.05 / RUNS)
    assert found_fmr(Truth(80, fmr=0.005), Truth(80, fmr=0.005), random) <= 0.05 + 2 * np.sqrt(0.05 / 200)


def test_differences_of_the_stated_size_are_found() -> None:
    random = np.random.default_rng(2)
    assert found_fnmr(Truth(200, fnmr=0.02), Truth(200, fnmr=0.06), random) >= 0.8
    assert found_fmr(Truth(100, fmr=0.002), Truth(100, fmr=0.008), random, 100) >= 0.8


def test_the_planned_power_is_about_the_measured_one() -> None:
    random = np.random.default_rng(3)
    planned = power(0.02, 0.06, 200, comparisons=3)
    measured = found_fnmr(Truth(200, fnmr=0.02, spread=0.0), Truth(200, fnmr=0.06, spread=0.0), random)
    assert planned == pytest.approx(measured, abs=0.08)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_few_errors_are_compared_exactly() -> None:
    assert chance((0.0, 100), (0.0, 100)) == 1.0
    assert chance((0.05, 100), (0.0, 100)) == pytest.approx(0.0594, abs=2e-3)


def sample(*, worse: float = 0.6) -> tuple[Comparisons, list[LabelledPhoto], dict[int, str]]:
    """200 people: the second half's photos are noisier."""
    random = np.random.default_rng(4)
    people, photos = 200, 3
    owner = np.repeat(np.arange(people), photos)
    noise = np.where(owner < 100, 0.6, worse)[:, None]
    vectors = random.normal(size=(people, 48))[owner] + noise * random.normal(size=(len(owner), 48))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = compare(Samples(vectors.astype(np.float32), owner, people))
    shots = [LabelledPhoto(int(one), failed=bool(one >= 100 and place % 5 == 0), poor=bool(one % 7 == 0))
             for place, one in enumerate(owner)]  # fmt: skip
    return found, shots, {one: "day" if one < 100 else "night" for one in range(190)}


def measured() -> Grouped:
    found, photos, labels = sample(worse=1.2)
    return by_group("=shift", {**labels, 0: "rare", 1: "rare"}, found, photos, threshold=0.45, target=0.001)


def test_the_worse_group_is_found_and_the_small_one_refused() -> None:
    one = measured()
    assert [group.name for group in one.groups] == ["day", "night"]
    assert (one.refused, one.unlabelled) == ({"rare": 2}, 10)
    differences = {each.measure: each for each in one.differences}
    assert (differences["FNMR"].one, differences["FNMR"].found) == ("night", True)
    assert (differences["FTE"].one, differences["FTE"].found) == ("night", True)
    assert not differences["quality"].found
    assert one.ratios["FNMR"] > 1.2
    ratio = max(rates := differences["FNMR"].rates) / np.sqrt(rates[0] * rates[1] or np.nan)
    assert np.isnan(ratio) or one.ratios["FNMR"] == pytest.approx(ratio)
    assert set(one.pairs) == {("day", "night")}
    with pytest.raises(TooFewSamplesError, match="20 people"):
        found, photos, _ = sample()
        by_group("shift", {0: "a", 1: "b"}, found, photos, threshold=0.4, target=0.001)


def test_the_equalising_threshold_keeps_every_group_to_the_target() -> None:
    found, photos, labels = sample(worse=1.2)
    one = by_group("shift", labels, found, photos, threshold=0.3, target=0.002)
    assert one.equalised is not None
    for code, (name, people) in enumerate((("day", range(100)), ("night", range(100, 190)))):
        inside = np.isin(found.impostor_owners, list(people)).all(axis=1)
        assert np.mean(found.impostor[inside] >= one.equalised.threshold) <= 0.0021, (code, name)
        before, after = one.equalised.by_group[name]
        assert after >= before
    # Claims of a group are bound by its people, as all are.
    strict = by_group("shift", labels, found, photos, threshold=0.3, target=1e-4)
    assert strict.equalised is None
    assert strict.missing == {"day": 146, "night": 156}


def test_the_report_is_plain_on_its_first_page_and_safe_in_its_numbers() -> None:
    document = report([measured()], title="Rates <b>", subtitle="sample", footer="Mien")
    first = document.blocks[: next(at for at, block in enumerate(document.blocks) if isinstance(block, PageBreak))]
    words = " ".join(block.text for block in first if isinstance(block, Text))
    assert "night against day: a person is not recognised" in words
    assert not {"FMR", "FNMR", "FTE", "Holm"} & set(words.replace(",", " ").split())
    html = to_html(document)
    assert "&lt;b&gt;" in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", ""), "nothing comes from elsewhere"
    rows = list(csv.reader(StringIO(to_csv([measured()]))))
    assert {row[1] for row in rows[1:]} == {"group", "pair", "difference"}
    assert to_json([measured()])["attributes"][0]["refused"] == {"rare": 2}


def test_pdf_pages_and_letters() -> None:
    pytest.importorskip("fpdf")
    chart = next(block for block in report([measured()], title="t", subtitle="s", footer="f").blocks
                 if isinstance(block, Chart))  # fmt: skip
    blocks: list[Block] = [
        Heading("Größe – “ja”"),
        Text("≥ 1 … 北京"),
        Table(["a", "b"], [["1", "2"]] * 90),
        PageBreak(),
        chart,
    ]
    made = to_pdf(Document("Title", "sub", "foot", blocks))
    assert made.startswith(b"%PDF-")
    assert made.count(b"/Type /Page\n") >= 3
