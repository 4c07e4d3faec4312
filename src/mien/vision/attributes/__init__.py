"""Face attributes: each estimated by the simplest method that held up on photos of other people.

`FaceContext` holds what the estimators of one face share and computes it at most once; `registry` says which attribute
is estimated by what; `estimate_attributes(context, wanted)` does it. Most estimators are small linear heads
(`heads.py`) on inner maps of two networks: SFace, which an embedding runs anyway, and EfficientNet-lite0, which sees
the head with hair and chin. docs/attributes.md tells how well each works, and where it fails.
"""
