import numpy as np

from mien.models.inputs import to_input
from mien.models.manifest import InputConvention


def test_channels_are_ordered_shifted_and_scaled_as_the_manifest_says() -> None:
    image = np.zeros((1, 2, 3, 3), np.uint8)
    image[0, 1, 2] = (10, 20, 30)  # blue, green, red
    rgb = to_input(image, InputConvention(colour="rgb", mean=(1, 2, 3), std=(1, 2, 4)))
    assert rgb.shape == (1, 3, 2, 3)
    assert rgb.dtype == np.float32
    assert rgb.flags.c_contiguous
    np.testing.assert_allclose(rgb[0, :, 1, 2], [29, 9, 1.75])
    np.testing.assert_allclose(rgb[0, :, 0, 0], [-1, -1, -0.75])
    bgr = to_input(image, InputConvention(colour="bgr", layout="nhwc"))
    assert bgr.shape == (1, 2, 3, 3)
    np.testing.assert_allclose(bgr[0, 1, 2], [10, 20, 30])
    assert image[0, 1, 2].tolist() == [10, 20, 30]
