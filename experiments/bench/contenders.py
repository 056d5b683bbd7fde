"""One full adversarial step in each of the Keras ways: kgan's, the TensorFlow tutorial's, keras.io's.

`contend_<name>(name, precision, batch_size, net)` returns the step and the trainable parameter counts of G and D.
"""

import keras
import tensorflow as tf

from kgan import GAN, kernels, losses

_from_logits = keras.losses.BinaryCrossentropy(from_logits=True)


def _setting(name, precision, batch_size, net):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    generator, discriminator = net.build()
    optimizers = [keras.optimizers.Adam(net.learning_rate, net.beta_1) for _ in range(2)]
    real = tf.random.uniform((batch_size, *net.image_shape), -1, 1)
    return generator, discriminator, *optimizers, real


def _counts(*networks):
    return [sum(weight.numpy().size for weight in network.trainable_variables) for network in networks]


def contend_kgan(name, precision, batch_size, net):
    """GAN of kgan on its layers, with the settings that its commands choose."""
    step, batch, counts = _kgan(name, precision, batch_size, net)
    return lambda: step(batch), counts


def trace_kgan(name, precision, batch_size, net):
    """Returns the graph of kgan's step."""
    step, batch, _ = _kgan(name, precision, batch_size, net)
    return step.get_concrete_function(batch).graph


def _kgan(name, precision, batch_size, net):
    *networks, _, _, real = _setting(name, precision, batch_size, net)
    generator, discriminator = map(kernels.faster, networks)
    gan = GAN(generator, discriminator)
    gan.compile(loss=losses.non_saturating, g_optimizer=kernels.Adam(net.learning_rate, net.beta_1),
                d_optimizer=kernels.Adam(net.learning_rate, net.beta_1))
    step = tf.function(gan.train_step)
    batch = {"image": real}
    return step, batch, _counts(generator, discriminator)


def operations(net):
    """Returns the floating-point operations of Algorithm 1's step for an image, by the layer tables alone.

    Two for each weight and output of convolutions and products. D's half is a pass of G, two of D, and their gradients
    by weights and inputs, G's a pass of both, D's gradient by inputs and G's by both; none by the input of G, nor, in
    D's half, of D.
    """
    (generator, first_of_g), (discriminator, first_of_d) = (_forward(network) for network in net.build())
    return 4 * generator - first_of_g + 8 * discriminator - 2 * first_of_d


def _forward(network):
    """Returns the operations of a pass for an image, and those of the first layer."""
    each = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            each.append(2 * layer.kernel.numpy().size)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            transposed = isinstance(layer, keras.layers.Conv2DTranspose)
            _, rows, columns, _ = (layer.input if transposed else layer.output).shape
            each.append(2 * layer.kernel.numpy().size * rows * columns)
    return sum(each), each[0]


def contend_tutorial(name, precision, batch_size, net):
    """One G pass and two D passes; both gradients from the same passes, then both updates."""
    generator, discriminator, *optimizers, real = _setting(name, precision, batch_size, net)
    step = tutorial_step(generator, discriminator, *optimizers, net.latent_dim)
    return lambda: step(real), _counts(generator, discriminator)


def tutorial_step(generator, discriminator, g_optimizer, d_optimizer, latent_dim):
    """The TensorFlow tutorial's step (tensorflow.org/tutorials/generative/dcgan), a function of real images."""
    @tf.function
    def step(real):
        noise = tf.random.normal([tf.shape(real)[0], latent_dim])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = generator(noise, training=True)
            real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
            g_loss = _from_logits(tf.ones_like(fake_logits), fake_logits)
            d_loss = (_from_logits(tf.ones_like(real_logits), real_logits)
                      + _from_logits(tf.zeros_like(fake_logits), fake_logits))
        g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
        g_optimizer.apply_gradients(zip(g_gradients, generator.trainable_variables, strict=True))
        d_optimizer.apply_gradients(zip(d_gradients, discriminator.trainable_variables, strict=True))

    return step


def contend_keras_io(name, precision, batch_size, net):
    """keras.io's step on a batch of real images."""
    generator, discriminator, *optimizers, real = _setting(name, precision, batch_size, net)
    step = tf.function(keras_io_step(generator, discriminator, *optimizers, net.latent_dim))
    return lambda: step(real), _counts(generator, discriminator)


def keras_io_step(generator, discriminator, g_optimizer, d_optimizer, latent_dim):
    """D on fakes and reals in one batch with noisy labels, 1 for a fake; then G on fresh noise. Returns both losses.

    Source: keras.io/examples/generative/dcgan_overriding_train_step.
    """
    def step(real):
        size = tf.shape(real)[0]
        fake = generator(tf.random.normal((size, latent_dim)), training=True)
        labels = tf.concat([tf.ones((size, 1)), tf.zeros((size, 1))], 0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = _from_logits(labels, discriminator(tf.concat([fake, real], 0), training=True))
        gradients = tape.gradient(d_loss, discriminator.trainable_weights)
        d_optimizer.apply_gradients(zip(gradients, discriminator.trainable_weights, strict=True))
        noise = tf.random.normal((size, latent_dim))
        with tf.GradientTape() as tape:
            logits = discriminator(generator(noise, training=True), training=True)
            g_loss = _from_logits(tf.zeros((size, 1)), logits)
        gradients = tape.gradient(g_loss, generator.trainable_weights)
        g_optimizer.apply_gradients(zip(gradients, generator.trainable_weights, strict=True))
        return d_loss, g_loss

    return step
