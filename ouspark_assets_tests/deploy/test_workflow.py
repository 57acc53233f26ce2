"""The workflow of the hosted CI matches its schema and uses what this repository deploys.

Nothing here runs it: that needs the CI, a container engine and a cluster.
"""

import re
import subprocess
from typing import Any

import yaml

from ouspark_assets_tests.deploy.deployment_files import read_services
from ouspark_assets_tests.support.pipeline import BIN, ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "deploy.yaml"
TRIAL = ROOT / "deploy" / "helm" / "trial"


def read_servers() -> dict[str, Any]:
    """Return the deployments of the trial cluster by name."""
    documents = yaml.safe_load_all((TRIAL / "servers.yaml").read_text(encoding="utf-8"))
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == "Deployment"}


def test_the_workflow_matches_the_schema_of_workflows() -> None:
    check = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW))
    done = subprocess.run([BIN / check[0], *check[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_runs_programs_of_this_repository_only() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "make check-deploy" in text
    scripts = re.findall(r"run: (deploy/\S+)", text)
    assert scripts == ["deploy/helm/trial/servers.sh", "deploy/helm/trial/check.sh"]
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o111
        subprocess.run(["sh", "-n", ROOT / script], check=True)


def test_the_trial_cluster_runs_the_images_of_compose_and_of_the_values() -> None:
    images = {
        name: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for name, each in read_servers().items()
    }
    services = read_services()
    assert images["postgres"] == services["postgres"].definition["image"]
    assert images["valkey"] == services["valkey"].definition["image"]
    values = yaml.safe_load((TRIAL.parent / "values.yaml").read_text(encoding="utf-8"))
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    own = f"{deployment['image']['repository']}:{deployment['image']['tag']}"
    assert images["standin"] == own
    assert own in WORKFLOW.read_text(encoding="utf-8")
