"""Collections, persons, enrolled faces and training as OpenAPI, for any of the four kinds."""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.models import RECOGNITION_MODELS
from mien.contract.versions import BY_NAME
from mien.gallery import Kind, TrainingState
from mien.wire import schemas
from mien.wire.families import Family
from mien.wire.schemas import COLLECTION_ID, FACE_DATA, GUID, MODEL, NAME, USER_DATA, Json, array, in_path, record

_FIELDS: Json = {"name": NAME, "userData": USER_DATA}
_FACE = record({"persistedFaceId": GUID, "userData": FACE_DATA}, optional=["userData"])
_NAME_AND_DATA = schemas.json_body(record(_FIELDS, optional=["userData"]))
_CHANGES = schemas.json_body(record(_FIELDS, optional=_FIELDS))


@dataclass(frozen=True, slots=True)
class Documents:
    """Describes the operations of one kind of collection; every method is an `Operation.describe`."""

    family: Family

    @property
    def _collection(self) -> Json:
        properties = {self.family.id_name: COLLECTION_ID, **_FIELDS, "recognitionModel": MODEL}
        return record(properties, optional=["userData", "recognitionModel"])

    @property
    def _one(self) -> list[Json]:
        return [in_path(self.family.id_name, COLLECTION_ID)]

    @property
    def _person(self) -> list[Json]:
        return [*self._one, in_path("personId")]

    @property
    def _owner(self) -> list[Json]:
        return self._person if self.family.kind.has_persons else self._one

    @property
    def _face(self) -> list[Json]:
        return [*self._owner, in_path("persistedFaceId")]

    @property
    def _noun(self) -> str:
        return self.family.noun.lower()

    def _id(self, verb: str, what: str = "") -> str:
        return f"{verb}{self.family.name}{what}"

    def list_all(self, version: str) -> Json:
        """Describe the list of collections."""
        del version
        paged = self.family.kind is not Kind.FACE_LIST
        return schemas.operation(
            self._id("list"),
            f"Lists the {self._noun}s of the resource by ascending id.",
            parameters=[*(schemas.PAGE if paged else ()), schemas.RETURN_MODEL],
            result=array(self._collection),
            says=f"The {self._noun}s.",
        )

    def create(self, version: str) -> Json:
        """Describe the making of a collection."""
        del version
        fields = {**_FIELDS, "recognitionModel": {**MODEL, "default": RECOGNITION_MODELS[0]}}
        return schemas.operation(
            self._id("create"),
            f"Makes an empty {self._noun} under an id of your choice. Its recognition model never changes.",
            parameters=self._one,
            body=schemas.json_body(record(fields, optional=["userData", "recognitionModel"])),
        )

    def get(self, version: str) -> Json:
        """Describe the reading of a collection."""
        del version
        result = self._collection
        if self.family.kind is Kind.FACE_LIST:
            result["properties"] = {**result["properties"], "persistedFaces": array(_FACE)}
            result["required"] = [*result["required"], "persistedFaces"]
        return schemas.operation(
            self._id("get"),
            f"Returns a {self._noun}.",
            parameters=[*self._one, schemas.RETURN_MODEL],
            result=result,
            says=f"The {self._noun}.",
        )

    def update(self, version: str) -> Json:
        """Describe the changing of a collection."""
        del version
        return schemas.operation(
            self._id("update"), "Changes name, userData or both.", parameters=self._one, body=_CHANGES
        )

    def delete(self, version: str) -> Json:
        """Describe the deletion of a collection."""
        del version
        return schemas.operation(
            self._id("delete"), f"Deletes a {self._noun} with everything in it.", parameters=self._one
        )

    def list_persons(self, version: str) -> Json:
        """Describe the list of persons."""
        del version
        return schemas.operation(
            self._id("list", "Persons"),
            f"Lists the persons of a {self._noun} by ascending id.",
            parameters=[*self._one, *schemas.PAGE],
            result=array(self._person_schema),
            says="The persons.",
        )

    @property
    def _person_schema(self) -> Json:
        return record({"personId": GUID, "persistedFaceIds": array(GUID), **_FIELDS}, optional=["userData"])

    def create_person(self, version: str) -> Json:
        """Describe the making of a person."""
        del version
        return schemas.operation(
            self._id("create", "Person"),
            "Makes a person without faces.",
            parameters=self._one,
            body=_NAME_AND_DATA,
            result=record({"personId": GUID}),
            says="The id of the person.",
        )

    def get_person(self, version: str) -> Json:
        """Describe the reading of a person."""
        del version
        return schemas.operation(
            self._id("get", "Person"),
            "Returns a person with the ids of the enrolled faces.",
            parameters=self._person,
            result=self._person_schema,
            says="The person.",
        )

    def update_person(self, version: str) -> Json:
        """Describe the changing of a person."""
        del version
        return schemas.operation(
            self._id("update", "Person"), "Changes name, userData or both.", parameters=self._person, body=_CHANGES
        )

    def delete_person(self, version: str) -> Json:
        """Describe the deletion of a person."""
        del version
        return schemas.operation(
            self._id("delete", "Person"), "Deletes a person with all faces.", parameters=self._person
        )

    def add_face(self, version: str) -> Json:
        """Describe enrolling."""
        del version
        whose = "person" if self.family.kind.has_persons else self._noun
        return schemas.operation(
            self._id("add", "Face"),
            f"Enrols the one face of an image for a {whose}. The image is not kept.",
            parameters=[*self._owner, *schemas.ENROL_OPTIONS],
            body=schemas.IMAGE_BODY,
            result=record({"persistedFaceId": GUID}),
            says="The id of the face.",
        )

    def list_faces(self, version: str) -> Json:
        """Describe the list of faces."""
        del version
        return schemas.operation(
            self._id("list", "Faces"),
            f"Lists the faces of a {self._noun} by ascending id.",
            parameters=[*self._one, *schemas.PAGE],
            result=array(_FACE),
            says="The faces.",
        )

    def get_face(self, version: str) -> Json:
        """Describe the reading of a face."""
        del version
        return schemas.operation(
            self._id("get", "Face"), "Returns a face.", parameters=self._face, result=_FACE, says="The face."
        )

    def update_face(self, version: str) -> Json:
        """Describe the changing of a face."""
        del version
        return schemas.operation(
            self._id("update", "Face"),
            "Changes the userData of a face.",
            parameters=self._face,
            body=schemas.json_body(record({"userData": FACE_DATA}, optional=["userData"])),
        )

    def delete_face(self, version: str) -> Json:
        """Describe the deletion of a face."""
        del version
        return schemas.operation(self._id("delete", "Face"), "Deletes a face.", parameters=self._face)

    def train(self, version: str) -> Json:
        """Describe the start of a training."""
        del version
        return schemas.operation(
            self._id("train"),
            f"Trains a {self._noun} in the background. Searches see what it was when it was last trained.",
            parameters=self._one,
            status=202,
            says="The training has been accepted.",
            headers={"operation-Location": schemas.header("Where to ask for the training status.")},
        )

    def training_status(self, version: str) -> Json:
        """Describe the training status."""
        spelling = BY_NAME[version]
        states = [
            spelling.not_started if state is TrainingState.NOT_STARTED else state.value for state in TrainingState
        ]
        date = schemas.DATE_OR_NULL if spelling.null_dates else schemas.DATE
        dates = ("createdDateTime", "lastActionDateTime", "lastSuccessfulTrainingDateTime")
        optional = ["message"] if spelling.null_dates else ["message", *dates[1:]]
        fields = {"status": {"enum": states}, **dict.fromkeys(dates, date), "message": schemas.TEXT}
        return schemas.operation(
            self._id("get", "TrainingStatus"),
            f"Says how the last training of a {self._noun} went or is going.",
            parameters=self._one,
            result=record(fields, optional=optional),
            says="The training status.",
        )
