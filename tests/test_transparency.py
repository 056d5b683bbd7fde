import numpy as np
from PIL import Image

from kgan.transparency import over_white


def test_hand_computed():
    image = np.array([[[[100, 0, 255, 255], [100, 0, 255, 0], [0, 100, 200, 51]]]], np.uint8)  # 51: a fifth
    assert over_white(image).tolist() == [[[[100, 0, 255], [255, 255, 255], [204, 224, 244]]]]
    assert over_white(image[..., [0, 3]]).tolist() == [[[[100], [255], [204]]]]


def test_it_is_pillows():
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 4)).astype(np.uint8)
    white = Image.new("RGBA", (32, 32), "white")
    pillows = np.asarray(Image.alpha_composite(white, Image.fromarray(images[0])))[..., :3]
    assert np.abs(over_white(images)[0].astype(int) - pillows).max() <= 1  # its last bit is rounded otherwise


def test_opaque_images_stay():
    for channels in (1, 3):
        images = np.zeros((2, 4, 4, channels), np.uint8)
        assert over_white(images) is images
