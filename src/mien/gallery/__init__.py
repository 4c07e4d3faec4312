"""Enrolled faces and their search: collections, persons, faces, training, recognition. No HTTP.

`open_gallery` returns a `Gallery`, whose attributes are these services. Ids are accepted as the caller wrote them (any
text) and returned as lower-case GUIDs; every call takes the id of its resource. Errors are typed
(`mien.gallery.errors`); one table in the wire maps them to the contract. All calls block: use worker threads.

```python
ref = CollectionRef(resource_id, Kind.LARGE_PERSON_GROUP, "staff")

gallery.collections.create(ref, name, user_data, recognition_model)                 # None
gallery.collections.get(ref)                                                        # Collection
gallery.collections.page(resource_id, kind, start="", top=1000)                     # list[Collection]
gallery.collections.update(ref, name=UNSET, user_data=UNSET)                        # None
gallery.collections.delete(ref)                                                     # None

gallery.persons.create(ref, name, user_data)                                        # person id
gallery.persons.get(ref, person_id)                                                 # Person
gallery.persons.page(ref, start="", top=1000)                                       # list[Person]
gallery.persons.update(ref, person_id, name=UNSET, user_data=UNSET)
gallery.persons.delete(ref, person_id)

gallery.faces.add(ref, image, person_id=None, target=None, operating_point=OperatingPoint.GENERAL, user_data=None)
                                                                                    # AddedFace
gallery.faces.get(ref, face_id, person_id=None)                                     # PersistedFace
gallery.faces.page(ref, start="", top=1000)                                         # list[PersistedFace], of a list
gallery.faces.all(ref)                                                              # list[PersistedFace], face list
gallery.faces.update(ref, face_id, user_data, person_id=None)
gallery.faces.delete(ref, face_id, person_id=None)
gallery.duplicates.found(ref)                                                       # list[Duplicate]
gallery.duplicates.dismiss(ref, face_id, other_face_id)                             # whether it was suspected

gallery.reassignment.merge(ref, person_id, into, despite_negatives=False)           # number of moved faces
gallery.reassignment.move_faces(ref, face_ids, person_id, into)
gallery.relocation.move(ref, person_id, to)                                         # likely duplicates there

gallery.training.start(ref)                                                         # None; runs in the background
gallery.training.status(ref)                                                        # TrainingStatus, or NotTrainedError
gallery.training.history(ref)                                                       # list[TrainingRun], newest first

gallery.recognition.verify(resource_id, face_id1, face_id2)                         # Verification
gallery.recognition.verify_person(resource_id, face_id, person_id, ref)             # Verification
gallery.recognition.identify(face_ids, ref, top=10, confidence_threshold=None)      # list[Identified]
gallery.similar_faces.find(resource_id, face_id, face_ids, mode, top=20)            # list[SimilarFace]
gallery.similar_faces.find_in(face_id, ref, mode, top=20)
gallery.similar_faces.group(resource_id, face_ids)                                  # FaceGroups

# And of `open_directory(gallery, …)`, on the same tables:
services.directory         # DirectoryPersons, see mien.gallery.directory.persons
services.dynamic_groups    # DynamicGroups, see mien.gallery.directory.dynamic_groups
services.operations        # Operations.get(resource_id, operation_id) -> Operation
services.transfers         # v1.0 snapshots, see mien.gallery.api_snapshots
services.recognition.verify_person(resource_id, face_id, person_id)                 # Verification
services.recognition.identify_persons(resource_id, face_ids, person_ids, top, confidence_threshold)  # ids, or ("*",)
services.recognition.identify_dynamic(resource_id, face_ids, group_id, top, confidence_threshold)
```

`mien.gallery.reembedding.job.Migrations` re-embeds collections with another recogniser, for `mien models migrate`.

Errors, by call (all of `mien.gallery.errors`):

* every call on a collection, recognition included: `CollectionNotFoundError` (`malformed` if the id is invalid).
* create: `InvalidCollectionIdError`, `CollectionExistsError`, `NameEmptyError`, `NameTooLongError`,
  `UserDataTooLongError`, `UnknownRecognitionModelError`, `QuotaExceededError`. update: `NothingToUpdateError`.
* pages: `StartTooLongError`, `InvalidTopError`; of the person directory `InvalidStartError`.
* persons and faces: `PersonNotFoundError`, `PersistedFaceNotFoundError` (both `malformed`).
* every write: `TrainingNotFinishedError` while the collection is being trained, `ConflictError`.
* faces.add: `NoFaceError`, `SeveralFacesError`, `TargetFaceOutOfRangeError`, `LowQualityError`, and those of
  `FaceEngine.analyze`.
* merging and moving: `SamePersonError`, `ContradictedMergeError`, `AlreadyThereError`, `NotAGroupError`,
  `OtherRecogniserError`.
* recognition: `FaceNotFoundError`, `IncompatibleModelError`, `FingerprintMismatchError`, `NotTrainedError`,
  `TrainingNotFinishedError` (only before the first success; later the last trained index stays in use),
  `FaceListEmptyError`, `PersonHasNoFaceError`, `PersonNotFoundError`.
* The wire itself checks the request: number of ids, combinations of scopes, ranges of maxNumOfCandidatesReturned and
  confidenceThreshold, syntax of targetFace.
"""

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import (
    UNSET,
    AddedFace,
    AsyncOperation,
    Candidate,
    Collection,
    Duplicate,
    FaceGroups,
    FindMode,
    Identified,
    OperationState,
    PersistedFace,
    Person,
    SimilarFace,
    Started,
    TargetFace,
    TrainingRun,
    TrainingState,
    TrainingStatus,
    Transfer,
    Unset,
    Verification,
)

__all__ = [
    "UNSET",
    "AddedFace",
    "AsyncOperation",
    "Candidate",
    "Collection",
    "CollectionRef",
    "Duplicate",
    "FaceGroups",
    "FindMode",
    "Identified",
    "Kind",
    "OperationState",
    "PersistedFace",
    "Person",
    "SimilarFace",
    "Started",
    "TargetFace",
    "TrainingRun",
    "TrainingState",
    "TrainingStatus",
    "Transfer",
    "Unset",
    "Verification",
]
