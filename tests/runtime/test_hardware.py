import pytest
import tensorflow as tf

from kgan.runtime import hardware, machine
from kgan.runtime.errors import UserError


@pytest.fixture
def gpus(monkeypatch):
    """Lets TensorFlow list GPUs of such names; a product on one is computed on the processor."""
    def listed(*names):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: list(names))
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": gpu})
        monkeypatch.setattr(tf, "device", lambda name: tf.name_scope("here"))
    return listed


def test_gpus_are_named(gpus):
    gpus("NVIDIA L4", "NVIDIA T4")
    assert hardware.described() == "Devices: GPU 0 (NVIDIA L4), GPU 1 (NVIDIA T4)."


@pytest.mark.parametrize("broken", [lambda a, b: tf.zeros((2, 2)), lambda a, b: (_ for _ in ()).throw(
    tf.errors.InternalError(None, None, "no kernel image is available\nfor this device"))])
def test_a_gpu_that_computes_nothing_is_a_sentence(gpus, broken, monkeypatch):
    gpus("NVIDIA X9")
    monkeypatch.setattr(tf.linalg, "matmul", broken)
    with pytest.raises(UserError, match=r"^GPU 0 \(NVIDIA X9\) can't compute \((a 2×2 product is|no kernel image is "
                       r"available\)).* CUDA_VISIBLE_DEVICES=-1\.$"):
        hardware.described()


@pytest.mark.parametrize(("system", "driver", "visible", "cuda", "libraries", "said"), [
    ("Darwin", True, None, True, True, "TensorFlow has no GPU on macOS."),
    ("Windows", True, None, True, True, "on Windows; take WSL2"),
    ("Linux", False, None, True, True, "No NVIDIA driver is installed here"),
    ("Linux", True, "-1", True, True, "CUDA_VISIBLE_DEVICES='-1' hides the GPUs."),
    ("Linux", True, "", True, True, "CUDA_VISIBLE_DEVICES='' hides the GPUs."),
    ("Linux", True, "0,1", False, True, "built without CUDA, so no GPU is used: pip install 'kgan[gpu]'."),
    ("Linux", True, None, True, False, "CUDA's libraries are not installed"),
    ("Linux", True, "0", True, True, "TensorFlow finds no GPU; it says why after TF_CPP_MIN_LOG_LEVEL=0"),
])
def test_why_there_is_no_gpu(system, driver, visible, cuda, libraries, said, monkeypatch, tmp_path):
    (tmp_path / "driver").touch()
    monkeypatch.setattr(hardware, "DRIVERS", (str(tmp_path / "driver") if driver else "/nowhere",))
    monkeypatch.setattr(hardware.platform, "system", lambda: system)
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"is_cuda_build": cuda})
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda name: libraries or None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert said in hardware.why_no_gpu()
    assert hardware.described() == f"Devices: the processor, {machine.threads()} threads. {hardware.why_no_gpu()}"


def test_determinism_is_asked_on_gpus_alone_unless_told(monkeypatch, caplog):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(1))
    for gpu, told, expected in ((False, None, 0), (True, False, 0), (True, None, 1), (False, True, 1)):
        monkeypatch.setattr(hardware, "deterministic", False)
        monkeypatch.setattr(machine, "has_gpu", lambda gpu=gpu: gpu)
        asked.clear()
        hardware.make_deterministic(told)
        assert (len(asked), hardware.deterministic) == (expected, bool(expected))
    assert "on a GPU this run can't be resumed or replayed exactly" in caplog.text
