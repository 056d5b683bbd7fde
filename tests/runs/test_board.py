"""What TensorBoard is given."""

import io

import numpy as np
import tensorflow as tf
from contents import rows
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from kgan import models
from kgan.runs import loop
from kgan.runs.board import TensorBoard
from kgan.runs.directory import Run


def test_a_board_has_the_log_the_grids_and_the_recipe(tmp_path, digits):
    run = Run(tmp_path / "run")
    recipe = models.recipe("gan_nn", "digits").override(steps=5, tick=2, batch_size=2, sample_every=2)
    loop.train(run, recipe, digits, callbacks=[TensorBoard(run, recipe)])
    board = EventAccumulator(str(run.path / "tensorboard"), {"tensors": 0}).Reload()
    losses = [(event.step, tf.make_ndarray(event.tensor_proto)) for event in board.Tensors("d_loss")]
    np.testing.assert_allclose(losses, [(int(row["step"]), float(row["d_loss"])) for row in rows(run)], rtol=1e-5)
    grids = {event.step: event.tensor_proto.string_val[2] for event in board.Tensors("samples")}
    assert list(grids) == [2, 4, 5]
    for step, shown in grids.items():
        np.testing.assert_array_equal(Image.open(io.BytesIO(shown)), Image.open(run.sample_file(step)))
    kept = plugin_data_pb2.HParamsPluginData()
    kept.ParseFromString(board.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    found = kept.session_start_info.hparams
    assert (found["model"].string_value, found["batch_size"].number_value) == ("gan_nn", 2)
    assert "penalty" not in found
