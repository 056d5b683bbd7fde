import pytest
import tensorflow as tf

from kgan.runtime import machine

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
