"""Q. Zhao, Image Generation Using Generative Adversarial Networks. Nine claims; lines are those of the paper's text.

python -m experiments.papers.zhao --quick
"""

import math

from experiments.papers import drawing, networks, pages
from experiments.papers.claims import Claim, Rule, at_least, at_most, untestable
from experiments.papers.jobs import Job
from experiments.papers.measures import curves, proofs, runs

EPOCH, SEEDS, WATCH = 20_000, (0, 1, 2), {"watch_every": 1.0}  # images
OURS = Job("zhao_ours", "dcgan", 100 * EPOCH, 2 * EPOCH, "mnist_small", SEEDS, WATCH)
LIKELY = Job("zhao_likely", "dcgan", 100 * EPOCH, 2 * EPOCH, "mnist_small", SEEDS, WATCH | {"recipe": "likely"})
BOTH = (LIKELY.name, OURS.name)
ARMS = {"arm_relu_in_d": networks.relu_in_d, "arm_no_dropout": networks.without_dropout,
        "arm_no_g_norm": networks.without_g_norm, "arm_relu_in_g": networks.relu_in_g}
JOBS = (LIKELY, OURS, *(Job(name, "dcgan", 20 * EPOCH, 6_400, "mnist_small", networks=change)
                        for name, change in {"arm_same": networks.same, **ARMS}.items()))
TABLES = {  # parameters as printed: of each layer that has any, total, trainable
    "generator": (633_472, 512, 204_864, 256, 1_601, 840_705, 840_321),
    "discriminator": (1_664, 204_928, 6_273, 212_865, 212_865)}
D20, G20 = 1.41, 0.53  # losses after 20 epochs, as printed
FOOLED = math.exp(-G20)  # D(G(z)) that gives G20: 0.59; what it leaves of D20 gives D(x): 0.59 too
PAIR = {"the pair's D(G(z))": FOOLED, "its D(x)": math.exp(-D20) / (1 - FOOLED)}
CLAIMS = (
    Claim("Z1", "The networks have the printed parameters", "38-64", proofs.layer_counts(TABLES), Rule(
        "every count is the printed one", lambda n: n["printed"] == n["built"], "whole numbers")),
    Claim("Z2", "Noise before training; after 20 epochs close to the training images", "72", runs.logs(
        *BOTH, whole=20 * EPOCH, needed="train_fcd", numbers=lambda rows: {"FCD": curves.last(rows, "train_fcd")}),
          Rule("FCD to training images is 11 or less after 20 epochs; against: 30 or more",
               lambda n: at_most(n["FCD"], 11, 30), "ours: untrained networks have over 100", 0.95)),
    Claim("Z3", "After 20 epochs D's loss is 1.41", "89", runs.logs(*BOTH, whole=20 * EPOCH, numbers=lambda rows: {
        "d_loss": curves.last_epoch(rows, "d_loss"), **PAIR}), Rule(
        "within 0.05 in the last epoch; against: 0.1 off or more", lambda n: at_most(abs(n["d_loss"] - D20), 0.05, 0.1),
        "an epoch's mean moves by 0.01. Both losses as printed say that D answers 0.59 to everything, real or fake; at "
        "D = 1/2 they are 1.39 and 0.69", 0.95)),
    Claim("Z4", "… and G's is 0.53", "89", runs.logs(*BOTH, whole=20 * EPOCH, numbers=lambda rows: {
        "g_loss": curves.last_epoch(rows, "g_loss"), **PAIR}), Rule(
        "within 0.05 in the last epoch; against: 0.1 off or more", lambda n: at_most(abs(n["g_loss"] - G20), 0.05, 0.1),
        "as Z3. 0.53 is above 0, so it is not the minimax loss", 0.95)),
    Claim("Z5", "To 100 epochs G's loss keeps decreasing", "89", runs.logs(
        *BOTH, numbers=curves.since_epoch(20, "g_loss")), Rule(
        "the last fifth's mean is 5% below that around epoch 20; against: no lower",
        lambda n: at_most(n["end"] / n["epoch 20"], 0.95, 1.0), "an epoch's mean moves by 1%", 0.5)),
    Claim("Z6", "… and D's goes in the opposite direction", "89", runs.logs(
        *BOTH, numbers=curves.since_epoch(20, "d_loss")), Rule(
        "the last fifth's mean is 5% above that around epoch 20; against: no higher",
        lambda n: at_least(n["end"] / n["epoch 20"], 1.05, 1.0), "an epoch's mean moves by 1%", 0.5)),
    Claim("Z7", "At 100 epochs G draws a limited set: 1, 5, 7", "89", runs.logs(
        *BOTH, needed="share_0", numbers=lambda rows: {
        "1, 5 and 7": sum(curves.last(rows, f"share_{digit}") for digit in (1, 5, 7)),
        "smallest share": min(curves.last(rows, f"share_{digit}") for digit in range(10))}), Rule(
        "at the end 1, 5 and 7 are 90% of 2,500 samples; against: every digit is 1% or more",
        lambda n: False if n["smallest share"] >= 0.01 else True if n["1, 5 and 7"] >= 0.9 else None,
        "kgan's limit for a digit that is drawn", 0.95)),
    Claim("Z8", "LeakyReLU, dropout, batch norm and SELU each help", "36, 53", runs.arms(
        "arm_same", *ARMS, numbers=lambda n: {"fcd": n["fcd"], "modes": n["modes"]}), Rule(
        "without it a digit is lost or FCD is a tenth higher; against: neither, and no higher",
        lambda n: n["modes"] < n["modes unchanged"] or at_least(n["fcd"] / n["fcd unchanged"], 1.1, 1.0),
        "ours; one seed, so a tenth may be chance", 0.5)),
    untestable("Z9", "Mode collapse and balance are the typical challenges", "15",
               "about the field, not a result: no file would decide it"),
)
PAPER = pages.Paper("zhao", "Q. Zhao, Image Generation Using Generative Adversarial Networks", "the paper's text", JOBS,
                    CLAIMS, {
    "samples": drawing.samples(*BOTH, real=True, untrained=True), "shares": drawing.shares(*BOTH),
    "losses": drawing.losses(BOTH[0], (20 * EPOCH, D20, G20))})

if __name__ == "__main__":
    pages.main([PAPER])
