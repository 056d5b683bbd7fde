"""A. Chapagain, DCGAN – Image Generation (2019). Thirteen claims; instead of lines, words to search for.

python -m experiments.papers.chapagain --quick
"""

from experiments.papers import drawing, networks, pages
from experiments.papers.claims import Claim, Rule, all_of, at_least, at_most, untestable
from experiments.papers.jobs import Job
from experiments.papers.measures import curves, proofs, runs, yardsticks

WHOLE, TUNED, CELEBA = 1_600_000, 80_000, 200_000  # images: of 50,000 steps, of 2,500, "200k total images"
RATES = (0.25, 1, 4)  # factors on D's
JOBS = (
    Job("chapagain", "dcgan_pooled", WHOLE, 16_000, seeds=(0, 1)),
    *(Job(f"rate_{times}", "dcgan_pooled", TUNED, 6_400, fields={"d_learning_rate": 2e-4 * times}) for times in RATES),
    *(Job(name, "dcgan_pooled", 2 * TUNED, 4_800, networks=change) for name, change in (
        ("pooled", networks.same), ("strided", networks.strided), ("unnormalised", networks.without_d_norm))),
)
CLAIMS = (
    Claim("C1", "G's loss increases considerably while D's tends to zero", "generator loss begin", runs.logs(
        "chapagain", numbers=curves.quarters("d_loss", "g_loss")), Rule(
        "in the last quarter D's loss is below 0.1 and G's twice that of the first; against: D's is above 0.2",
        lambda n: False if n["d_loss, last quarter"] > 0.2 else True if n["d_loss, last quarter"] < 0.1
        and n["g_loss, last quarter"] > 2 * n["g_loss, first quarter"] else None,
        "a D that gives 95% to the right kind has 0.1", 0.5)),
    Claim("C2", "D overpowers G", "overpowers", runs.logs(
        "chapagain", numbers=curves.quarters("D(x)", "D(G(z))")), Rule(
        "in the last quarter D(x) is above D(G(z)) by half or more; against: by 0.2 or less",
        lambda n: at_least(n["D(x), last quarter"] - n["D(G(z)), last quarter"], 0.5, 0.2),
        "0 at equilibrium, 1 where D is always right", 0.04)),
    Claim("C3", "Crests and troughs of the two losses are inverse", "crests", runs.logs(
        "chapagain", numbers=lambda rows: curves.crests(rows, 800)), Rule(
        "from step 800 on their correlation is below -0.5 and 60% of moves are opposite; against: it is above -0.2",
        lambda n: False if n["correlation"] > -0.2 else True if n["correlation"] < -0.5 and n["opposite moves"] > 0.6
        else None, "beyond 0.5 one explains a quarter of the other's variance; the start is left out", 0.02)),
    Claim("C4", "\"In ideal case both the models converges to 0 loss\"", "ideal case", proofs.bound, Rule(
        "some log row has e^-d + e^-g above 1.5; against: none is above 1.01",
        lambda n: at_least(n["largest e^-d + e^-g"], 1.5, 1.01),
        "proof: by Jensen e^-d ≤ mean of 1 - D(G(z)) and e^-g ≤ mean of D(G(z)), so the sum is at most 1, and 2 where "
        "both losses are 0. The 0.01 is for rows whose d is of D before its step and g of D after it")),
    Claim("C5", "Figure 3 shows an 8 and a 7", "inverted", runs.scores("chapagain", numbers=lambda n, lab: {
        "share of 7": n["shares"][7], "share of 8": n["shares"][8]}), Rule(
        "each is 1% of the samples or more", lambda n: min(n["share of 7"], n["share of 8"]) >= 0.01,
        "kgan's limit for a digit that is drawn; the judge names every image. \"Inverted\" is not tested", 0.01)),
    Claim("C6", "4 hours for MNIST, 11 for CelebA", "4 hours", proofs.work_of(
        "dcgan_pooled", WHOLE, CELEBA, (3, 100), 11 / 4), Rule(
        "CelebA's operations × images are 11 / 4 of MNIST's within a factor of 1.5, in 3 epochs or in 100; against: "
        "not within 2", lambda n: at_most(n["off by"], 1.5, 2.0),
        "one machine does equal work in equal time; the paper has both numbers of epochs")),
    Claim("C7", "Pooling and batch norm reduce noise and generalise", "reduce noise", runs.arms(
        "pooled", "strided", "unnormalised", numbers=lambda n: {"roughness": n["roughness"], "fcd": n["fcd"]}), Rule(
        "without it samples are rougher by 0.05 and FCD is higher; against: neither",
        lambda n: {2: True, 0: False}.get((n["roughness"] > n["roughness unchanged"] + 0.05) + (
            n["fcd"] > n["fcd unchanged"])), "noise is roughness; to generalise is taken as FCD to test images", 0.5)),
    Claim("C8", "Hyperparameters must be tuned very carefully", "very careful", runs.spread_of(
        *(f"rate_{times}" for times in RATES)), Rule(
        "of D's rate, a quarter of it and four times it, the worst has 1.5 times the best's FCD; against: 1.1 or less",
        lambda n: at_least(n["worst / best"], 1.5, 1.1), "ours; of one seed less can't be told from chance", 0.5)),
    Claim("C9", "A trained GAN turns any input into a believable image", "believable", runs.scores(
        "chapagain", numbers=lambda n, lab: {"one_nn": n["one_nn"], "real": lab.real["one_nn"]}), Rule(
        "1-NN error is 1.2 times real images' or less; against: twice or more",
        lambda n: at_most(n["one_nn"] / n["real"], 1.2, 2.0),
        "of a 1-NN classifier, on test digits, that knows only the samples. Ours", 0.5)),
    Claim("C10", "Generated images were not as good as the real ones", "not as good", runs.scores(
        "chapagain", numbers=lambda n, lab: {"fcd": n["fcd"], "real": lab.real["fcd"]}), Rule(
        "FCD is twice real images' or more; against: 1.2 times or less",
        lambda n: at_least(n["fcd"] / n["real"], 2.0, 1.2), "real images': of training to test images", 0.5)),
    untestable("C11", "CelebA at 28×28, 3 epochs: faces", "3 epoches", "CelebA is not here. With a copy: `kgan train "
               "--model=dcgan_pooled --dataset=celeb_a --data=img_align_celeba.zip --epochs=3`"),
    untestable("C12", "Fine-tuning a pre-trained ProGAN's last networks gives faces", "fine tuned", "neither the "
               "unpacked module progan-128 nor CelebA is here. With both: `kgan train --init_from=progan-128/ --trust "
               "--dataset=celeb_a --steps=10000`. On CIFAR-10's pictures it was tried: experiments/results/progan"),
    Claim("C13", "VAEs over-simplify; an equilibrium, not a minimum", "over simplified", yardsticks.simplified, Rule(
        "roughness is 0.9 and recall 0.5 or less; against: 1 and 0.75 or more", lambda n: all_of(
            at_most(n["roughness"], 0.9, 1.0), at_most(n["recall"], 0.5, 0.75)),
        "the doctor's limit for blurred images, half of the test images; no number belongs to the equilibrium")),
)
PAPER = pages.Paper("chapagain", "A. Chapagain, DCGAN – Image Generation", "the paper, by words to search for", JOBS,
                    CLAIMS, {"losses": drawing.losses("chapagain"), "samples": drawing.samples("chapagain", real=True)})

if __name__ == "__main__":
    pages.main([PAPER])
