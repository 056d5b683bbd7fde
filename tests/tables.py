"""What the layer tables in docstrings must say, by (model, recipe, network): totals by hand, and whose cells are whose.

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

# What is marked with `*`, in the order of the rows: the paper's own, or its author's code's where the file says so.
MARKED = {
    **{(name, None, part): "" for name in ("dcgan_fast", "dcgan_stable") for part in ("generator", "discriminator")},
    # Karras et al. 2018, table 2: the rows up to 128×128, with what turns maps into colours, and back, at that size.
    ("progan", None, "generator"):
        "512 LeakyReLU 4×4×512 Conv 3×3 LeakyReLU 4×4×512 "
        + "".join(f"Upsample {2 * n}×{2 * n}×512 " + f"Conv 3×3 LeakyReLU {2 * n}×{2 * n}×512 " * 2 for n in (4, 8, 16))
        + "Upsample 64×64×512 " + "Conv 3×3 LeakyReLU 64×64×256 " * 2
        + "Upsample 128×128×256 " + "Conv 3×3 LeakyReLU 128×128×128 " * 2 + "Conv 1×1 128×128×3",
    ("progan", None, "discriminator"):
        "Conv 1×1 LeakyReLU 128×128×128 Conv 3×3 LeakyReLU 128×128×128 Conv 3×3 LeakyReLU 128×128×256 "
        "64×64×256 Conv 3×3 LeakyReLU 64×64×256 Conv 3×3 LeakyReLU 64×64×512 32×32×512 "
        + "".join(f"Conv 3×3 LeakyReLU {n}×{n}×512 " * 2 + f"{n // 2}×{n // 2}×512 " for n in (32, 16, 8))
        + "stddev 4×4×513 Conv 3×3 LeakyReLU 4×4×512 Conv 4×4 LeakyReLU 1×1×512 Dense 1",
    # Zhao prints both tables, with activations in sections 3.1 and 3.2, but no kernels, strides or rates of dropout.
    ("dcgan", None, "generator"): "100 Dense 6272 633,472 Reshape 7×7×128 BatchNorm 7×7×128 512 ConvT SELU 14×14×64 "
                                  "204,864 BatchNorm 14×14×64 256 ConvT tanh 28×28×1 1,601 840,705 840,321",
    ("dcgan", None, "discriminator"): "28×28×1 Conv LeakyReLU 14×14×64 1,664 Dropout 14×14×64 Conv LeakyReLU 7×7×128 "
                                      "204,928 Dropout 7×7×128 Flatten 6272 Dense 1 6,273 212,865 212,865",
    # Meher's text, without its figures: kinds of layers and the image, no width and no kernel.
    ("dcgan64", None, "generator"): "ConvT BatchNorm ReLU " * 4 + "ConvT tanh",
    ("dcgan64", None, "discriminator"): "64×64×3 Conv LeakyReLU" + " Conv BatchNorm LeakyReLU" * 3,
    # Li, Luo & Gu, section 4.3: 5×5 and kinds of layers, no width.
    ("dcgan_5x5", None, "generator"): "100 Dense Reshape 5×5 5×5 5×5 5×5 28×28×1",
    ("dcgan_5x5", None, "discriminator"): "28×28×1 Conv 5×5 Conv 5×5 Conv 5×5 Conv 5×5 Flatten Dense 1 1",
    ("dcgan_5x5", "two_convolutions", "generator"): "100 Dense Reshape 5×5 5×5 28×28×1",
    ("dcgan_5x5", "two_convolutions", "discriminator"): "28×28×1 Conv 5×5 Conv 5×5 Flatten Dense 1",
    # Alvarez' notebooks print all of their networks; flattening and reshaping by `gan` are kgan's.
    ("dcgan_alvarez", None, "generator"):
        "100 Dense 12544 1,254,400 BatchNorm 12544 50,176 LeakyReLU 12544 Reshape 7×7×256 ConvT 5×5 7×7×128 819,200 "
        "BatchNorm 7×7×128 512 LeakyReLU 7×7×128 ConvT 5×5/2 14×14×64 204,800 BatchNorm 14×14×64 256 LeakyReLU "
        "14×14×64 ConvT 5×5/2 tanh 28×28×1 1,600 2,330,944 2,305,472",
    ("dcgan_alvarez", None, "discriminator"):
        "28×28×1 Conv 5×5/2 14×14×64 1,664 LeakyReLU 14×14×64 Dropout 0.3 14×14×64 Conv 5×5/2 7×7×128 204,928 "
        "LeakyReLU 7×7×128 Dropout 0.3 7×7×128 Flatten 6272 Dense 1 6,273 212,865 212,865",
    ("gan", None, "generator"): "100 Dense 256 25,856 LeakyReLU 256 Dense 512 131,584 LeakyReLU 512 Dense 1024 525,312 "
                                "LeakyReLU 1024 Dense tanh 784 803,600 1,486,352",
    ("gan", None, "discriminator"):
        "Dense 1024 803,840 LeakyReLU 1024 Dropout 0.3 1024 Dense 512 524,800 LeakyReLU 512 Dropout 0.3 512 Dense 256 "
        "131,328 LeakyReLU 256 Dropout 0.3 256 Dense 1 257 1,460,225",
    # Chapagain: the discriminator but for activations and padding; of the generator "the same features", transposed.
    ("dcgan_pooled", None, "generator"): "ConvT 3×3 7×7×128 7×7×128 8×8×128 ConvT 3×3 14×14×64 14×14×64 16×16×64 "
                                         "ConvT 3×3 28×28×1 28×28×3 32×32×3",
    ("dcgan_pooled", None, "discriminator"):
        "28×28×1 28×28×3 32×32×3 Conv 3×3 28×28×64 28×28×64 32×32×64 AveragePooling 2×2 BatchNorm Conv 3×3 14×14×128 "
        "14×14×128 16×16×128 AveragePooling 2×2 BatchNorm Conv 3×3 7×7×256 7×7×256 8×8×256 AveragePooling 2×2 "
        "BatchNorm Flatten Dropout 0.4 Dense 1 1 1",
    # Goodfellow et al.'s published experiment: all but tanh, the shape of images, and counts, which it doesn't print.
    ("gan_maxout", None, "generator"): "100 Dense ReLU 1200 Dense ReLU 1200 Dense 784",
    ("gan_maxout", None, "discriminator"): "784 Dropout 0.2 784 Maxout 5 240 Dropout 0.5 240 Maxout 5 240 Dropout 0.5 "
                                           "240 Dense 1",
    # Li, Luo & Gu, sections 4.2 and 4.1: sizes, no activation.
    ("gan_nn", None, "generator"): "100 Dense 128 Dense 784 28×28×1",
    ("gan_nn", None, "discriminator"): "28×28×1 Dense 128 Dense 1",
    ("pca", None, "generator"): "100 100 28×28×1",
}
