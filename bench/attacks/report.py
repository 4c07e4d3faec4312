"""The laboratory's tables: rates by species with exact intervals, in the terms of ISO/IEC 30107-3."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mien.liveness import fusion
from mien.liveness.types import Evidence, Mode
from mien.matching.rates import clopper_pearson
from mien.vision.presentation.material import PACKS

Row = Mapping[str, Any]


def told(hits: int, count: int) -> str:
    """Return a share with its interval, for the tables."""
    found = clopper_pearson(hits, count)
    return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"


def table(rows: Sequence[Row]) -> str:
    """Return the tables of both modes as Markdown."""
    lines: list[str] = []
    for mode in ("PassiveActive", "Passive"):
        lines += [f"### {mode}", ""]
        lines += [
            "| species | kind | n | accepted | 95 % interval | spoofface | uncertain | non-response | stopped by |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        by_species: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            if row["mode"] == mode:
                by_species[row["category"], row["species"]].append(row)
        for (category, species), found in sorted(by_species.items(), key=_order):
            lines.append(_line(category, species, found))
        lines += ["", *_summary(by_species), ""]
    return "\n".join(lines).rstrip() + "\n"


def alone(rows: Sequence[Row], pack: str) -> str:
    """Return a table of the attempts that one pack of passive networks alone accepts, from the same evidence."""
    lines = [
        f"| mode | species | n | accepted with all packs | accepted with `{pack}` alone |",
        "|---|---|---|---|---|",
    ]
    counts: dict[tuple[str, str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for row in rows:
        accepted = row["outcome"] == "realface", decided_again(row, [pack])["outcome"] == "realface"
        counts[row["mode"], row["category"], row["species"]].append(accepted)
    for (mode, category, species), found in counts.items():
        every, one = sum(first for first, _ in found), sum(second for _, second in found)
        if every or one or category == "person":
            lines.append(f"| {mode} | {species} | {len(found)} | {every} | {one} |")
    return "\n".join(lines) + "\n"


def decided_again(row: Row, packs: Sequence[str] | None = None) -> dict[str, Any]:
    """Repeat an attempt's decision from its evidence, with the current curves and limits.

    Args:
        row: the attempt.
        packs: passive networks to use; None for all that were run.
    """
    if row["problem"]:
        return dict(row)
    evidence = {name: dict(told) for name, told in row["evidence"].items()}
    material = evidence.get("material", {})
    looked = {name: float(material[name]) for name in packs or PACKS if name in material}
    if looked:
        real = float(material["real"]) if packs is None else sum(looked.values()) / len(looked)
        material["score"] = fusion.material_score(real, looked)
    scores = [Evidence(name, told.get("score")) for name, told in evidence.items()]
    decision, reasons = fusion.decide(Mode(row["mode"]), scores)
    return {**row, "outcome": decision.value, "reasons": list(reasons), "evidence": evidence}


def _order(entry: tuple[tuple[str, str], Sequence[Row]]) -> tuple[int, str]:
    (category, species), _ = entry
    return ("presentation", "injection", "person").index(category), species


def _line(category: str, species: str, found: Sequence[Row]) -> str:
    outcomes = Counter(row["outcome"] for row in found)
    why = Counter(reason for row in found for reason in row["reasons"])
    why.update(row["problem"] for row in found if row["problem"])
    reasons = ", ".join(f"{name} {count}" for name, count in why.most_common(4))
    accepted = clopper_pearson(outcomes["realface"], len(found))
    cells = [
        species,
        category,
        str(len(found)),
        f"{outcomes['realface']}",
        f"{accepted.low:.1%} – {accepted.high:.1%}",
        *(str(outcomes[name]) for name in ("spoofface", "uncertain", "non-response")),
        reasons,
    ]
    return "| " + " | ".join(cells) + " |"


def _summary(by_species: Mapping[tuple[str, str], Sequence[Row]]) -> list[str]:
    def share(category: str, *outcomes: str) -> str:
        found = [row for (kind, _), rows in by_species.items() if kind == category for row in rows]
        return told(sum(row["outcome"] in outcomes for row in found), len(found)) if found else "not measured"

    def worst(category: str) -> str:
        kinds = [(rows, species) for (kind, species), rows in by_species.items() if kind == category]
        if not kinds:
            return "not measured"
        rows, species = max(kinds, key=lambda one: sum(r["outcome"] == "realface" for r in one[0]) / len(one[0]))
        return f"{told(sum(row['outcome'] == 'realface' for row in rows), len(rows))} ({species})"

    return [
        f"- APCER of the worst presentation species: {worst('presentation')}; all species together "
        f"{share('presentation', 'realface')}, non-response {share('presentation', 'non-response')}.",
        f"- IAPAR of the worst injection method: {worst('injection')}; all methods together "
        f"{share('injection', 'realface')}, non-response {share('injection', 'non-response')}.",
        f"- BPCER of the filmed person: {share('person', 'spoofface')}; uncertain {share('person', 'uncertain')}; "
        f"non-response {share('person', 'non-response')}.",
    ]
