"""Nearest-neighbour search over a collection's templates: two interfaces and three engines.

* `types` - the interfaces `TemplateSearch` and `TrainedStore`; the data searched (`EnrolledTemplates`), `Query` and
  `Match`.
* `exact` - `ExactSearch`, in process: compares with every template. The default.
* `index_files` - `TrainedIndexFiles`, the trained index of a collection on disk; loads an `ExactSearch`.
* `pgvector` - `PgVectorSearch`, the templates in PostgreSQL.
* `milvus`, `milvus_store`, `milvus_search` - `MilvusSearch`, the templates in a Milvus server.

A fingerprint identifies the recogniser of the templates; callers compare fingerprints before they search.

Example:
    >>> import numpy as np, uuid
    >>> from mien.search import EnrolledTemplates, ExactSearch, Query
    >>> template = np.eye(4, dtype=np.float32)
    >>> who = [uuid.UUID(int=i) for i in range(4)]
    >>> search = ExactSearch.of(EnrolledTemplates.of(who, who, template), fingerprint="f" * 64)
    >>> search.search(template[2:3], Query(top=1))[0][0].person_id == who[2]
    True
"""

from mien.search.errors import (
    SearchEngineError,
    SearchServerError,
    TrainedIndexCorruptError,
    TrainedIndexError,
    TrainedIndexKeyError,
    TrainedIndexMissingError,
)
from mien.search.exact import ExactSearch
from mien.search.index_files import TrainedIndexFiles
from mien.search.types import EnrolledTemplates, Match, Query, TemplateSearch, TrainedStore

__all__ = [
    "EnrolledTemplates",
    "ExactSearch",
    "Match",
    "Query",
    "SearchEngineError",
    "SearchServerError",
    "TemplateSearch",
    "TrainedIndexCorruptError",
    "TrainedIndexError",
    "TrainedIndexFiles",
    "TrainedIndexKeyError",
    "TrainedIndexMissingError",
    "TrainedStore",
]
