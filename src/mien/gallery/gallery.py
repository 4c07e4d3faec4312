"""Assembles the services of the gallery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from mien.clock import Clock
from mien.events import AuditLog
from mien.gallery.collections import Collections
from mien.gallery.corrections import Corrections
from mien.gallery.crops import Crops
from mien.gallery.curves import Curves
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.duplicate_check import DuplicateCheck
from mien.gallery.duplicates import Duplicates
from mien.gallery.faces import PersistedFaces
from mien.gallery.filing import PhotoFiling
from mien.gallery.last_seen import LastSeen
from mien.gallery.negatives.lookup import NegativeLookup
from mien.gallery.negatives.merging import MergedNegatives
from mien.gallery.negatives.photos import NegativePhotos
from mien.gallery.negatives.sealing import NegativeTemplates
from mien.gallery.negatives.service import Negatives
from mien.gallery.people import People
from mien.gallery.person_search import PersonSearch
from mien.gallery.persons import Persons
from mien.gallery.policy import Policies
from mien.gallery.probes import Probes
from mien.gallery.quotas import Quotas
from mien.gallery.reassignment import Reassignment
from mien.gallery.recognisers import Recognisers
from mien.gallery.recognition import Recognition
from mien.gallery.relocation import Relocation
from mien.gallery.rows import Rows
from mien.gallery.short_ids import ShortIds
from mien.gallery.similar_faces import SimilarFaces
from mien.gallery.templates import Templates
from mien.gallery.trained_state import TrainedState
from mien.gallery.training.compaction import Compaction
from mien.gallery.training.duplicates import TrainedDuplicates
from mien.gallery.training.engines import EXACT, IndexLocation, open_engines
from mien.gallery.training.indexes import Damaged, TrainedIndexes
from mien.gallery.training.loader import IndexLoader
from mien.gallery.training.shadow import Told
from mien.gallery.training.staleness import StaleCollections
from mien.gallery.training.trainer import Training
from mien.gallery.untrained_index import UntrainedIndex
from mien.gallery.untrained_recognition import UntrainedRecognition
from mien.search.milvus import MilvusServer
from mien.storage import Database, Vault
from mien.storage.claims import Claims
from mien.vision.ports import Engine


@dataclass(frozen=True, slots=True)
class Gallery:
    """The services; see `mien.gallery`.

    Attributes:
        collections: face lists, large face lists, person groups, large person groups.
        persons: their persons.
        people: finds and lists persons, for operators.
        person_search: finds the persons of a face in the current state of all groups.
        short_ids: finds persons and faces by the beginning of their ids.
        faces: their enrolled faces.
        reassignment: merging persons, moving faces between them.
        relocation: moving persons between groups.
        corrections: undoes merges and moves.
        filing: enrols many photos whose templates other processes computed, each photo once.
        policies: the requirements on photos to enrol.
        duplicates: likely duplicates that were found at enrolment.
        crops: the stored crops of photos.
        training: trains collections and reports the status.
        compaction: removes deleted templates from trained indexes.
        loader: loads trained indexes before the first search.
        stale: finds changes that trained indexes do not contain yet.
        recognition: verify and identify.
        similar_faces: find similar and group.
        untrained_recognition: identifies and compares without training.
        rows: opens sessions on collections.
        templates: encrypts and decrypts templates.
        indexes: the trained indexes.
        untrained_index: searches the current state of collections.
        duplicate_check: finds duplicates in small collections.
        last_seen: times of last recognition.
        curves: the calibrations that operators applied.
        negatives: faces that people said are not a person.
    """

    collections: Collections
    persons: Persons
    people: People
    person_search: PersonSearch
    short_ids: ShortIds
    faces: PersistedFaces
    reassignment: Reassignment
    relocation: Relocation
    corrections: Corrections
    filing: PhotoFiling
    policies: Policies
    duplicates: Duplicates
    crops: Crops
    training: Training
    compaction: Compaction
    loader: IndexLoader
    stale: StaleCollections
    recognition: Recognition
    similar_faces: SimilarFaces
    untrained_recognition: UntrainedRecognition
    rows: Rows
    templates: Templates
    indexes: TrainedIndexes
    untrained_index: UntrainedIndex
    duplicate_check: DuplicateCheck
    last_seen: LastSeen
    curves: Curves
    negatives: Negatives

    def start(self) -> None:
        """Start the threads; training threads first resume what an earlier process left."""
        self.training.begin()
        self.loader.start()
        self.indexes.shadow.start()

    def stop(self) -> None:
        """Stop the training threads; the next start resumes unfinished trainings."""
        self.indexes.shadow.stop()
        self.loader.stop()
        self.training.stop()
        self.last_seen.write()

    def purge(self) -> int:
        """Purge trained indexes, caches and files, and store last-seen days; called by the retention worker.

        Returns:
            The number of deleted items.
        """
        self.last_seen.write()
        forgotten = self.untrained_index.forget_unused() + self.duplicate_check.forget_old()
        forgotten += self.corrections.purge()
        return self.compaction.purge() + forgotten + self.indexes.sweep()


def open_gallery(
    database: Database,
    vault: Vault,
    clock: Clock,
    folder: Path,
    *,
    engine: Engine,
    recognisers: Recognisers,
    detected_faces: DetectedFaces,
    quotas: Quotas | None = None,
    trained: Callable[[UUID, int], None] | None = None,
    search_engine: str = EXACT,
    milvus: MilvusServer | None = None,
    claims: Claims | None = None,
    damaged: Damaged | None = None,
    missing: Told | None = None,
) -> Gallery:
    """Create the services; starts no thread.

    Args:
        database: the database with the collections.
        vault: encrypts templates and the keys of trained indexes.
        clock: the clock.
        folder: folder of the trained indexes, shared by all processes of a server.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        detected_faces: the short-lived face ids.
        quotas: limits of a resource; None for the contract's.
        trained: called after each successful training with the resource and the number of faces.
        search_engine: the engine that searches trained collections: `exact`, in this process and from encrypted files;
            `pgvector` (compares all) or `pgvector-hnsw` (an index) in PostgreSQL, where templates are unencrypted;
            `milvus`, where they are unencrypted too.
        milvus: the Milvus server, if one is configured.
        claims: claims of this process; None for the gallery's own.
        damaged: called with each damaged trained index, which is rebuilt.
        missing: called when a search engine misses too many people.

    Raises:
        SearchEngineError: the search engine is not available.
    """
    rows = Rows(database, clock, quotas)
    templates = Templates(vault)
    engines = open_engines(IndexLocation(folder, database, vault, milvus), search_engine)
    indexes = TrainedIndexes(engines, folder, database, vault, claims=claims, damaged=damaged, missing=missing)
    untrained_index, duplicate_check = UntrainedIndex(templates, clock), DuplicateCheck(templates, clock)
    last_seen = LastSeen(database, clock)
    curves = Curves(rows)
    sealed = NegativeTemplates(vault)
    negative_lookup = NegativeLookup(rows, sealed)
    negatives = Negatives(
        rows,
        templates,
        sealed,
        lookup=negative_lookup,
        photos=NegativePhotos(rows, recognisers, engine, detected_faces),
        audit=AuditLog(database, clock, vault),
    )
    probes, trained_state = Probes(detected_faces, recognisers, curves), TrainedState(rows, indexes)
    merged = MergedNegatives(negatives, sealed, templates, recognisers, negative_lookup)
    relocation = Relocation(rows, vault, recognisers, duplicate_check, last_seen)
    later = TrainedDuplicates(rows, templates, indexes, recognisers)
    training = Training(rows, templates, indexes, trained=trained, look=later.look)
    return Gallery(
        collections=Collections(rows, vault, recognisers, indexes),
        persons=Persons(rows),
        people=People(rows),
        person_search=PersonSearch(
            rows, templates, recognisers, indexes=indexes, untrained=untrained_index, curves=curves
        ),
        short_ids=ShortIds(database),
        faces=PersistedFaces(rows, engine, recognisers, vault, duplicate_check),
        reassignment=Reassignment(rows, last_seen, merged),
        relocation=relocation,
        corrections=Corrections(rows, relocation, merged),
        filing=PhotoFiling(rows, recognisers, vault, duplicate_check),
        policies=Policies(rows),
        duplicates=Duplicates(rows),
        crops=Crops(rows, vault),
        training=training,
        compaction=Compaction(rows, templates, indexes, training),
        loader=IndexLoader(indexes, database),
        stale=StaleCollections(rows),
        recognition=Recognition(
            rows,
            probes,
            recognisers,
            templates,
            trained=trained_state,
            last_seen=last_seen,
            curves=curves,
            negatives=negative_lookup,
        ),
        similar_faces=SimilarFaces(rows, probes, trained_state, untrained_index, last_seen=last_seen, curves=curves),
        untrained_recognition=UntrainedRecognition(
            rows,
            recognisers,
            templates,
            untrained_index=untrained_index,
            curves=curves,
            last_seen=last_seen,
            negatives=negative_lookup,
        ),
        rows=rows,
        templates=templates,
        indexes=indexes,
        untrained_index=untrained_index,
        duplicate_check=duplicate_check,
        last_seen=last_seen,
        curves=curves,
        negatives=negatives,
    )
