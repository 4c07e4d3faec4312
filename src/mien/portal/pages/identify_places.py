"""Search scopes for identification: trained groups, and the person directory or its dynamic groups, by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mien.gallery.directory.recognition import EVERYONE
from mien.gallery.kinds import PERSON_GROUPS, CollectionRef
from mien.gallery.types import Identified
from mien.portal.texts import t, tn
from mien.portal.visitor import Visitor

_CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class SearchScope:
    """A set of enrolled people to search.

    Attributes:
        title: short title.
        about: details.
        recognition_model: recognition model of the scope's faces.
        noted: name in the audit log.
        identify: finds the candidates of short-lived face ids, in a thread.
        names: returns the names of persons by id, in a thread.
        address: returns the path of a person's page.
        ref: the trained group; None for a scope of the directory.
    """

    title: str
    about: str
    recognition_model: str
    noted: str
    identify: Callable[[Sequence[str]], list[Identified]]
    names: Callable[[Sequence[str]], Mapping[str, str]]
    address: Callable[[str], str]
    ref: CollectionRef | None = None


def places(visitor: Visitor) -> dict[str, SearchScope]:
    """Return the search scopes of the resource by key; reads the database."""
    return {place.noted: place for place in (*_groups(visitor), *_directory(visitor))}


def _groups(visitor: Visitor) -> list[SearchScope]:
    gallery, resource_id = visitor.parts.gallery, visitor.resource.id

    def place(ref: CollectionRef, title: str, about: str, model: str) -> SearchScope:
        return SearchScope(
            title,
            about,
            model,
            ref.path,
            lambda faces: gallery.recognition.identify(faces, ref, top=_CANDIDATES),
            lambda ids: {one: gallery.persons.get(ref, one).name for one in ids},
            lambda one: f"/people/{ref.kind.value}/{ref.collection_id}/{one}",
            ref,
        )

    return [
        place(
            CollectionRef(resource_id, kind, one.collection_id),
            one.name,
            tn("{count:,} person, {model}", "{count:,} persons, {model}", one.persons, model=one.recognition_model),
            one.recognition_model,
        )
        for kind in PERSON_GROUPS
        for one in gallery.collections.page(resource_id, kind)
    ]


def _directory(visitor: Visitor) -> list[SearchScope]:
    """Return the directory and its groups, once per recognition model with faces."""
    services, resource_id = visitor.parts.directory, visitor.resource.id
    found = services.recognition
    sizes = services.views.sizes(resource_id)

    def names(ids: Sequence[str]) -> dict[str, str]:
        return {person_id: one.name for person_id, one in services.views.named(resource_id, ids).items()}

    def everybody(model: str, faces: int) -> SearchScope:
        return SearchScope(
            t("Whole directory · {model}", model=model),
            tn("{count:,} face", "{count:,} faces", faces),
            model,
            f"directory/{model}",
            lambda ids: found.identify_persons(resource_id, ids, EVERYONE, top=_CANDIDATES),
            names,
            lambda one: f"/directory/persons/{one}",
        )

    def group(group_id: str, name: str, persons: int, model: str) -> SearchScope:
        return SearchScope(
            f"{name} · {model}",
            tn("dynamic group of {count:,} person", "dynamic group of {count:,} persons", persons),
            model,
            f"dynamicPersonGroup/{group_id}/{model}",
            lambda ids: found.identify_dynamic(resource_id, ids, group_id, top=_CANDIDATES),
            names,
            lambda one: f"/directory/persons/{one}",
        )

    groups = services.views.groups(resource_id) if sizes.faces else []
    models = sorted(sizes.faces, reverse=True)  # newest first
    return [everybody(model, sizes.faces[model]) for model in models] + [
        group(one.group.group_id, one.group.name, one.persons, model) for one in groups for model in models
    ]
