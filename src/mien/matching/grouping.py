"""Clustering of unknown people's faces: the contract's `group`.

Average linkage: the two clusters with the highest average similarity are joined, repeatedly, while that average reaches
the threshold. bench/recognition.py compares it with other methods on labelled photos. With the threshold at a false
match rate of 1e-4, the pairwise F in sets of 1,000 photos is .978 (weighted linkage .977, complete .981 but with more
people split, Chinese whispers .934, single .822). At 1e-3 it joins strangers (.878), as 1,000 faces are half a million
pairs. Give `group` a threshold at 1e-4 or stricter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.matching.similarity import cosine_matrix


@dataclass(frozen=True, slots=True)
class Grouping:
    """A partition of faces, by their positions in the input.

    Attributes:
        groups: each of two or more positions, ascending; largest first, groups of equal size by their first position.
        messy: positions of faces that match no other, ascending.
    """

    groups: tuple[tuple[int, ...], ...]
    messy: tuple[int, ...]


def group(templates: NDArray[Any], threshold: float) -> Grouping:
    """Group faces by person.

    The result does not depend on the order of the faces: ties are decided by the templates' contents. Time and memory
    grow with n squared (1,000 faces: some 50 ms).

    Args:
        templates: float32 (n, d), unit rows of one recogniser.
        threshold: lowest average cosine similarity at which groups are joined; should have a false match rate of about
            1e-4, whatever the operating point of verify is.

    Returns:
        The groups and the faces left over.

    Raises:
        ValueError: templates is not (n, d).
    """
    if templates.ndim != 2:
        raise ValueError(f"templates must be (n, d), not {templates.shape}")
    count = len(templates)
    if count == 0:
        return Grouping((), ())
    # In a canonical order, rounding and the choice among ties are always the same.
    canonical = np.lexsort(templates.T[::-1])
    vectors = np.ascontiguousarray(templates[canonical], dtype=np.float32)
    labels = np.empty(count, dtype=np.int64)
    labels[canonical] = _average_linkage(cosine_matrix(vectors, vectors).astype(np.float64), threshold)
    members: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(position)
    groups = sorted((tuple(m) for m in members.values() if len(m) > 1), key=lambda m: (-len(m), m[0]))
    return Grouping(tuple(groups), tuple(m[0] for m in members.values() if len(m) == 1))


def _average_linkage(similarity: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Return cluster labels by the nearest-neighbour chain algorithm (Murtagh 1983); overwrites the matrix (n, n).

    A chain of nearest neighbours ends in two clusters that are each other's nearest. With average linkage a joined
    cluster is never nearer to a third than both of its parts were, so joining such pairs in any order gives the same
    hierarchy as always joining the nearest pair. If the end of a chain has no neighbour at the threshold, that cluster
    is final.
    """
    count = len(similarity)
    np.fill_diagonal(similarity, -np.inf)
    size = np.ones(count)
    labels = np.arange(count)
    open_clusters = np.ones(count, dtype=bool)
    chain: list[int] = []
    while True:
        if not chain:
            start = int(np.argmax(open_clusters))
            if not open_clusters[start]:
                return labels
            chain.append(start)
        end = chain[-1]
        row = similarity[end]
        nearest = int(np.argmax(row))
        if len(chain) > 1 and row[chain[-2]] >= row[nearest]:
            nearest = chain[-2]
        if row[nearest] < threshold:
            open_clusters[chain] = False
            chain.clear()
        elif len(chain) > 1 and nearest == chain[-2]:
            del chain[-2:]
            keep, drop = sorted((end, nearest))
            joined = (size[keep] * similarity[keep] + size[drop] * similarity[drop]) / (size[keep] + size[drop])
            joined[keep] = -np.inf
            similarity[keep], similarity[:, keep] = joined, joined
            similarity[drop], similarity[:, drop] = -np.inf, -np.inf
            size[keep] += size[drop]
            labels[labels == drop] = keep
            open_clusters[drop] = False
        else:
            chain.append(nearest)
