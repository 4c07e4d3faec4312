"""CompreFace's REST routes for recognition, as another API on the same gallery; off by default.

Programs written for CompreFace only need another URL: a resource's key goes into `x-api-key`, a subject is a person of
the large person group `compreface`, and added faces are searched at once, without training. Requests pass the gateway
of the Face API, with the same keys, roles, approvals, rates and metering.

- `subjects` stores subjects and their faces in the gallery, and searches them.
- `handlers` has an operation per route. `answers` and `faults` return faces and errors as JSON.
- `dialect` is the ASGI application.
"""

from mien.compreface.dialect import compreface

__all__ = ["compreface"]
