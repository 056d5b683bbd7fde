"""docs/scaling.md: the manifest and the script are what Kubernetes and Slurm can read."""

import json
import os
import re
import subprocess

import yaml
from documents import ROOT, blocks, text

from kgan.commands import train
from kgan.runs import devices

PAGE = ROOT / "docs" / "scaling.md"


def _flags(command):
    return [re.match(r"--(\w+)=", word)[1] for word in command if word.startswith("--")]


def test_the_manifest_is_a_tfjob_of_two_workers_with_kgans_flags():
    (manifest,) = [yaml.safe_load(code) for _, code in blocks(text(PAGE), "yaml")]
    worker = manifest["spec"]["tfReplicaSpecs"]["Worker"]
    (container,) = worker["template"]["spec"]["containers"]
    assert (manifest["apiVersion"], manifest["kind"], worker["replicas"]) == ("kubeflow.org/v1", "TFJob", 2)
    assert container["name"] == "tensorflow"  # the operator sets TF_CONFIG in the container of that name
    assert set(_flags(container["command"])) <= {flag.name for flag in train.FLAGS}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in worker["template"]["spec"]["volumes"]}


def test_the_slurm_script_gives_each_task_its_tf_config(tmp_path, monkeypatch):
    ((_, script),) = blocks(text(PAGE), "bash")
    tools = {"scontrol": "printf 'node1\\nnode2\\n'",
             "srun": "for SLURM_PROCID in 0 1; do export SLURM_PROCID; \"$@\" || exit; done",
             "kgan": "echo \"$TF_CONFIG\"; echo \"$@\" >&2"}
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True,
                            env={"PATH": path, "SLURM_JOB_NODELIST": "node[1-2]"})
    assert result.returncode == 0, result.stderr
    configs = [json.loads(line) for line in result.stdout.splitlines()]
    assert [config["task"] for config in configs] == [{"type": "worker", "index": 0}, {"type": "worker", "index": 1}]
    monkeypatch.setenv("TF_CONFIG", json.dumps(configs[1]))
    assert devices.workers() == ["node1:2222", "node2:2222"]
    assert set(_flags(result.stderr.split())) <= {flag.name for flag in train.FLAGS}


def test_the_page_names_every_strategy_and_says_what_never_ran():
    page = text(PAGE)
    for name in devices.STRATEGIES:
        assert f"| `{name}`" in page
    assert "No GPU was at hand" in page
    assert page.count("It was not run on a") == 2  # Kubernetes, Slurm
