"""CompreFace's REST routes for recognition, as one more dialect on the same gallery; off by default.

Programs written for CompreFace keep working with the URL changed: a resource's key goes into `x-api-key`, a subject is
a person of the large person group `compreface`, and what is added is found at once, without training. The front door is
that of the Face API: the same keys, roles, approvals, rates and metering.

- `subjects` keeps subjects and their faces in the gallery, and searches them.
- `handlers` has an operation a route; `answers` shapes faces; `faults` shapes errors.
- `dialect` is the ASGI application.
"""

from mien.compreface.dialect import compreface

__all__ = ["compreface"]
