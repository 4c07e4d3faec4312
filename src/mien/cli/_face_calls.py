"""Calls of the Face API over HTTP, as any client makes them; waits when the service asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from mien.contract.models import NEWEST_DETECTION
from mien.contract.versions import STABLE

BASE: Final = f"/face/{STABLE.name}"
_DETECTION: Final = NEWEST_DETECTION
_MOST_WAITS: Final = 6
_LONGEST_WAIT: Final = 60.0
_PAGE: Final = 1000
_IDENTIFIED_AT_ONCE: Final = 10
_TRAINING_PAUSE: Final = 0.3
_TRAINED_WITHIN: Final = 300.0
"""Seconds that a call waits for the end of a training."""
_NO_ENDPOINT: Final = (
    "a Face endpoint is expected there: give scheme, host and port alone, and not the control plane's port"
)


class CallError(Exception):
    """A call failed; the text says why and, where the service knows it, what to do.

    Args:
        text: for people.
        status: HTTP status; 0 without an answer.
        code: code of the contract.
    """

    def __init__(self, text: str, status: int = 0, code: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.code = code

    @property
    def about_photo(self) -> bool:
        """Whether the photo is the reason, so that others may succeed."""
        return self.status in {400, 413, 415}


@dataclass(frozen=True, slots=True)
class Group:
    """A group of persons on the wire.

    Attributes:
        large: whether it is a large person group.
        id: its id.
        model: its recognition model.
        name: its name.
    """

    large: bool
    id: str
    model: str
    name: str

    @property
    def path(self) -> str:
        """Path of the group."""
        return _path(self.large, self.id)

    @property
    def scope(self) -> dict[str, str]:
        """The parameter by which identify and verify name it."""
        return {"largePersonGroupId" if self.large else "personGroupId": self.id}

    def __str__(self) -> str:
        return f"{'largePersonGroup' if self.large else 'personGroup'}/{self.id}"


def _path(large: bool, group: str) -> str:
    return f"{BASE}/{'largepersongroups' if large else 'persongroups'}/{quote(group, safe='')}"


class FaceCalls:
    """Calls one resource.

    Args:
        http: client with the endpoint and the key.
        on_training: called before a call waits for the end of a training, which can take minutes.
    """

    def __init__(self, http: httpx.Client, on_training: Callable[[], object] = lambda: None) -> None:
        self._http = http
        self._on_training = on_training

    def detect(self, photo: bytes, model: str) -> list[dict[str, Any]]:
        """Return the faces of a photo with their ids, the largest first.

        Args:
            photo: an image file.
            model: recognition model of the face ids.
        """
        asked = {"detectionModel": _DETECTION, "recognitionModel": model, "returnFaceId": "true"}
        return list(self._call("POST", f"{BASE}/detect", params=asked, content=photo))

    def group(self, text: str) -> Group:
        """Return a group.

        Args:
            text: KIND/ID, or an ID of either kind; large groups are looked up first.

        Raises:
            CallError: there is none, or the call failed.
        """
        kinds, name = _kinds(text)
        for large in kinds:
            try:
                found = self._call("GET", _path(large, name), params={"returnRecognitionModel": "true"})
            except CallError as error:
                if error.status != 404 or not error.code.endswith("GroupNotFound"):
                    raise
            else:
                return Group(large, name, found["recognitionModel"], found["name"])
        raise CallError(
            f"there is no group {text!r} in this resource; `mien enrol {text} FOLDER` creates it", 404, "NotFound"
        )

    def create_group(self, text: str, model: str) -> Group:
        """Create a group; a large one where the kind is not said."""
        (large, *_), name = _kinds(text)
        self._call("PUT", _path(large, name), json={"name": name[:128], "recognitionModel": model})
        return Group(large, name, model, name)

    def persons(self, group: Group) -> Iterator[dict[str, Any]]:
        """Yield the persons of a group with the ids of their faces."""
        start = ""
        while True:
            found = self._call("GET", f"{group.path}/persons", params={"start": start, "top": str(_PAGE)})
            yield from found
            if len(found) < _PAGE:
                return
            start = found[-1]["personId"]

    def person(self, group: Group, person_id: str) -> dict[str, Any]:
        """Return a person."""
        return dict(self._call("GET", f"{group.path}/persons/{person_id}"))

    def create_person(self, group: Group, name: str) -> str:
        """Create a person and return the id."""
        return str(self._call("POST", f"{group.path}/persons", json={"name": name})["personId"])

    def delete_person(self, group: Group, person_id: str) -> None:
        """Delete a person."""
        self._call("DELETE", f"{group.path}/persons/{person_id}")

    def face_data(self, group: Group, person_id: str, face_id: str) -> str | None:
        """Return the user data of an enrolled face."""
        found = self._call("GET", f"{group.path}/persons/{person_id}/persistedfaces/{face_id}")
        data = found.get("userData")
        return None if data is None else str(data)

    def add_face(self, group: Group, person_id: str, photo: bytes, data: str) -> str:
        """Enrol the only face of a photo and return its persisted id.

        Args:
            group: the group.
            person_id: id of the person whose face it is.
            photo: an image file.
            data: user data of the face.
        """
        asked = {"detectionModel": _DETECTION, "userData": data}
        path = f"{group.path}/persons/{person_id}/persistedfaces"
        return str(self._call("POST", path, params=asked, content=photo)["persistedFaceId"])

    def train(self, group: Group) -> str:
        """Train a group, wait for the end, and return its status: succeeded or failed."""
        self._call("POST", f"{group.path}/train")
        while True:
            told = self._call("GET", f"{group.path}/training")
            if told["status"] in {"succeeded", "failed"}:
                return str(told["status"])
            time.sleep(_TRAINING_PAUSE)

    def identify(
        self, group: Group, faces: list[str], *, most: int, threshold: float | None
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the candidates by face id, the likeliest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        more = {} if threshold is None else {"confidenceThreshold": threshold}
        for at in range(0, len(faces), _IDENTIFIED_AT_ONCE):
            asked = {"faceIds": faces[at : at + _IDENTIFIED_AT_ONCE], "maxNumOfCandidatesReturned": most}
            answer = self._call("POST", f"{BASE}/identify", json={**asked, **group.scope, **more})
            found.update((one["faceId"], one["candidates"]) for one in answer)
        return found

    def verify(self, body: Mapping[str, str]) -> tuple[bool, float]:
        """Return whether two faces, or a face and a person, are identical, and the confidence in [0, 1]."""
        answer = self._call("POST", f"{BASE}/verify", json=dict(body))
        return bool(answer["isIdentical"]), float(answer["confidence"])

    def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, content: bytes | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        headers = {} if content is None else {"Content-Type": "application/octet-stream"}
        waits, until, told = 0, time.monotonic() + _TRAINED_WITHIN, False
        while True:
            try:
                answer = self._http.request(method, path, params=params, content=content, json=json, headers=headers)
            except httpx.HTTPError as error:
                raise CallError(
                    f"{self._http.base_url} does not answer ({error}); `mien doctor` with the endpoint says why"
                ) from error
            if _in_training(answer) and time.monotonic() < until:  # perhaps after an edit of somebody else
                if not told:
                    self._on_training()
                    told = True
                time.sleep(_TRAINING_PAUSE)
                continue
            wait = _wait(answer)
            if answer.status_code not in {429, 503} or wait is None or waits == _MOST_WAITS:
                break
            waits += 1
            time.sleep(wait)
        if answer.is_success:
            return _json(answer) if answer.content else None
        raise _refused(answer)


def _kinds(text: str) -> tuple[tuple[bool, ...], str]:
    """Return which kinds a group may be of (True for large), and its id."""
    kind, slash, name = text.partition("/")
    if not slash:
        return (True, False), text
    kinds = {"persongroup": False, "persongroups": False, "largepersongroup": True, "largepersongroups": True}
    if kind.lower() not in kinds:
        raise CallError(f"{text!r} is not a group: write largePersonGroup/ID, personGroup/ID or ID")
    return (kinds[kind.lower()],), name


def _wait(answer: httpx.Response) -> float | None:
    told = answer.headers.get("retry-after", "")
    return min(float(told), _LONGEST_WAIT) if told.isdigit() else None


def _in_training(answer: httpx.Response) -> bool:
    """Return whether a call was refused because the group is being trained, which ends by itself."""
    return answer.status_code == httpx.codes.CONFLICT and b'TrainingNotFinished"' in answer.content


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise CallError(
            f"{answer.url.host} answers {answer.status_code} without JSON: is it a Face endpoint?"
        ) from error


def _refused(answer: httpx.Response) -> CallError:
    """Return the message of an error response, with the service's hint if it has one."""
    try:
        told = answer.json()["error"]
        code, message = str(told["code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return CallError(f"{_address(answer)} answers {answer.status_code}; {_NO_ENDPOINT}", answer.status_code)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return CallError(f"{message} `mien doctor` says what is wrong with the key.", answer.status_code, code)
    inner = told.get("innererror")
    details = inner.get("details") if isinstance(inner, dict) else None
    hint = details.get("hint") if isinstance(details, dict) else None
    more = inner.get("message") if isinstance(inner, dict) else None
    if more is None and code == "404":  # nothing has this path; a Mien says so at length
        more = f"{_address(answer)} is none of its paths; {_NO_ENDPOINT}"
    parts = [part for part in (message, more, hint) if isinstance(part, str) and part]
    return CallError(" ".join(dict.fromkeys(map(_sentence, parts))), answer.status_code, code)


def _address(answer: httpx.Response) -> str:
    """Return host, port and path of the call; a query may hold secrets, and a user before the host, too."""
    return f"{answer.url.copy_with(userinfo=b'', query=None)}"


def _sentence(text: str) -> str:
    """Return a hint as a sentence: hints of the service begin in lower case and end without a stop."""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"
