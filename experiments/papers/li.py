"""Li, Luo & Gu, Image Generation Using Generative Adversarial Nets. Twenty claims; lines are those of the paper's text.

python -m experiments.papers.li --quick
"""

from experiments.papers import drawing, pages
from experiments.papers.claims import Claim, Rule, at_least, at_most, untestable
from experiments.papers.jobs import Job
from experiments.papers.measures import closed_form, curves, judges, proofs, runs, yardsticks
from experiments.papers.zhao import LIKELY

GANS, ALL, ENDS = ("li_gan_nn", "li_dcgan"), ("li_pca", "li_gan_nn", "li_dcgan"), ("D(x)", "D(G(z))")
CELEBA = ("CelebA's img_align_celeba.zip is not here. It would take `kgan train --model=dcgan_5x5 --dataset=celeb_a "
          "--data=img_align_celeba.zip`")
JOBS = (Job("li_pca", "pca", 0, 0), Job("li_gan_nn", "gan_nn", 6_000_000, 600_000, seeds=range(5), quick_seeds=5),
        LIKELY, Job("li_dcgan", "dcgan_5x5", 1_500_000, 6_400, seeds=(0, 1), fields={"watch_every": 1.0}))
CLAIMS = (
    Claim("L1", "PCA draws white strokes in the centre on black", "122", closed_form.strokes, Rule(
        "background within 0.025 of black, of 2, and 90% of the ink in the centre's 20×20 pixels",
        lambda n: n["background"] < 0.025 and n["ink in the centre"] > 0.9, "the doctor's limit; digits fill 20×20")),
    Claim("L2", "PCA's images are \"not even similar to any handwritten digits\"", "122", closed_form.wide_uniforms,
          Rule("with this uniform, of four, coverage is at most 0.1; against: 0.25 or more", lambda n: at_most(
              n["coverage"], 0.1, 0.25), "the doctor's limit for another kind of image")),
    Claim("L3", "GAN(NN): most look like digits, though not clear", "122", runs.scores(
        "li_gan_nn", numbers=lambda n, lab: {key: n[key] for key in ("precision", "roughness", "one_nn")}), Rule(
        "1-NN error below 0.4 and roughness above 1.15", lambda n: n["one_nn"] < 0.4 and n["roughness"] > 1.15,
        "a 1-NN classifier of samples names most test digits; noise has a precision of 0.9. The doctor's limit", 0.05)),
    Claim("L4", "GAN(NN) is better than PCA", "122", runs.together(*ALL[:2], numbers=lambda pca, nn: {
        "PCA": pca["fcd"], "GAN(NN)": nn["fcd"]}),
          Rule("its FCD is lower", lambda n: n["GAN(NN)"] < n["PCA"], "kgan's first number", 0.05)),
    Claim("L5", "DCGAN is \"almost perfect\" on MNIST", "122", runs.scores("li_dcgan", numbers=lambda n, lab: {
        "one_nn": n["one_nn"], "real": lab.real["one_nn"], "precision": n["precision"]}), Rule(
        "1-NN error is 1.5 times real images' or less; against: 2.5 times or more",
        lambda n: at_most(n["one_nn"] / n["real"], 1.5, 2.5), "ours; as L3", 0.5)),
    Claim("L6", "DCGAN outperforms the other two", "122", runs.together(*ALL, numbers=lambda pca, nn, dcgan: {
        "PCA": pca["fcd"], "GAN(NN)": nn["fcd"], "DCGAN": dcgan["fcd"]}), Rule(
        "its FCD is the lowest", lambda n: n["DCGAN"] < min(n["PCA"], n["GAN(NN)"]), "as L4", 0.5)),
    untestable("L7", "CelebA: some are hard to tell from real faces", "122", f"{CELEBA}, and a look at its grids"),
    untestable("L8", "CelebA takes several days on a laptop", "122", "neither their laptop nor their length is known. "
               f"{CELEBA}, on a laptop, whose first line says how long it will take"),
    Claim("L9", "Losses fluctuate and never converge smoothly", "122, 128", runs.logs(*GANS, numbers=curves.spread),
          Rule("D's loss has a spread of 10% of its mean in the second half; against: 5% or less", lambda n: at_least(
              n["spread of d_loss"], 0.1, 0.05), "a level GAN(NN) has 1%", 0.05)),
    Claim("L10", "In general D's loss decreases", "124", runs.logs(*GANS, numbers=curves.falls_and_rises), Rule(
        "the last quarter's mean is 5% below the first's; against: no lower",
        lambda n: at_least(n["D's fall"], 0.05, 0.0), "ours: five times what a level GAN(NN) moves", 0.05)),
    Claim("L11", "D's loss on real images decreases", "124", runs.logs(
        *GANS, numbers=curves.quarters("d_loss_real"), needed="d_loss_real"), Rule(
        "the last quarter's mean is 5% below the first's; against: no lower", lambda n: at_most(
            n["d_loss_real, last quarter"] / n["d_loss_real, first quarter"], 0.95, 1.0), "as L10", 0.05)),
    Claim("L12", "G's loss does not rise to a comparable extent", "124", runs.logs(
        "li_dcgan", numbers=curves.falls_and_rises), Rule("its rise is a smaller share than the fall of D's",
        lambda n: n["G's rise"] < n["D's fall"], "both as shares of the first quarter's mean", 0.05)),
    Claim("L13", "After a good epoch quality drops suddenly, and losses rise sharply", "124, 128", runs.logs(
        "li_dcgan", numbers=curves.drops, needed="train_fcd"), Rule(
        "from a look to the next FCD rises by half and a loss by a fifth; against: FCD never by over a fifth",
        lambda n: False if n["rise of FCD"] <= 0.2 else True if n["rise of FCD"] >= 0.5 and max(
            n["of G's loss"], n["of D's loss"]) >= 0.2 else None, "in Zhao's 100 epochs it rises by 13% at most", 0.5)),
    Claim("L14", "D = 1/2 everywhere is hard to reach", "59, 71, 128", runs.logs(
        *GANS, numbers=curves.quarters(*ENDS)), Rule(
        "mean D(x) or D(G(z)) is 0.05 or more from 1/2 in the last quarter; against: both within 0.02",
        lambda n: at_least(max(abs(n[f"{key}, last quarter"] - 0.5) for key in ENDS), 0.05, 0.02),
        "means can be 1/2 where D isn't", 0.05)),
    Claim("L15", "For a fixed G, D estimates p_data / p_model", "83-85", proofs.density_ratio, Rule(
        "the logit is within a tenth of the exact log ratio's range; against: half of it off", lambda n: at_most(
            n["largest difference"] / n["range of the exact"], 0.1, 0.5), "the optimal D's logit is the log ratio")),
    Claim("L16", "Adversarial images are sharper, as in super-resolution", "29", closed_form.enlarged, Rule(
        "digits enlarged from 7×7 by a squared error have a roughness 0.05 below the adversarial's; against: not below",
        lambda n: at_least(n["adversarial"] - n["MSE"], 0.05, 0.0), "as A1, which is the same comparison", 0.9)),
    Claim("L17", "PixelCNN is slow, VAEs blur", "43, 47", yardsticks.slow_and_blurred, Rule(
        "10 times DCGAN's seconds by whole passes, as its paper draws; roughness 0.9 or less; against: 2, 1 or more",
        lambda n: at_least(n["slower by"], 10, 2) if "slower by" in n else at_most(n["roughness"], 0.9, 1.0),
        "a magnitude; the doctor's limit")),
    untestable("L18", "GANs are robust", "128", "not defined, so no file would decide it; they report instability"),
    Claim("L19", "A classifier's score could serve as benchmark", "128", judges.planted, Rule(
        "it is below 95% of real images' for this bad set", lambda n: n["score"] < 0.95 * n["real images"], "ours")),
    Claim("L20", "Other approaches could stabilise training", "128", judges.stabilised, Rule(
        "in the same time FCD is half of the plain loss' or less; against: no lower", lambda n: at_most(
            n["fcd"] / n["plain"], 0.5, 1.0), "ours; one seed")),
)
PAPER = pages.Paper("li", "Li, Luo & Gu, Image Generation Using Generative Adversarial Nets", "the paper's text", JOBS,
                    CLAIMS, {"samples": drawing.samples(*ALL, real=True), "losses": drawing.losses("li_dcgan"),
                             "ratio": drawing.Drawing(drawing.ratio)})

if __name__ == "__main__":
    pages.main([PAPER])
