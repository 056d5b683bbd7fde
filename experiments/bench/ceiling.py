"""The limit that the libraries set: the convolutions and matrix products of kgan's step, alone, one after another."""

import contenders
import numpy as np
import tensorflow as tf

KERNELS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "MatMul", "BatchMatMulV2")


def contend_ceiling(name, precision, batch_size, net):
    """Returns a function that runs every kernel of one step on random numbers, and no parameter counts."""
    graph = contenders.trace_kgan(name, precision, batch_size, net)
    nodes = [operation for operation in graph.get_operations() if operation.type in KERNELS]
    generator = np.random.default_rng(0)
    numbers = {}  # one array for every shape and type of input

    def feed(tensor: tf.Tensor) -> tuple:
        key = tuple(tensor.shape), tensor.dtype.name
        if key not in numbers:
            numbers[key] = tf.cast(generator.normal(size=key[0]), tensor.dtype)
        return key

    calls = [(node, [feed(tensor) for tensor in node.inputs if tensor.dtype.is_floating]) for node in nodes]

    @tf.function
    def run(numbers):
        done, corners = [], []
        for node, keys in calls:
            with tf.control_dependencies(done):
                output = _call(node, [numbers[key] for key in keys])
                corners.append(tf.reshape(output, [-1])[0])  # what nobody reads is not computed
            done = corners[-1:]
        return corners

    return lambda: run(numbers), None


def _call(node: tf.Operation, inputs: list[tf.Tensor]) -> tf.Tensor:
    """The same kernel on other numbers."""
    if node.type == "MatMul":
        return tf.matmul(*inputs, node.get_attr("transpose_a"), node.get_attr("transpose_b"))
    if node.type == "BatchMatMulV2":
        return tf.matmul(*inputs, node.get_attr("adj_x"), node.get_attr("adj_y"))
    settings = {"strides": node.get_attr("strides"), "padding": node.get_attr("padding").decode()}
    if node.type == "Conv2D":
        return tf.raw_ops.Conv2D(input=inputs[0], filter=inputs[1], **settings)
    first, out_backprop = inputs
    if node.type == "Conv2DBackpropFilter":
        return tf.raw_ops.Conv2DBackpropFilter(input=first, filter_sizes=node.outputs[0].shape,
                                               out_backprop=out_backprop, **settings)
    sizes = (out_backprop.shape[0], *node.outputs[0].shape[1:])
    return tf.raw_ops.Conv2DBackpropInput(input_sizes=sizes, filter=first, out_backprop=out_backprop, **settings)


def matmul_peak(seconds: float = 2.0) -> dict[str, float]:
    """GFLOP/s of a product of two 2048×2048 matrices."""
    import time

    rates = {}
    for kind in (tf.float32, tf.bfloat16):
        matrix = tf.cast(tf.random.normal((2048, 2048)), kind)
        multiply = tf.function(lambda one: tf.matmul(one, one))
        multiply(matrix)
        times, started = [], time.perf_counter()
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            multiply(matrix)
            times.append(time.perf_counter() - before)
        rates[kind.name] = round(2 * 2048**3 / min(times) / 1e9)
    return rates
