"""The bits of a seed, in any arithmetic of integers: what TensorFlow's stateless_normal draws from [seed, -1].

Philox 4×32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3. Box and Muller's
transform then makes them normal. `kgan.latent.from_seeds` is TensorFlow's own.
"""

import abc
from typing import Any

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # what each round adds to the key
MIXED = (0x3EC8F720, 0x02461E29)  # the key by which TensorFlow mixes a seed before it uses it
ROUNDS = 10
LEAST = 1e-7  # that a logarithm is taken of


class Words(abc.ABC):
    """Arithmetic modulo 2³² of words, in what integers a runtime has. All take an int for any word."""

    @abc.abstractmethod
    def add(self, a: Any, b: int) -> Any:
        """Returns a + b."""

    @abc.abstractmethod
    def product(self, a: Any, b: int) -> tuple[Any, Any]:
        """Returns the high and the low word of a b."""

    @abc.abstractmethod
    def xor(self, a: Any, b: Any) -> Any:
        """Returns the exclusive or of their bits."""


def of_seed(words: Words, low: Any, high: Any, blocks: Any) -> tuple[Any, Any, Any, Any]:
    """Returns four words for each of `blocks`, integers from 0, of a seed of two words, `low` and `high`."""
    ones = 2**32 - 1  # of -1
    first, second, c, d = _philox(words, (low, high, ones, ones), MIXED)
    return _philox(words, (blocks, 0, c, d), (first, second))


def _philox(words: Words, counter: tuple, key: tuple) -> tuple:
    a, b, c, d = counter
    first, second = key
    for turn in range(ROUNDS):
        if turn:
            first, second = words.add(first, WEYL[0]), words.add(second, WEYL[1])
        high, low = words.product(a, MULTIPLIERS[0])
        other_high, other_low = words.product(c, MULTIPLIERS[1])
        a, b, c, d = (words.xor(words.xor(other_high, b), first), other_low,
                      words.xor(words.xor(high, d), second), low)
    return a, b, c, d
