"""Clients that write, delete, train and identify through the official SDK, and record acknowledged writes.

Each client has its own large person group and works sequentially, so it knows what must exist: everything acknowledged
and not deleted since. The outcome of a failed call is unknown until it is read.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from azure.ai.vision.face import FaceAdministrationClient, FaceClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.polling import NoPolling

T = TypeVar("T")
DETECT: dict[str, Any] = {
    "detection_model": "detection_03",
    "recognition_model": "recognition_04",
    "return_face_id": True,
}
_MOST_WITH_FACE = 6
_TRAINING_SECONDS = 300.0


class RefusedError(Exception):
    """A call failed after the SDK's own retries."""


@dataclass
class Report:
    """The observations of all clients; shared between threads.

    Attributes:
        calls: number of calls by whether a fault was active, then by outcome.
        violations: violations of the invariants.
        errors: errors of calls outside faults.
    """

    calls: Counter[tuple[bool, str]] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    faulty: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, during: bool, outcome: str, detail: str = "") -> None:
        """Count a call and its outcome."""
        with self._lock:
            self.calls[during, outcome] += 1
            if detail and not during:
                self.errors.append(detail)

    def check(self, name: str, sound: bool, detail: str) -> None:
        """Count a check, and record a violation."""
        with self._lock:
            self.checks[name] += 1
            if not sound:
                self.violations.append(f"{time.strftime('%H:%M:%S')} {name}: {detail}")


@dataclass
class Person:
    """A person whose creation was acknowledged.

    Attributes:
        name: last acknowledged name.
        open_names: other possible names, from calls with unknown outcome.
        faces: acknowledged faces.
    """

    name: str
    open_names: set[str] = field(default_factory=set)
    faces: set[str] = field(default_factory=set)


class Client(threading.Thread):
    """A client, which runs until `stop` is set, then checks everything once more.

    Args:
        endpoint: endpoint of the balancer.
        key: key of the resource.
        photos: a photo of the person to enrol, and one to use as the probe.
        report: receives the observations.
        seed: seed of the random generator.
        stop: set to end the client.
    """

    def __init__(
        self, endpoint: str, key: str, photos: tuple[bytes, bytes], report: Report, seed: int, stop: threading.Event
    ) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        credential = AzureKeyCredential(key)
        options: dict[str, Any] = {"read_timeout": 40, "connection_timeout": 5}
        self._admin = FaceAdministrationClient(endpoint, credential, **options)
        self._face = FaceClient(endpoint, credential, **options)
        self._groups = self._admin.large_person_group
        self._photo, self._probe = photos
        self._report = report
        self._random = random.Random(seed)
        self._ending = stop
        self._group = f"faults-{seed}-{uuid4().hex[:6]}"
        self._persons: dict[str, Person] = {}
        self._gone: set[str] = set()
        self._open: set[str] = set()  # persons whose deletion has an unknown outcome
        self._face_id: str | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Work until `stop` is set."""
        try:
            self._insist(lambda: self._groups.create(self._group, name=self._group, recognition_model="recognition_04"))
            steps: list[tuple[int, Callable[[], None]]] = [
                (6, self._add), (4, self._rename), (3, self._remove), (3, self._enrol), (4, self._read),
                (2, self._list), (2, self._train_and_find),
            ]  # fmt: skip
            while not self._ending.is_set():
                (step,) = self._random.choices([one for _, one in steps], [weight for weight, _ in steps])
                try:
                    step()
                except RefusedError:
                    self._ending.wait(0.2)
            self._last_look()
        except BaseException as error:
            self.failure = error

    # Calls

    def _call(self, call: Callable[[], T]) -> T:
        """Make a call with the SDK's retries.

        Raises:
            ResourceNotFoundError: 404.
            RefusedError: any other response.
        """
        during = self._report.faulty.is_set()
        try:
            result = call()
        except ResourceNotFoundError:
            self._report.call(during, "answered")
            raise
        except HttpResponseError as error:
            during = during or self._report.faulty.is_set()
            conflict = error.status_code == 409  # the group is being trained, which is not a failure
            outcome = "answered" if conflict or error.status_code == 429 else f"failed {error.status_code}"
            self._report.call(during, outcome, "" if conflict else f"{error.status_code} {str(error)[:200]}")
            raise RefusedError from error
        except AzureError as error:
            during = during or self._report.faulty.is_set()
            self._report.call(during, f"failed {type(error).__name__}", str(error)[:200])
            raise RefusedError from error
        self._report.call(during or self._report.faulty.is_set(), "answered")
        return result

    def _insist(self, call: Callable[[], T]) -> T:
        """Repeat a call until it succeeds.

        Raises:
            ResourceNotFoundError: 404.
        """
        while True:
            try:
                return self._call(call)
            except RefusedError as error:
                cause = error.__cause__
                if isinstance(cause, HttpResponseError) and cause.status_code == 409 and "exist" in str(cause).lower():
                    return None  # type: ignore[return-value]  # the first attempt was executed in spite of its error
                time.sleep(0.3)

    # What clients do

    def _add(self) -> None:
        name = uuid4().hex
        person = self._call(lambda: self._groups.create_person(self._group, name=name)).person_id
        self._persons[person] = Person(name)
        self._see(person)

    def _rename(self) -> None:
        if (person := self._any()) is None:
            return
        name = uuid4().hex
        try:
            self._call(lambda: self._groups.update_person(self._group, person, name=name))
        except RefusedError:
            self._persons[person].open_names.add(name)
            raise
        self._persons[person].name, self._persons[person].open_names = name, set()
        self._see(person)

    def _enrol(self) -> None:
        with_face = [one for one, known in self._persons.items() if known.faces]
        person = self._any()
        if person is None or len(with_face) >= _MOST_WITH_FACE or self._persons[person].faces:
            return
        added = self._call(
            lambda: self._groups.add_face(self._group, person, self._photo, detection_model="detection_03")
        )
        self._persons[person].faces.add(added.persisted_face_id)

    def _remove(self) -> None:
        if len(self._persons) < 3 or (person := self._any()) is None:
            return
        known = self._persons.pop(person)
        try:
            self._call(lambda: self._groups.delete_person(self._group, person))
        except ResourceNotFoundError:
            pass  # the first attempt was executed
        except RefusedError as error:
            if isinstance(error.__cause__, HttpResponseError) and error.__cause__.status_code == 409:
                self._persons[person] = known  # the group is being trained, and nothing was deleted
            else:
                self._open.add(person)
            raise
        self._gone.add(person)
        self._see_gone(person)

    def _read(self) -> None:
        if self._gone and self._random.random() < 0.4:
            self._see_gone(self._random.choice(sorted(self._gone)))
        elif (person := self._any()) is not None:
            self._see(person)

    def _list(self) -> None:
        page = self._call(lambda: self._groups.get_persons(self._group, top=1000))  # more than a client has
        listed = {one.person_id for one in page}
        self._report.check("listed", set(self._persons) <= listed, f"{set(self._persons) - listed} not listed")
        self._report.check("not listed", not self._gone & listed, f"{self._gone & listed} listed after deletion")

    def _train_and_find(self) -> None:
        expected = {one for one, known in self._persons.items() if known.faces}
        if not expected:
            return
        try:
            self._call(lambda: self._groups.begin_train(self._group, polling=NoPolling()))
        except RefusedError as error:
            if not (isinstance(error.__cause__, HttpResponseError) and error.__cause__.status_code == 409):
                raise
        deadline = time.monotonic() + _TRAINING_SECONDS
        while (status := self._insist(lambda: self._groups.get_training_status(self._group)).status) not in {
            "succeeded",
            "failed",
        }:
            if time.monotonic() > deadline:
                self._report.check("trained", False, f"training of {self._group} is {status} for {_TRAINING_SECONDS} s")
                return
            time.sleep(0.2)
        if status == "failed":
            self._report.call(True, "training failed")
            return
        found = self._identify()
        self._report.check("found", expected <= found, f"{expected - found} not found after training, {found} were")
        self._report.check("not found", not self._gone & found, f"{self._gone & found} found after deletion")
        if (person := self._random.choice([None, *sorted(expected)])) is not None:
            known = self._persons.pop(person)
            try:
                self._call(lambda: self._groups.delete_person(self._group, person))
            except ResourceNotFoundError:
                pass
            except RefusedError:
                self._open.add(person)
                del known
                raise
            self._gone.add(person)
            found = self._identify()
            self._report.check("not found at once", person not in found, f"{person} found after its deletion")

    def _identify(self) -> set[str]:
        """Return the ids of the candidates for the probe."""
        for _ in range(2):
            if self._face_id is None:
                (face,) = self._call(lambda: self._face.detect(self._probe, **DETECT))
                self._face_id = face.face_id
            try:
                (result,) = self._call(
                    lambda: self._face.identify_from_large_person_group(
                        face_ids=[self._face_id],
                        large_person_group_id=self._group,
                        max_num_of_candidates_returned=100,
                        confidence_threshold=0.3,
                    )
                )
            except ResourceNotFoundError:
                self._report.check("face id", False, f"{self._face_id} is not known any more")
                self._face_id = None
            else:
                return {one.person_id for one in result.candidates}
        raise RefusedError

    def _see(self, person: str) -> None:
        try:
            seen = self._call(lambda: self._groups.get_person(self._group, person))
        except ResourceNotFoundError:
            self._report.check("read", False, f"person {person} was acknowledged and is not there")
            return
        known = self._persons[person]
        names = {known.name, *known.open_names}
        self._report.check("read", seen.name in names, f"person {person} is {seen.name}, not one of {names}")
        faces = set(seen.persisted_face_ids or ())
        self._report.check("faces", known.faces <= faces, f"person {person} has lost {known.faces - faces}")

    def _see_gone(self, person: str) -> None:
        try:
            self._call(lambda: self._groups.get_person(self._group, person))
        except ResourceNotFoundError:
            self._report.check("gone", True, "")
        else:
            self._report.check("gone", False, f"person {person} came back")

    def _any(self) -> str | None:
        return self._random.choice(sorted(self._persons)) if self._persons else None

    def _last_look(self) -> None:
        """Check everything after the last fault."""
        looks: list[Callable[[], None]] = [
            *(partial(self._see, person) for person in self._persons),
            *(partial(self._see_gone, person) for person in self._gone),
            self._list,
            self._train_and_find,
        ]
        for look in looks:
            while True:
                try:
                    look()
                    break
                except RefusedError:
                    time.sleep(0.5)
