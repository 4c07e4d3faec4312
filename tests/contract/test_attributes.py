"""Attributes are closed until somebody opens them, and each is declared once."""

from __future__ import annotations

import subprocess
import sys

from mien.contract.attributes import ATTRIBUTES_OF, DECLARED, LIMITED, RETIRED, Attribute, gates_of
from mien.contract.features import Feature
from mien.contract.models import DETECTION_MODELS, RECOGNITION_MODELS
from mien.contract.versions import BY_NAME, V1_0, V1_2

ONE_MORE = """
from importlib import resources
import mien.contract.attributes as attributes

source = resources.files("mien.contract").joinpath("attributes.py").read_text(encoding="utf-8")
source = source.replace("    MAKEUP =", "    EMOJI = 'emoji'\\n    MAKEUP =", 1)
exec(compile(source, "attributes.py", "exec"), attributes.__dict__)
new = attributes.Attribute.EMOJI

from mien.contract.versions import BY_NAME
from mien.wire.detect import describe_detect
from mien.wire.detect_query import _BY_LOWER_NAME

assert not any(new in version.attributes for version in BY_NAME.values())
assert not any("emoji" in str(describe_detect(name)) for name in BY_NAME)
assert not any(new in known for known in attributes.ATTRIBUTES_OF.values())
assert "emoji" not in _BY_LOWER_NAME
try:
    attributes.gates_of(frozenset({new}))
except KeyError:
    print("closed")
"""


def test_a_member_of_the_enum_alone_is_in_no_version_no_model_and_no_document() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_MORE], capture_output=True, text=True, check=True)
    assert done.stdout == "closed\n"


def test_every_attribute_is_declared_with_its_models() -> None:
    assert list(DECLARED) == list(Attribute)
    for one in DECLARED.values():
        assert one.detection_models
        assert set(one.detection_models) <= set(DETECTION_MODELS)
        assert set(one.recognition_models) <= set(RECOGNITION_MODELS)
        assert one.label or one.gate is None
        assert one.schema(V1_2)


def test_the_limited_attributes_are_gated_and_the_others_are_not() -> None:
    assert set(LIMITED) == {
        Attribute.AGE, Attribute.SMILE, Attribute.FACIAL_HAIR, Attribute.HAIR, Attribute.MAKEUP,
    }  # fmt: skip
    assert gates_of(frozenset(Attribute)) == (Feature.LIMITED_ATTRIBUTES,)
    assert gates_of(frozenset(Attribute) - set(LIMITED)) == ()
    assert not set(RETIRED) & {one.value for one in Attribute}


def test_versions_and_models_have_what_the_contract_gives_them() -> None:
    assert BY_NAME["v1.2"].attributes == frozenset(Attribute) - {Attribute.MAKEUP}
    assert V1_0.attributes == frozenset(Attribute)
    assert ATTRIBUTES_OF["detection_02"] == frozenset()
    assert ATTRIBUTES_OF["detection_01"] == frozenset(Attribute) - {Attribute.MASK}
    assert ATTRIBUTES_OF["detection_03"] == {
        Attribute.MASK, Attribute.BLUR, Attribute.HEAD_POSE, Attribute.QUALITY,
    }  # fmt: skip
