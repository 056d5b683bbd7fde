import numpy as np
import pytest
from PIL import Image

from kgan.runs import log

TEXT = "step,d_loss,fcd\r\n5,1.5,\r\n10,2,30\r\n15,nan,\r\n"
ROW = {"step": 20, "d_loss": "3", "fcd": ""}
CURVES = """step,epoch,d_loss,g_loss,D(x),D(G(z)),modes,class_kl,fcd
10,0.1,1.2,0.8,0.6,0.4,,,
20,0.2,1.1,0.9,0.7,0.3,9,0.25,40
30,0.3,1.0,nan,0.7,0.3,10,0,35
"""


def test_append_writes_the_header_once(tmp_path):
    file = tmp_path / "log.csv"
    log.append(file, ROW)
    log.append(file, {**ROW, "step": 25})
    assert file.read_bytes() == b"step,d_loss,fcd\r\n20,3,\r\n25,3,\r\n"


def test_read_gives_numbers_and_leaves_gaps_out(tmp_path):
    file = tmp_path / "log.csv"
    assert log.read(file) == []
    file.write_bytes(TEXT.encode())
    rows = log.read(file)
    assert rows[:2] == [{"step": 5, "d_loss": 1.5}, {"step": 10, "d_loss": 2, "fcd": 30}]
    assert rows[2]["d_loss"] != rows[2]["d_loss"]  # nan


def test_torn_rows_are_no_rows(tmp_path):
    file = tmp_path / "log.csv"
    for torn in ("2", "20,1", "20,1.5,3", "5"):  # "2" may be all that came of 20, and "3" of 30
        file.write_bytes((TEXT + torn).encode())
        assert [row["step"] for row in log.read(file)] == [5, 10, 15]


def test_trim_keeps_the_rows_up_to_the_step_byte_for_byte(tmp_path):
    file = tmp_path / "log.csv"
    log.trim(file, 10)
    assert not file.exists()
    file.write_bytes((TEXT + "2").encode())
    log.trim(file, 10)
    assert file.read_bytes() == TEXT.encode()[:TEXT.index("15")]
    log.trim(file, 0)
    assert file.read_bytes() == b"step,d_loss,fcd\r\n"


@pytest.mark.parametrize("content", ["", "st", "step,d_lo", "5,1.5,\r\n10,2,30\r\n", "\r\n"])
def test_a_log_without_a_whole_header_gets_one(tmp_path, content):
    """As a kill leaves it: empty or torn in the header; or with the header lost."""
    file = tmp_path / "log.csv"
    file.write_bytes(content.encode())
    assert log.read(file) == []
    log.trim(file, 10)
    log.append(file, ROW)
    assert file.read_bytes() == b"step,d_loss,fcd\r\n20,3,\r\n"


def test_an_empty_log_gets_its_header_without_a_trim_too(tmp_path):
    file = tmp_path / "log.csv"
    file.touch()
    log.append(file, ROW)
    assert file.read_bytes() == b"step,d_loss,fcd\r\n20,3,\r\n"


@pytest.mark.parametrize("tear", [b"\0" * 40 + b"\r\n", b"\0" * 40, b"\xff\xfe\x00,1,\r\n", b"7,x,\r\n", b"x,1,\r\n",
                                  b",1,\r\n", b"12,1\r\n", b"1.5,1,\r\n"])
def test_the_log_is_read_up_to_the_tear_and_trimmed_there(tmp_path, tear):
    """As a power cut may leave it: zeros, or other bytes, in place of rows, and whole rows behind them."""
    file = tmp_path / "log.csv"
    whole, rest = TEXT.encode()[:TEXT.index("10")], TEXT.encode()[TEXT.index("10"):]
    file.write_bytes(whole + tear + rest)
    assert [row["step"] for row in log.read(file)] == [5]
    log.trim(file, 10)
    assert file.read_bytes() == whole
    file.write_bytes(tear + whole)
    assert log.read(file) == []
    log.trim(file, 10)
    assert not file.exists()


@pytest.mark.parametrize("digits", [16, 400, 5000])
def test_a_step_that_no_run_reaches_is_torn(tmp_path, digits):
    file = tmp_path / "log.csv"
    file.write_bytes(TEXT.encode() + b"9" * digits + b",1,\r\n20,1,\r\n")
    assert [row["step"] for row in log.read(file)] == [5, 10, 15]
    log.trim(file, 15)
    assert file.read_bytes() == TEXT.encode()


def test_flush_syncs_the_file_and_its_name(tmp_path, monkeypatch):
    from kgan.runtime import files

    synced = []
    monkeypatch.setattr(files, "fsync", synced.append)
    log.flush(tmp_path / "log.csv")
    assert synced == []
    (tmp_path / "log.csv").touch()
    log.flush(tmp_path / "log.csv")
    assert synced == [tmp_path / "log.csv", tmp_path]


def test_plot_has_a_panel_for_each_kind_of_column(tmp_path):
    file, with_scores, without = tmp_path / "log.csv", tmp_path / "a.png", tmp_path / "b.png"
    file.write_text(CURVES)
    log.save_plot(file, with_scores)
    file.write_text("\n".join(line.rsplit(",", 3)[0] for line in CURVES.splitlines()))
    log.save_plot(file, without)
    tall, short = Image.open(with_scores), Image.open(without)
    assert tall.height > 2 * short.height  # five panels and two
    assert np.asarray(short).std() > 10


def test_no_log_is_no_plot(tmp_path):
    log.save_plot(tmp_path / "absent.csv", tmp_path / "plot.png")
    (tmp_path / "log.csv").write_text(CURVES.splitlines()[0])
    log.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
    assert not (tmp_path / "plot.png").exists()


def test_log_of_a_run_that_diverged_at_once_is_drawn(tmp_path):
    (tmp_path / "log.csv").write_text("step,d_loss,g_loss,D(x),D(G(z)),fcd\n10,nan,nan,nan,nan,nan\n")
    log.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").exists()


def test_slopes_of_one_kind_have_a_panel_too(tmp_path):
    heights = []
    for column in ("", ",R2", ",R1", ",R1,R2"):
        zeros = ",0.5" * column.count(",")
        (tmp_path / "log.csv").write_text(f"step,d_loss,g_loss{column}\n10,1,1{zeros}\n20,1,1{zeros}\n")
        log.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
        heights.append(Image.open(tmp_path / "plot.png").height)
    assert heights == [220, 440, 440, 440]
