"""The same networks and the same step in PyTorch: channels_last, eager, autocast for bfloat16.

PyTorch pads 5×5 kernels evenly where TensorFlow's "same" pads one more at the end: the same sizes, weights and work.
What a careful PyTorch user does is done: no graph through G in D's half, no gradients of D's weights in G's half.
"""

import torch
from torch import nn


class Reshape(nn.Module):
    """(batch, n) → (batch, channels, size, size), in channels_last."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.shape = channels, size, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reshapes."""
        return x.view(len(x), *self.shape).contiguous(memory_format=torch.channels_last)


def _up(inputs: int, outputs: int, kernel: int, strides: int = 2, output_padding: int | None = None, *,
        bias: bool = True) -> nn.Module:
    if output_padding is None:
        output_padding = 1 if strides == 2 and kernel % 2 else 0
    return nn.ConvTranspose2d(inputs, outputs, kernel, strides, (kernel - 1) // 2, output_padding, bias=bias)


def _down(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, 2, (kernel - 1) // 2, bias=bias)


def _dcgan() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(100, 6272), Reshape(128, 7), nn.BatchNorm2d(128), _up(128, 64, 5), nn.SELU(), nn.BatchNorm2d(64),
        _up(64, 1, 5), nn.Tanh())
    return generator, _dropout_judge(nn.LeakyReLU(0.2))


def _dropout_judge(activation: nn.Module) -> nn.Module:
    return nn.Sequential(_down(1, 64, 5), activation, nn.Dropout(0.3), _down(64, 128, 5), activation, nn.Dropout(0.3),
                         nn.Flatten(), nn.Linear(6272, 1))


def _tutorial() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(100, 12544, bias=False), nn.BatchNorm1d(12544), nn.LeakyReLU(0.3), Reshape(256, 7),
        _up(256, 128, 5, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.3),
        _up(128, 64, 5, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.3), _up(64, 1, 5, bias=False), nn.Tanh())
    return generator, _dropout_judge(nn.LeakyReLU(0.3))


def _dcgan_5x5() -> tuple[nn.Module, nn.Module]:
    generator = [nn.Linear(100, 2048), Reshape(512, 2), nn.BatchNorm2d(512), nn.SELU()]
    for inputs, outputs, output_padding in ((512, 256, 1), (256, 128, 0), (128, 64, 1)):
        generator += [_up(inputs, outputs, 5, 2, output_padding), nn.BatchNorm2d(outputs), nn.SELU()]
    discriminator = [_down(1, 64, 5), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
        discriminator += [_down(inputs, outputs, 5), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return (nn.Sequential(*generator, _up(64, 1, 5), nn.Tanh()),
            nn.Sequential(*discriminator, nn.Flatten(), nn.Linear(2048, 1)))


def _dcgan64() -> tuple[nn.Module, nn.Module]:
    generator = [Reshape(100, 1), nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU()]
    for inputs, outputs in ((512, 256), (256, 128), (128, 64)):
        generator += [_up(inputs, outputs, 4, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    discriminator = [_down(3, 64, 4, bias=False), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
        discriminator += [_down(inputs, outputs, 4, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return (nn.Sequential(*generator, _up(64, 3, 4, bias=False), nn.Tanh()),
            nn.Sequential(*discriminator, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten()))


def _keras_io() -> tuple[nn.Module, nn.Module]:
    generator = [nn.Linear(128, 8192), Reshape(128, 8)]
    for inputs, outputs in ((128, 128), (128, 256), (256, 512)):
        generator += [_up(inputs, outputs, 4), nn.LeakyReLU(0.2)]
    discriminator = []
    for inputs, outputs in ((3, 64), (64, 128), (128, 128)):
        discriminator += [_down(inputs, outputs, 4), nn.LeakyReLU(0.2)]
    return (nn.Sequential(*generator, nn.Conv2d(512, 3, 5, padding=2), nn.Tanh()),
            nn.Sequential(*discriminator, nn.Flatten(), nn.Dropout(0.2), nn.Linear(8192, 1)))


BUILDERS = {"dcgan": _dcgan, "tutorial": _tutorial, "dcgan_5x5": _dcgan_5x5, "dcgan64": _dcgan64,
            "keras_io": _keras_io}


def contend_pytorch(name: str, precision: str, batch_size: int, net):
    """Returns one Algorithm 1 step, and the trainable parameter counts of G and D."""
    return _contend(BUILDERS, name, precision, batch_size, net)


def _contend(builders, name: str, precision: str, batch_size: int, net):
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator, discriminator = (network.to(device, memory_format=torch.channels_last)
                                for network in builders[name]())
    betas = (net.beta_1, 0.999)
    g_optimizer = torch.optim.Adam(generator.parameters(), net.learning_rate, betas, eps=1e-7)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), net.learning_rate, betas, eps=1e-7)
    height, width, channels = net.image_shape
    real = (torch.rand(batch_size, channels, height, width) * 2 - 1).to(device, memory_format=torch.channels_last)
    softplus = nn.functional.softplus

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=precision != "float32"):
            with torch.no_grad():
                fake = generator(torch.randn(batch_size, net.latent_dim, device=device))
            d_loss = (softplus(-discriminator(real).float()) + softplus(discriminator(fake).float())).mean()
        d_optimizer.zero_grad(set_to_none=True)
        d_loss.backward()
        d_optimizer.step()
        discriminator.requires_grad_(False)
        with torch.autocast(device, torch.bfloat16, enabled=precision != "float32"):
            fake = generator(torch.randn(batch_size, net.latent_dim, device=device))
            g_loss = softplus(-discriminator(fake).float()).mean()
        g_optimizer.zero_grad(set_to_none=True)
        g_loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)
        if device == "cuda":
            torch.cuda.synchronize()

    return step, [sum(weight.numel() for weight in network.parameters()) for network in (generator, discriminator)]


def contend_torch_compile(name: str, precision: str, batch_size: int, net):
    """Returns the same step, with networks compiled by TorchInductor."""
    compiled = {key: (lambda build=build: tuple(torch.compile(network) for network in build()))
                for key, build in BUILDERS.items()}
    return _contend(compiled, name, precision, batch_size, net)
