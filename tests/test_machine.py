import pytest

from kgan import machine


@pytest.mark.parametrize(("flags", "expected"), [
    ("flags : fma avx512f avx512_bf16 avx512_fp16", False),
    ("flags : amx_bf16 amx_tile", False),
    ("Features : fp asimd bf16 i8mm", False),
    ("flags : fma avx2", True),
])
def test_needs_xla_where_the_cpu_lacks_bfloat16(tmp_path, flags, expected):
    (tmp_path / "cpuinfo").write_text(flags)
    assert machine.needs_xla("mixed_bfloat16", tmp_path / "cpuinfo") is expected
    assert machine.needs_xla("float32", tmp_path / "cpuinfo") is False
    assert machine.needs_xla("mixed_bfloat16", tmp_path / "absent") is True
