"""Face attributes: each estimated by the simplest method that generalised to photos of other people.

`FaceContext` computes the inputs that the estimators of a face share, each at most once; `registry` maps attributes to
estimators; `estimate_attributes(context, wanted)` runs them. Most estimators are small linear heads (`heads.py`) on
feature maps of two networks: SFace, which an embedding runs anyway, and EfficientNet-lite0, which sees the head with
hair and chin. docs/attributes.md has the accuracy and the limits of each.
"""
