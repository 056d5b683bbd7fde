"""The totals of the layer tables in docstrings, worked out by hand, by (model, recipe, network).

The rows themselves stand in the docstrings of `kgan/models/`, which `model_checks.py` reads and compares with the
networks. None as recipe is the default.
"""

# (total, trainable) by image shape: dense(i, o) = io + o, convolution(k, i, o) = k²io + o (without a bias: no o),
# batch norm(c) = 4c, half of them trainable.
TOTALS = {
    ("dcgan", None, "generator"): {(28, 28, 1): (840_705, 840_321)},
    ("dcgan", None, "discriminator"): {(28, 28, 1): (212_865, 212_865)},
    ("dcgan64", None, "generator"): {(64, 64, 3): (3_578_624, 3_576_704)},
    ("dcgan64", None, "discriminator"): {(64, 64, 3): (2_767_360, 2_765_568)},
    ("dcgan_5x5", None, "generator"): {(28, 28, 1): (4_513_537, 4_511_617), (64, 64, 3): (5_137_283, 5_135_363)},
    ("dcgan_5x5", None, "discriminator"): {(28, 28, 1): (4_308_993, 4_307_201), (64, 64, 3): (4_318_337, 4_316_545)},
    ("dcgan_5x5", "two_convolutions", "generator"): {(28, 28, 1): (7_080_159, 7_065_211)},
    ("dcgan_5x5", "two_convolutions", "discriminator"): {(28, 28, 1): (3_771_775, 3_769_479)},
    ("dcgan_alvarez", None, "generator"): {(28, 28, 1): (2_330_944, 2_305_472)},
    ("dcgan_alvarez", None, "discriminator"): {(28, 28, 1): (212_865, 212_865)},
    ("dcgan_fast", None, "generator"): {(28, 28, 1): (694_257, 693_969)},
    ("dcgan_fast", None, "discriminator"): {(28, 28, 1): (66_313, 66_313)},
    ("dcgan_stable", None, "generator"): {(64, 64, 3): (997_043, 996_307)},
    ("dcgan_stable", None, "discriminator"): {(64, 64, 3): (725_928, 725_928)},
    # Not trained: 3·3 fixed numbers for each of 64 + 32 + 16 + 16 channels, and the statistics of 240 channels' norms.
    ("pictures", None, "generator"): {(64, 64, 3): (574_707, 573_075)},
    ("pictures", None, "discriminator"): {(64, 64, 3): (324_208, 324_208)},
    ("dcgan_pooled", None, "generator"): {(28, 28, 1): (1_638_145, 1_637_249), (28, 28, 3): (1_639_299, 1_638_403),
                                          (32, 32, 3): (2_027_139, 2_026_243)},
    ("dcgan_pooled", None, "discriminator"): {(28, 28, 1): (373_761, 372_865), (28, 28, 3): (374_913, 374_017),
                                              (32, 32, 3): (376_705, 375_809)},
    ("gan", None, "generator"): {(28, 28, 1): (1_486_352, 1_486_352)},
    ("gan", None, "discriminator"): {(28, 28, 1): (1_460_225, 1_460_225)},
    ("gan_maxout", None, "generator"): {(28, 28, 1): (2_503_984, 2_503_984)},
    ("gan_maxout", None, "discriminator"): {(28, 28, 1): (1_231_441, 1_231_441)},
    ("gan_nn", None, "generator"): {(28, 28, 1): (114_064, 114_064)},
    ("gan_nn", None, "discriminator"): {(28, 28, 1): (100_609, 100_609)},
    # Karras et al. 2018, table 2 down to 128×128: 4×4 from z 16·512·512 + 512, then 3×3 convolutions.
    ("progan", None, "generator"): {(128, 128, 3): (22_926_467, 22_926_467)},
    ("progan", None, "discriminator"): {(128, 128, 3): (22_932_097, 22_932_097)},
    ("pca", None, "generator"): {(28, 28, 1): (79_384, 79_184)},
}
