"""V. M. M. Alvarez, Image generation: GAN vs DCGAN. Twelve claims; lines are those of the paper's text.

python -m experiments.papers.alvarez --quick
"""

from experiments.papers import drawing, figure_2, pages
from experiments.papers.claims import Claim, Rule, at_least, at_most, where
from experiments.papers.jobs import Job
from experiments.papers.measures import colour, discriminators, runs, yardsticks
from experiments.papers.meher import MEHER

TEN = 600_000  # images of ten epochs
LEARNED = 49.0  # FCD: half of these untrained networks' (A6)
BOTH = ("alvarez_gan", "alvarez_dcgan")
JOBS = (
    Job("alvarez_gan", "gan", 12_000_000, 600_000, seeds=(0, 1, 2), quick_seeds=2),
    Job("alvarez_dcgan", "dcgan_alvarez", 6_000_000, 60_000, seeds=(0, 1, 2)),
    *(Job(f"sgd_{rate}", "gan", TEN, 120_000, fields={"recipe": "algorithm_1", "g_learning_rate": rate,
                                                      "d_learning_rate": rate / 2}) for rate in (0.1, 0.05, 0.02)),
    Job("sgd_goodfellow", "gan_maxout", TEN, 120_000, fields={"recipe": "experiment"}),
    *(Job(f"k_{k}", "gan", TEN, 120_000, fields={"d_steps": k, "update": "alternating"}) for k in (1, 2, 5)),
    Job("plain_gan", "gan", TEN, 102_400), Job("permuted_gan", "gan", TEN, 102_400, permuted=True),
    Job("plain_dcgan", "dcgan", 300_000, 9_600), Job("permuted_dcgan", "dcgan", 300_000, 9_600, permuted=True),
    Job("cifar_gan", "gan", MEHER.images, 20_000, "cifar10", fields={"image_size": 64, "channels": 3}), MEHER,
)
CLAIMS = (
    Claim("A1", "The DCGAN's images are \"less noisy\" than the perceptrons'", "64", runs.together(
        *BOTH, numbers=lambda gan, dcgan: {"gan": gan["roughness"], "dcgan": dcgan["roughness"]}), Rule(
        "roughness lower by 0.05 or more; against: not lower", lambda n: at_least(n["gan"] - n["dcgan"], 0.05, 0.0),
        "real training images differ from real test images by 0.01", 0.3)),
    Claim("A2", "They are \"significantly better\"", "64", runs.together(*BOTH, numbers=runs.metrics), Rule(
        "the DCGAN is better by this number, of six", lambda n: n["better"], "better means by every number", 0.3)),
    Claim("A3", "For high resolution a DCGAN is the most appropriate, with less noise", "68", colour.cifar, Rule(
        "at 64×64 in colour its SWD is lower and its roughness nearer to 1; against: neither",
        lambda n: {2: True, 0: False}.get((n["meher swd"] < n["cifar_gan swd"]) + (
            abs(n["meher roughness"] - 1) < abs(n["cifar_gan roughness"] - 1))), "the claim names both", 0.1)),
    Claim("A4", "At the end D answers 1/2 everywhere", "51", discriminators.half_everywhere(*BOTH), Rule(
        "95% of D's answers are within 0.05 of 1/2, to test images and to fakes; against: under half are",
        lambda n: at_least(min(n["near half D, test images"], n["near half D, fakes"]), 0.95, 0.5),
        "\"everywhere\" leaves room for one in twenty", 0.3)),
    Claim("A5", "… because the two densities are equal", "51", discriminators.fresh_discriminator(*BOTH), Rule(
        "the loss of a fresh D on unseen images is within 1% of 2 ln 2 = 1.386; against: 10% below it or more",
        lambda n: at_least(n["loss on unseen images"], 1.372, 1.248), "on equal densities no D has less, but by "
        "chance; one that has less proves them unequal", 0.3)),
    Claim("A6", "G begins with unrealistic images, and they become realistic", "16, 51",
          runs.untrained("alvarez_gan"), Rule(
        "FCD falls to a quarter of the untrained network's; against: to no less than 80%",
        lambda n: at_most(n["trained"] / n["untrained"], 0.25, 0.8), "ours: PCA, which draws no digits, has a third",
        0.3, early=True)),
    Claim("A7", "Different noise gives many different images", "16", runs.scores(*BOTH, numbers=lambda n, lab: {
        key: n[key] for key in ("modes", "duplicates", "recall")}), Rule(
        "all ten digits, under 1% duplicates, recall above 0.17",
        lambda n: n["modes"] == 10 and n["duplicates"] < 0.01 and n["recall"] > 0.17, "the doctor's limits. Early "
        "variety doesn't count: it can be lost", 0.9)),
    Claim("A8", "Algorithm 1, minibatch SGD, trains G", "27-49", runs.best_of({
        "as printed: log(1 - D(G(z))), no momentum": ("sgd_0.1", "sgd_0.05", "sgd_0.02"),
        "Goodfellow's own: -log D(G(z)), momentum": ("sgd_goodfellow",)}), Rule(
        "the best rate's FCD is half of the untrained network's or less; against: 80% or more",
        lambda n: at_most(n["best"], 0.5, 0.8), "ours: half is far from noise, and from digits", 0.9, early=True)),
    Claim("A9", "k, D's steps for one of G, is a hyperparameter", "27", runs.spread_of("k_1", "k_2", "k_5"), Rule(
        f"at equal images of D the worst k has 1.25 times the best's FCD, {LEARNED:.0f} or less; against: 1.1 times",
        lambda n: where(min(n["k_1"], n["k_2"], n["k_5"]) <= LEARNED, at_least(n["worst / best"], 1.25, 1.1)),
        "ours; of one seed less can't be told from chance, nor settings that all draw noise", 0.5)),
    Claim("A10", "Figure 2: a DCGAN after 100 epochs has less noise than a GAN after 200", "62", figure_2.measure, Rule(
        "the 95% interval of GAN minus DCGAN is above 0; against: below 0",
        lambda n: True if n["low"] > 0 else False if n["high"] < 0 else None, "of 25 samples only an interval tells")),
    Claim("A11", "The reason: convolutions find spatial correlations", "66", runs.permutation, Rule(
        f"where plain pixels give an FCD of {LEARNED:.0f} or less: permuted, the DCGAN's is 1.5 times it or more, the "
        "perceptrons' 1.25 at most; against: else", lambda n: where(max(n["plain_gan"], n["plain_dcgan"]) <= LEARNED, n[
            "MLP: permuted / plain"] <= 1.25 and n["DCGAN: permuted / plain"] >= 1.5),
        "to perceptrons all orders of pixels are alike, up to a seed's chance; noise is so too", 0.5)),
    Claim("A12", "GANs draw \"a whole image in parallel\", not \"one pixel at a time\"", "14",
          yardsticks.in_parallel, Rule(
        "one image by a PixelCNN takes ten times as long or more; against: less than twice",
        lambda n: at_least(n["slower by"], 10, 2),
        "784 steps that wait for each other, against one pass. That GANs serve wider domains (68) is an outlook, which "
        "no file would decide")),
)
PAPER = pages.Paper("alvarez", "V. M. M. Alvarez, Image generation: GAN vs DCGAN", "the paper's text", JOBS, CLAIMS, {
    "samples": drawing.samples(*BOTH, real=True), "answers": drawing.histogram(*BOTH),
    "noise": drawing.Drawing(drawing.noise, BOTH)})

if __name__ == "__main__":
    pages.main([PAPER])
