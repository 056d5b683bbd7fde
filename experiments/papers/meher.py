"""Meher Abhijeet, Generative Adversarial Networks. Six claims; lines are those of the paper's text.

python -m experiments.papers.meher --quick --cifar10=cifar10.zip
"""

from experiments.papers import drawing, pages
from experiments.papers.claims import Claim, Rule, at_most
from experiments.papers.jobs import Job
from experiments.papers.measures import colour, curves, proofs, runs

MEHER = Job("meher", "dcgan64", 25 * 20_000, 5_120, "cifar10", fields={"watch_every": 1.0})
ENDS, TEXT = ("D(x)", "D(G(z))"), "the paper's text. Its 25 epochs are of the 20,000 pictures at hand, not of 50,000"
CLAIMS = (
    Claim("M1", "After 25 epochs: a batch of fakes beside one of real images", "70", colour.colours("meher"), Rule(
        "fakes' contrast is 0.7 to 1.3 of real images', and their SWD below a linear model's; against: neither",
        lambda n: {2: True, 0: False}.get((0.7 < n["contrast"] < 1.3) + (n["swd"] < n["linear swd"])),
        "the text says only that they are shown; a network that is not trained yet has a contrast below 0.3", 0.1)),
    Claim("M2", "At equilibrium D guesses at 50%", "13, 32", runs.logs(
        "meher", numbers=curves.quarters(*ENDS)), Rule(
        "mean D(x) and D(G(z)) are within 0.05 of 1/2 in the last quarter; against: 0.1 off or more",
        lambda n: at_most(max(abs(n[f"{key}, last quarter"] - 0.5) for key in ENDS), 0.05, 0.1),
        "tested is that training gets there; the theorem is not in doubt", 0.1)),
    Claim("M3", "At equilibrium fakes look as if they came from the data", "13", colour.colours("meher"), Rule(
        "SWD is 1.5 times real images' or less; against: twice or more",
        lambda n: at_most(n["swd"] / n["real swd"], 1.5, 2.0), "real images': of training to test images", 0.5)),
    Claim("M4", "A fixed batch of noise shows G's progress", "60", runs.fixed_seeds, Rule(
        "the last grid of the same seeds is nearer to real images than the first, by SWD",
        lambda n: n["SWD of the last grid"] < n["SWD of the first grid"], "either it is nearer or not")),
    Claim("M5", "Two passes with accumulated gradients, then one step of D", "66", proofs.gradient_is_a_sum, Rule(
        "the gradient of D's whole loss is the sum of its halves', to 1e-4 of an array's largest entry",
        lambda n: n["largest difference"] < 1e-4, "proof: a gradient is linear. float32 adds in another order")),
    Claim("M6", "Weights ~ N(0, 0.02); Adam 2e-4, β1 0.5", "38, 60", proofs.initial_weights, Rule(
        "means within 0.001 of 0, every kernel's deviation within 0.001 of 0.02, settings as printed",
        lambda n: abs(n["mean"]) < 0.001 and n["largest deviation from 0.02"] < 0.001 and n["adam"]
        and (n["g rate"], n["d rate"], n["beta_1"]) == (2e-4, 2e-4, 0.5), "D's first kernel has 3,072 entries: "
        "chance moves its deviation by 1.3%")),
)
PAPER = pages.Paper("meher", "Meher Abhijeet, Generative Adversarial Networks", TEXT, (MEHER,), CLAIMS, {
    "fakes": drawing.beside_reals("meher")})

if __name__ == "__main__":
    pages.main([PAPER])
