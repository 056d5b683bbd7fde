"""The five papers, claim by claim: trains what is missing, measures, and writes experiments/results/claims.md.

python -m experiments --quick
python -m experiments --minutes=600 --cifar10=cifar10.zip --figures=DIR
"""

from experiments.papers import alvarez, chapagain, li, meher, pages, zhao

PAPERS = (alvarez.PAPER, chapagain.PAPER, li.PAPER, zhao.PAPER, meher.PAPER)

if __name__ == "__main__":
    pages.main(PAPERS)
