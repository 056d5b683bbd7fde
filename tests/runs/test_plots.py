import numpy as np
from PIL import Image

from kgan.runs import plots

LOG = """step,epoch,d_loss,g_loss,D(x),D(G(z)),modes,class_kl,fcd
10,0.1,1.2,0.8,0.6,0.4,,,
20,0.2,1.1,0.9,0.7,0.3,9,0.25,40
30,0.3,1.0,nan,0.7,0.3,10,0,35
"""


def test_plot_has_a_panel_for_each_kind_of_column(tmp_path):
    log, with_scores, without = tmp_path / "log.csv", tmp_path / "a.png", tmp_path / "b.png"
    log.write_text(LOG)
    plots.save_plot(log, with_scores)
    log.write_text("\n".join(line.rsplit(",", 3)[0] for line in LOG.splitlines()))
    plots.save_plot(log, without)
    tall, short = Image.open(with_scores), Image.open(without)
    assert tall.height > 2 * short.height  # five panels and two
    assert np.asarray(short).std() > 10


def test_no_log_is_no_plot(tmp_path):
    plots.save_plot(tmp_path / "absent.csv", tmp_path / "plot.png")
    (tmp_path / "log.csv").write_text(LOG.splitlines()[0])
    plots.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
    assert not (tmp_path / "plot.png").exists()


def test_log_of_a_run_that_diverged_at_once_is_drawn(tmp_path):
    (tmp_path / "log.csv").write_text("step,d_loss,g_loss,D(x),D(G(z)),fcd\n10,nan,nan,nan,nan,nan\n")
    plots.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").exists()


def test_slopes_of_one_kind_have_a_panel_too(tmp_path):
    heights = []
    for column in ("", ",R2", ",R1", ",R1,R2"):
        zeros = ",0.5" * column.count(",")
        (tmp_path / "log.csv").write_text(f"step,d_loss,g_loss{column}\n10,1,1{zeros}\n20,1,1{zeros}\n")
        plots.save_plot(tmp_path / "log.csv", tmp_path / "plot.png")
        heights.append(Image.open(tmp_path / "plot.png").height)
    assert heights == [220, 440, 440, 440]
