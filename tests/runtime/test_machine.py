import os
import re
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

import kgan
from kgan import models
from kgan.runtime import machine
from kgan.runtime.errors import UserError

DCGAN = models.recipe("dcgan")
PREFERS = machine.prefers_bfloat16  # before the tests' own setting


@pytest.mark.parametrize(("flags", "computes", "prefers"), [
    ("flags : fma avx512f avx512_bf16 avx512_fp16", True, False),
    ("flags : avx512_bf16 amx_bf16 amx_tile", True, True),
    ("Features : fp asimd bf16 i8mm", True, False),
    ("flags : fma avx2", False, False),
    (None, False, False),
])
def test_bfloat16_on_cpus(tmp_path, flags, computes, prefers):
    cpuinfo = tmp_path / "cpuinfo"
    if flags:
        cpuinfo.write_text(flags)
    assert (machine.computes_bfloat16(cpuinfo), PREFERS(cpuinfo)) == (computes, prefers)


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bfloat16_on_gpus(tmp_path, monkeypatch, capability, expected):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [gpu])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"compute_capability": capability})
    assert PREFERS(tmp_path / "absent") is expected
    assert machine.computes_bfloat16(tmp_path / "absent")


def _python(code, **environment):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
    return result.stdout.strip() or result.stderr


def test_threads_are_the_processors_that_this_process_may_use():
    one = min(os.sched_getaffinity(0))
    code = "import os; os.sched_setaffinity(0, {%d}); from kgan.runtime import machine; print(machine.threads())"
    assert _python(code % one) == "1"
    assert machine.threads() == len(os.sched_getaffinity(0))


def test_versions_record_the_threads_and_variables_that_the_user_set(monkeypatch):
    monkeypatch.setattr(machine, "_set_here", {})
    for name in machine.BITS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    machine.choose_kernels()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert not {*machine.versions()} & {*machine.BITS_VARIABLES}  # kgan's own choice is no news
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    found = machine.versions()
    assert (found["TF_NUM_INTRAOP_THREADS"], found["threads"]) == ("1", str(len(os.sched_getaffinity(0))))


@pytest.mark.parametrize(("setting", "value", "sentence"), [
    ("backend", "torch", "Keras runs on torch; kgan needs TensorFlow: set KERAS_BACKEND=tensorflow, or mend "
                         "~/.keras/keras.json, before Keras is imported."),
    ("image_data_format", "channels_first", "Keras' image_data_format is channels_first; kgan needs channels_last: "
     "call keras.config.set_image_data_format('channels_last'), or mend ~/.keras/keras.json."),
])
@pytest.mark.parametrize("use", [machine.check_backend, lambda: kgan.GAN, lambda: models.recipe("gan_nn"),
                                 lambda: models.build(DCGAN)])
def test_keras_set_otherwise_is_one_sentence(monkeypatch, use, setting, value, sentence):
    monkeypatch.setattr(keras.config, setting, lambda: value)
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        use()


@pytest.mark.parametrize("use", ["import kgan; kgan.GAN",
                                 "from kgan import models; models.build(models.recipe('gan_nn'))"])
def test_backend_that_is_not_installed_is_one_sentence(use):
    code = f"from kgan.runtime.errors import UserError\ntry:\n    {use}\nexcept UserError as error: print(error)"
    assert re.fullmatch(r"Keras is set to jax, which can't be imported \(.*jax.*\); kgan needs TensorFlow: set .*",
                        _python(code, KERAS_BACKEND="jax"))


@pytest.mark.parametrize(("environment", "keras_json"), [
    ({"KERAS_BACKEND": "jax"}, "{}"), ({}, '{"image_data_format": "channels_first"}')])
def test_a_command_with_keras_set_otherwise_ends_in_one_sentence(tmp_path, environment, keras_json):
    (tmp_path / "keras.json").write_text(keras_json)
    command = [sys.executable, "-m", "kgan.train", "--dataset=digits", f"--workdir={tmp_path / 'run'}"]
    result = subprocess.run(command, capture_output=True, text=True,
                            env=os.environ | environment | {"KERAS_HOME": str(tmp_path)})
    said = [line for line in result.stderr.splitlines() if line != "Loading TensorFlow …"]
    assert (result.returncode, result.stdout, len(said)) == (1, "", 1)
    assert said[0].startswith("kgan: Keras")
    assert not (tmp_path / "run").exists()


def test_the_environment_of_the_user_is_without_kgans_choices(monkeypatch):
    monkeypatch.setattr(machine, "_set_here", {})
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    machine.choose_kernels()
    assert "TF_ENABLE_ONEDNN_OPTS" not in machine.user_environment()
    assert machine.user_environment()["TF_CPP_MIN_LOG_LEVEL"] == "0"
