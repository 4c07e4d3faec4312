"""The Helm chart: rendered by helm, held against the schemas of Kubernetes."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.deploy.conftest import DEPLOY

from mien.settings import Settings

CHART = str(DEPLOY / "chart")
SECRETS = {"masterKey.existingSecret": "mien-key", "database.existingSecret": "mien-database"}
EVERYTHING = SECRETS | {
    "redis.existingSecret": "mien-cache",
    "trustedProxies": "10.0.0.0/8",
    "publicEndpoint": "https://face.example.com",
    "settings.MIEN_LOG_LEVEL": "debug",
    "ingress.enabled": "true",
    "ingress.tlsSecret": "face-tls",
    "autoscaling.enabled": "true",
    "autoscaling.queueMetric": "mien_queue_length",
}


def render(helm: Path, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    given = ",".join(f"{name}={value}" for name, value in values.items())
    command = [str(helm), "template", "face", CHART, *(["--set", given] if given else [])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def objects(helm: Path, values: dict[str, str]) -> dict[tuple[str, str], dict[str, Any]]:
    done = render(helm, values)
    assert done.returncode == 0, done.stderr
    parsed = [part for part in yaml.safe_load_all(done.stdout) if part]
    return {(part["kind"], part["metadata"]["name"]): part for part in parsed}


def test_helm_finds_no_fault(helm: Path) -> None:
    given = ",".join(f"{name}={value}" for name, value in SECRETS.items())
    done = subprocess.run(
        [helm, "lint", "--strict", CHART, "--set", given], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", [SECRETS, EVERYTHING], ids=["least", "everything"])
def test_what_is_rendered_fits_the_schemas_of_kubernetes(helm: Path, values: dict[str, str]) -> None:
    rendered = objects(helm, values)
    for kind in ("StatefulSet", "Service", "PodDisruptionBudget"):
        assert any(key[0] == kind for key in rendered)
    for thing in rendered.values():
        kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_field_would_be_found(helm: Path) -> None:
    stateful = objects(helm, SECRETS)["StatefulSet", "face"]
    stateful["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(stateful, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(("missing", "told"), [("masterKey", "master.key"), ("database", "PostgreSQL")])
def test_a_missing_secret_is_named(helm: Path, missing: str, told: str) -> None:
    done = render(helm, {name: value for name, value in SECRETS.items() if not name.startswith(missing)})
    assert done.returncode != 0
    assert f"{missing}.existingSecret" in done.stderr
    assert told in done.stderr


def test_the_documented_commands_fit_each_other(helm: Path, kubectl: Path) -> None:
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    block = re.search(r"^```bash\n((?:kubectl|helm).*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    # As they are written, but that nothing is sent to a cluster.
    lines = block[1].replace("\\\n", " ").splitlines()
    secrets = [line for line in lines if line.startswith("kubectl create secret ")]
    (install,) = [line for line in lines if line.startswith("helm install ")]

    def rendered(command: str) -> list[dict[str, Any]]:
        environment = os.environ | {"PATH": f"{helm.parent}:{kubectl.parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=DEPLOY.parent, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [part for part in yaml.safe_load_all(done.stdout) if part]

    made = {}
    for line in secrets:
        (secret,) = rendered(f"{line} --dry-run=client --output yaml")
        made[secret["metadata"]["name"]] = set(secret["data"])
    chart = rendered(install.replace("helm install", "helm template"))
    (stateful,) = [part for part in chart if part["kind"] == "StatefulSet"]
    assert f"kubectl exec {stateful['metadata']['name']}-0 -- mien " in block[1]
    pod = stateful["spec"]["template"]["spec"]
    asked: dict[str, set[str]] = {}
    for entry in pod["containers"][0]["env"]:
        if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
            asked.setdefault(reference["name"], set()).add(reference["key"])
    assert asked == made


def test_replicas_run_without_rights(helm: Path) -> None:
    pod = objects(helm, SECRETS)["StatefulSet", "face"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    container = pod["containers"][0]["securityContext"]
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_traffic_follows_readiness_and_life_does_not_depend_on_the_database(helm: Path) -> None:
    container = objects(helm, SECRETS)["StatefulSet", "face"]["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz/live"


def test_a_replica_is_given_time_to_drain(helm: Path) -> None:
    pod = objects(helm, SECRETS)["StatefulSet", "face"]["spec"]["template"]["spec"]
    environment = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
    needed = float(environment["MIEN_DRAIN_SECONDS"]) + Settings.model_fields["shutdown_seconds"].default
    assert pod["terminationGracePeriodSeconds"] > needed


def test_every_variable_is_a_setting(helm: Path) -> None:
    pod = objects(helm, EVERYTHING)["StatefulSet", "face"]["spec"]["template"]["spec"]
    names = {entry["name"] for entry in pod["containers"][0]["env"]}
    known = {f"MIEN_{name.upper()}" for name in Settings.model_fields}
    assert names <= known, json.dumps(sorted(names - known))
    assert "MIEN_LOG_LEVEL" in names


def test_with_autoscaling_the_number_of_replicas_is_left_to_it(helm: Path) -> None:
    rendered = objects(helm, EVERYTHING)
    assert "replicas" not in rendered["StatefulSet", "face"]["spec"]
    metrics = rendered["HorizontalPodAutoscaler", "face"]["spec"]["metrics"]
    assert {metric["type"] for metric in metrics} == {"Resource", "Pods"}
    assert objects(helm, SECRETS)["StatefulSet", "face"]["spec"]["replicas"] == 3
