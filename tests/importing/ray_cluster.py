"""A Ray cluster of two nodes on this machine, for tests: real processes of Ray, each node with one core."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

# The second keeps all of Ray on the loopback address, as it does by default on other systems than Linux.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_SERVE = """
import sys
from ray.cluster_utils import Cluster
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
cluster = Cluster(
    initialize_head=True,
    head_node_args={"include_dashboard": False, **NODE},
)
other = cluster.add_node(**NODE)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(other, allow_graceful=False)
    print("removed", flush=True)
cluster.shutdown()
"""


@dataclass(frozen=True)
class RayCluster:
    """A cluster.

    Attributes:
        address: of it, for `--ray`.
    """

    address: str
    commands: IO[str]
    answers: IO[str]

    def kill_a_node(self) -> None:
        """Kill the node that is not the first."""
        self.commands.write("kill\n")
        self.commands.flush()
        assert self.answers.readline().strip() == "removed"


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Start a cluster of two nodes; all its processes end with the block."""
    folder = tempfile.mkdtemp(prefix="mien-ray-", dir="/tmp")  # the paths of its sockets must be short
    environment = {**os.environ, **ENVIRONMENT, "RAY_TMPDIR": folder}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster did not start"
        yield RayCluster(address, process.stdin, process.stdout)
    finally:
        process.stdin.close()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
