"""Models: which pack serves which name of the contract, their licences and fingerprints."""

from __future__ import annotations

from functools import partial

from mien.management.roles import Permission
from mien.models.manifest import Calibration, Task
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, facts, section, table


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    store, bindings = visitor.parts.store, visitor.parts.bindings
    packs = await visitor.ask(store.manifests)
    installed = await visitor.ask(lambda: {name for name in packs if store.installed(name)})
    with section("Bindings", "The model pack behind each model name of the API; change it with mien models bind."):
        table(
            "Bindings",
            ["Name", "Served by", "Chosen by", "Fingerprint"],
            [
                [
                    label,
                    bound,
                    {"default": "default", "file": "bindings.toml", "settings": "settings"}[bindings.origin[label]],
                    store.fingerprint(bound)[:16] + "…" if label in bindings.recognition else "",
                ]
                for label, bound in sorted(bindings.as_text().items())
            ],
        )
    used = set(bindings.packs())
    with section("Packs", "Model packs that this server knows, with their sources and licences."):
        for name, pack in sorted(packs.items(), key=lambda one: (one[0] not in used, one[0] not in installed, one[0])):
            with Tag("article", classes="card"):
                with Tag("div", classes="row between"):
                    Tag("h3", f"{name} {pack.version}")
                    with Tag("div", classes="row"):
                        if name in used:
                            badge("bound", "info")
                        badge(
                            "installed" if name in installed else "not installed", "good" if name in installed else ""
                        )
                lines: list[tuple[str, object]] = [("Summary", pack.summary), ("Task", pack.task.value)]
                lines += [("Licence", pack.licence.spdx), ("Author", pack.licence.attribution)]
                if pack.task is Task.RECOGNISER:
                    lines.append(("Fingerprint", partial(Tag, "code", store.fingerprint(name))))
                    said = _calibration(measured) if (measured := pack.calibration) else "none"
                    lines.append(("Calibration", said))
                if pack.notes:
                    lines.append(("Notes", pack.notes))
                facts(lines)  # type: ignore[arg-type]  # each is text or draws


def _calibration(stated: Calibration) -> str:
    rate = f" at a false match rate of {stated.fmr:g}" if stated.fmr else ""
    return f"threshold {stated.threshold:g}{rate}; {stated.measured_on}"


PAGE = Page(
    "/models",
    "Models",
    "Which weights serve which model name.",
    "Server",
    "memory",
    render,
    needs_resource=False,
    needs=Permission.SEE,
)
