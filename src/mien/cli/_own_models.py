"""`mien models add` and `calibrate`: recognisers of the operator's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._administration import print_json
from mien.cli._model_store import AsJson, ModelDir, errors, open_store

if TYPE_CHECKING:
    from mien.models.manifest import InputConvention, Manifest, StatedCalibration

Threshold = Annotated[float | None, typer.Option(help="Cosine similarity that is confidence 0.5.")]
Fmr = Annotated[float | None, typer.Option(help="False match rate at the threshold, if measured.")]
Tail = Annotated[
    float | None,
    typer.Option(help="How fast the rate falls above the threshold: by a factor of e every 1/tail, if measured."),
]


def add(
    name: Annotated[str, typer.Argument(help="Name of the pack.")],
    file: Annotated[Path, typer.Argument(help="The ONNX file, with its weights inside.")],
    *,
    size: Annotated[int, typer.Option(help="Width and height of the aligned face, in pixels.")] = 112,
    colour: Annotated[str, typer.Option(help="Channel order: rgb or bgr.")] = "rgb",
    mean: Annotated[float, typer.Option(help="Input is (pixel - mean) / std, pixels 0..255.")] = 127.5,
    std: Annotated[float, typer.Option(help="See --mean.")] = 127.5,
    layout: Annotated[str, typer.Option(help="Axes of the input: nchw or nhwc.")] = "nchw",
    template: Annotated[
        str | None,
        typer.Option(help='Eyes, nose tip, mouth corners in the crop: "x,y x,y x,y x,y x,y"; ArcFace\'s when absent.'),
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Name of the embedding output, if there are several outputs.")
    ] = None,
    dimension: Annotated[int | None, typer.Option(help="Expected length of the embedding.")] = None,
    threshold: Threshold = None,
    fmr: Fmr = None,
    tail: Tail = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not stated",
    manifest: Annotated[
        Path | None, typer.Option(help="A manifest to use instead of the options above (docs/models.md).")
    ] = None,
    replace: Annotated[bool, typer.Option(help="Replace your existing pack of that name.")] = False,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
) -> None:
    """Add your own recogniser: run it once, copy it into the store, print its fingerprint.

    The defaults are the conventions of ArcFace: 112 × 112, RGB, (pixel - 127.5) / 127.5.
    """
    with errors(as_json):
        from mien.models.custom import describe, try_network
        from mien.models.errors import ManifestError
        from mien.models.manifest_files import read_manifest

        store = open_store(model_dir)
        if manifest is not None:
            pack = read_manifest(manifest)
            if pack.name != name:
                message = f"{manifest} is the manifest of {pack.name!r}, not of {name!r}"
                raise ManifestError(message)
            convention = pack.network.input
            assert convention is not None
            found = try_network(file, convention, output=pack.network.output.name)
            if found.dimension != pack.network.output.dimension:
                message = f"{file.name} gives vectors of {found.dimension} numbers, the manifest says otherwise"
                raise ManifestError(message)
        else:
            calibration = None if threshold is None else _stated(threshold, fmr, tail)
            pack = describe(
                name,
                file,
                _convention(size=size, colour=colour, mean=mean, std=std, layout=layout, template=template),
                output=output,
                dimension=dimension,
                calibration=calibration,
                licence=licence,
            )
        store.add(pack, {"network": file}, replace=replace)
        fingerprint = store.fingerprint(name)
        if as_json:
            print_json(
                {
                    "name": name,
                    "fingerprint": fingerprint,
                    "dimension": pack.network.output.dimension,
                    "calibrated": pack.calibration is not None,
                    "path": str(store.path(name)),
                }
            )
        else:
            typer.echo(f"{name}: {pack.network.output.dimension} dimensions, fingerprint {fingerprint}")
            typer.echo(f"Bind it with `mien models bind recognition_04={name}`.")
        _warn_uncalibrated(pack)


def calibrate(
    name: Annotated[str, typer.Argument(help="The recogniser pack.")],
    file: Annotated[
        Path | None, typer.Argument(help="A TOML file with threshold, fmr, tail, levels and measured_on.")
    ] = None,
    *,
    threshold: Threshold = None,
    fmr: Fmr = None,
    tail: Tail = None,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
) -> None:
    """Set the calibration of a recogniser, as measured on your own photos.

    It overrides the calibration of the pack. Templates do not change. Restart the server afterwards.
    """
    with errors(as_json):
        from mien.models.calibrations import parse_calibration, write_calibration
        from mien.models.errors import ManifestError

        store = open_store(model_dir)
        if (file is None) == (threshold is None):
            message = "give either a FILE or --threshold"
            raise ManifestError(message)
        if file is not None:
            calibration = parse_calibration(file.read_text(encoding="utf-8"), str(file))
        else:
            calibration = _stated(threshold, fmr, tail)
        path = write_calibration(store.root, store.manifest(name), calibration)
        if as_json:
            print_json({"name": name, "path": str(path), "threshold": calibration.threshold})
        else:
            typer.echo(f"{name}: confidence 0.5 at similarity {calibration.threshold:g} ({path})")


def _warn_uncalibrated(pack: Manifest) -> None:
    if pack.calibration is None:
        typer.echo(
            f"Warning: {pack.name} is not calibrated, so similarities cannot be told as confidences. "
            f"State a calibration before you bind it: `mien models calibrate {pack.name} --threshold …`.",
            err=True,
        )


def _convention(
    *, size: int, colour: str, mean: float, std: float, layout: str, template: str | None
) -> InputConvention:
    from pydantic import ValidationError

    from mien.models.custom import scaled_template
    from mien.models.errors import ManifestError
    from mien.models.manifest import InputConvention
    from mien.models.manifest_files import invalid

    try:
        points: Any = [tuple(map(float, point.split(","))) for point in template.split()] if template else None
        return InputConvention.model_validate(
            {
                "width": size,
                "height": size,
                "colour": colour,
                "layout": layout,
                "mean": mean,
                "std": std,
                "template": points or scaled_template(size),
            }
        )
    except ValidationError as error:
        raise invalid("the input convention", error) from error
    except ValueError as error:
        message = f"--template should be five points, as x,y x,y x,y x,y x,y: {error}"
        raise ManifestError(message) from error


def _stated(threshold: float | None, fmr: float | None, tail: float | None) -> StatedCalibration:
    """Return the calibration that the options state."""
    from pydantic import ValidationError

    from mien.models.manifest import StatedCalibration
    from mien.models.manifest_files import invalid

    stated = {"threshold": threshold, "fmr": fmr, "tail": tail, "measured_on": "stated by the user"}
    try:
        return StatedCalibration.model_validate(stated)
    except ValidationError as error:
        raise invalid("the calibration", error) from error
