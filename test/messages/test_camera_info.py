import re

import numpy as np
import pytest

from mono_depth_ros.messages.camera_info import (
    camera_model,
    image_geometry_for,
    rectify_image,
)

WIDTH, HEIGHT = 320, 240
K = np.array([[200.0, 0, 160], [0, 210, 118], [0, 0, 1]])
IDENTITY = np.eye(3)
NO_P = np.zeros((3, 4))
HARDLY_ANY = (1e-9, 0.0, 0.0, 0.0, 0.0)
BARREL = (-0.3, 0.12, 0.001, -0.002, 0.01)
RATIONAL = (0.4, 0.1, 0.0005, -0.001, 0.02, 0.7, 0.2, 0.01)
FISHEYE = (-0.02, 0.01, -0.004, 0.001)


def projection(K, translation=0.0):
    return np.hstack([K, [[translation], [0], [0]]])


def model(D=(), R=IDENTITY, P=NO_P, distortion_model='plumb_bob', K=K, **more):
    return camera_model(
        WIDTH, HEIGHT, K.ravel(), D, R.ravel(), P.ravel(), distortion_model, **more
    )


def rotation(x, y):
    c, s = np.cos([x, y]), np.sin([x, y])
    about_x = np.array([[1, 0, 0], [0, c[0], -s[0]], [0, s[0], c[0]]])
    return about_x @ np.array([[c[1], 0, s[1]], [0, 1, 0], [-s[1], 0, c[1]]])


def test_a_plain_calibration_describes_its_image():
    camera = model(P=projection(K))

    assert camera.size == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(camera.K, K)
    np.testing.assert_array_equal(camera.P, projection(K))


def test_roi_is_subtracted_and_binning_divides():
    P = projection(np.array([[180.0, 0, 150], [0, 190, 110], [0, 0, 1]]), translation=-60.0)

    camera = model(P=P, roi=(40, 18, 200, 180), binning=(4, 2))

    assert camera.size == (90, 50)
    np.testing.assert_allclose(camera.K, [[50, 0, 30], [0, 105, 50], [0, 0, 1]])
    np.testing.assert_allclose(camera.P, [[45, 0, 27.5, -15], [0, 95, 46, 0], [0, 0, 1, 0]])


def test_binning_of_zero_is_no_binning():
    assert model(binning=(0, 0)).size == model(binning=(1, 1)).size == (HEIGHT, WIDTH)


@pytest.mark.parametrize('roi', [(10, 0, 0, 0), (0, 0, 100, 0)])
def test_a_region_without_size_is_refused(roi):
    with pytest.raises(ValueError, match=r'roi has offset .* expected its width and height'):
        model(roi=roi)


def test_a_camera_info_without_pixels_is_refused():
    with pytest.raises(ValueError, match=r'image of 0x0 .* must have pixels'):
        camera_model(0, 0, K, (), IDENTITY, NO_P, 'plumb_bob')


def test_an_uncalibrated_camera_is_refused_with_the_next_step():
    with pytest.raises(ValueError, match=r'not calibrated: K is all zero. Run camera_calibration'):
        model(K=np.zeros((3, 3)))


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        ((0, 0), np.nan, 'not finite'),
        ((0, 2), np.inf, 'not finite'),
        ((1, 1), -210.0, 'focal lengths 200 and -210'),
        ((0, 0), 0.0, 'focal lengths 0 and 210'),
        ((2, 2), 0.0, '0 0 1 in its last row'),
    ],
)
@pytest.mark.parametrize('name', ['K', 'P'])
def test_intrinsics_that_cannot_be_are_refused(name, place, value, message):
    broken = K.copy()
    broken[place] = value
    fields = {'K': broken} if name == 'K' else {'P': projection(broken)}

    with pytest.raises(ValueError, match=f'^{name} = .*{message}'):
        model(**fields)


@pytest.mark.parametrize(
    ('entry', 'value', 'message'),
    [
        ((0, 0), 1e-3, 'is normalised'),
        ((0, 0), -5.0, 'focal lengths -5 and .* 1 to 1e\\+07 pixels'),
        ((1, 1), 1e300, 'focal lengths .* and 1e\\+300'),
        ((0, 2), -1e9, 'entries beyond 1e\\+07 pixels'),
    ],
)
def test_intrinsics_that_no_lens_has_are_refused(entry, value, message):
    odd = K.copy()
    odd[entry] = value

    with pytest.raises(ValueError, match=message):
        model(K=odd)


def test_coefficients_that_would_overflow_are_refused():
    with pytest.raises(ValueError, match=r'D = .* has entries beyond 1e\+07'):
        model(D=(0.1, 1e300, 0.0, 0.0, 0.0))


def test_coefficients_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match='must be finite'):
        model(D=(np.nan, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ('name', 'count', 'expected'),
    [
        ('plumb_bob', 7, '4 or 5'),
        ('plumb_bob', 3, '4 or 5'),
        ('plumb_bob', 15, '4 or 5'),
        ('rational_polynomial', 7, '4 or 5 or 8 or 12 or 14'),
        ('equidistant', 5, '4'),
    ],
)
def test_coefficients_of_the_wrong_number_are_refused(name, count, expected):
    with pytest.raises(
        ValueError, match=f"{count} coefficients, .*; distortion model '{name}' has {expected}\\."
    ):
        model(D=(0.1,) * count, distortion_model=name)


def test_a_rectified_image_has_the_intrinsics_of_p_whatever_d_says():
    P = projection(np.array([[180.0, 0, 150], [0, 190, 110], [0, 0, 1]]), translation=-60.0)

    geometry = image_geometry_for(model(D=BARREL, P=P), 'rectified', True)

    np.testing.assert_array_equal(geometry.K_out, P[:, :3])
    assert geometry.maps is None and geometry.note == ''


def test_a_rectified_image_without_p_has_k_if_nothing_was_distorted():
    geometry = image_geometry_for(model(D=(0.0,) * 5), 'rectified', True)

    np.testing.assert_array_equal(geometry.K_out, K)


def test_a_rectified_image_without_p_but_with_d_is_refused():
    with pytest.raises(ValueError, match=r'P in camera_info is all zero and D is not.*input:=raw'):
        image_geometry_for(model(D=BARREL), 'rectified', True)


def test_another_input_is_refused():
    with pytest.raises(ValueError, match="input is 'bent'; expected 'raw' or 'rectified'"):
        image_geometry_for(model(), 'bent', True)


@pytest.mark.parametrize(
    'P',
    [NO_P, projection(K), projection(np.diag([2.0, 2.0, 1.0]) @ K)],
    ids=['no P', 'P = K', 'another P'],
)
@pytest.mark.parametrize(
    'R', [IDENTITY, np.zeros((3, 3)), rotation(0.03, -0.05)], ids=['R = I', 'no R', 'R turned']
)
def test_an_undistorted_image_stays_as_it_is(R, P):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    geometry = image_geometry_for(model(D=(0.0,) * 5, R=R, P=P), 'raw', True)

    np.testing.assert_array_equal(geometry.K_out, K)
    assert geometry.maps is None and geometry.valid is None and geometry.note == ''
    assert rectify_image(image, geometry) is image


def test_the_model_of_an_undistorted_image_does_not_matter():
    geometry = image_geometry_for(model(D=(0.0,) * 3, distortion_model='pinhole'), 'raw', True)

    assert geometry.maps is None


def test_a_distortion_model_that_we_lack_is_refused_by_name():
    camera = model(D=(0.1, 0.2), distortion_model='thin_prism')

    with pytest.raises(
        ValueError,
        match=r"'thin_prism' cannot be rectified. Supported: "
        r'plumb_bob, rational_polynomial, equidistant',
    ):
        image_geometry_for(camera, 'raw', True)


def polynomial(rays, D):
    """Brown-Conrady as in the documentation of camera calibration: rays (N, 3) -> (N, 2)."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*D, *[0] * 8)[:8]
    x, y = (rays[:, :2] / rays[:, 2:]).T
    r = x * x + y * y
    radial = (1 + k1 * r + k2 * r**2 + k3 * r**3) / (1 + k4 * r + k5 * r**2 + k6 * r**3)
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x),
            y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=1,
    )


def fisheye(rays, D):
    """Kannala-Brandt: the distance from the centre is a polynomial of the angle."""
    angle = np.arctan2(np.hypot(rays[:, 0], rays[:, 1]), rays[:, 2])
    bent = angle * (1 + sum(k * angle ** (2 * i + 2) for i, k in enumerate(D)))
    direction = rays[:, :2] / np.hypot(rays[:, 0], rays[:, 1])[:, None]
    return direction * bent[:, None]


def dots(places):
    """A picture (H, W, 3) with a round dot at each subpixel place (N, 2)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.zeros((HEIGHT, WIDTH))
    for x, y in places:
        picture += 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def centre_of_dot(picture, place):
    left, top = np.rint(place).astype(int) - 8
    window = picture[top : top + 17, left : left + 17, 0].astype(float)
    rows, columns = np.mgrid[:17, :17]
    return np.array([(window * columns).sum(), (window * rows).sum()]) / window.sum() + (left, top)


@pytest.mark.parametrize(
    ('name', 'D', 'distort'),
    [
        ('plumb_bob', BARREL, polynomial),
        ('plumb_bob', BARREL[:4], polynomial),
        ('rational_polynomial', RATIONAL, polynomial),
        ('equidistant', FISHEYE, fisheye),
        ('equidistant', (0.0,) * 4, fisheye),
    ],
)
@pytest.mark.parametrize('R', [IDENTITY, rotation(0.03, -0.05)], ids=['R = I', 'R turned'])
def test_points_land_where_p_projects_them(name, D, distort, R):
    K_rectified = np.array([[150.0, 0, 155], [0, 155, 125], [0, 0, 1]])
    targets = np.array([[x, y] for x in (75, 115, 155, 195, 235) for y in (60, 120, 180)], float)
    rectified_rays = np.c_[targets, np.ones(len(targets))] @ np.linalg.inv(K_rectified).T
    rays = rectified_rays @ R  # camera_from_rectified is the transpose
    raw = distort(rays, D) * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])

    camera = model(D=D, R=R, P=projection(K_rectified), distortion_model=name)
    geometry = image_geometry_for(camera, 'raw', True)
    rectified = rectify_image(dots(raw), geometry)

    found = np.array([centre_of_dot(rectified, target) for target in targets])
    np.testing.assert_allclose(found, targets, atol=0.25)
    np.testing.assert_array_equal(geometry.K_out, K_rectified)


def test_distortion_without_p_is_rectified_to_k():
    geometry = image_geometry_for(model(D=BARREL), 'raw', True)

    assert geometry.maps is not None
    np.testing.assert_array_equal(geometry.K_out, K)


def test_rectification_of_a_region_is_the_region_of_the_rectification():
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    left, top, width, height = 100, 70, 120, 90
    full = image_geometry_for(model(D=BARREL, P=projection(K)), 'raw', True)
    camera = model(D=BARREL, P=projection(K), roi=(left, top, width, height))
    geometry = image_geometry_for(camera, 'raw', True)

    region = rectify_image(
        np.ascontiguousarray(image[top : top + height, left : left + width]), geometry
    )

    expected = rectify_image(image, full)[top : top + height, left : left + width]
    inner = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(region[inner].astype(int), expected[inner].astype(int), atol=12)
    np.testing.assert_array_equal(geometry.K_out, K - [[0, 0, left], [0, 0, top], [0, 0, 0]])


def test_pixels_without_a_source_are_black_and_not_valid():
    # Half the focal length: the picture fills the middle, and nothing is known around it.
    wide = np.array([[100.0, 0, 160], [0, 105, 118], [0, 0, 1]])
    geometry = image_geometry_for(model(D=HARDLY_ANY, P=projection(wide)), 'raw', True)

    rectified = rectify_image(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), geometry)

    assert geometry.valid.mean() == pytest.approx(0.25, abs=0.01)
    assert (rectified[geometry.valid] == 200).all() and not rectified[~geometry.valid].any()


def test_where_the_polynomial_turns_back_there_is_no_second_image():
    # r (1 - 0.3 r^2) turns back at r = 1.05, 63 px off the centre, and is 0 again at 110 px.
    very_wide = np.array([[60.0, 0, 160], [0, 60, 118], [0, 0, 1]])
    camera = model(D=(-0.3, 0.0, 0.0, 0.0, 0.0), P=projection(very_wide))

    valid = image_geometry_for(camera, 'raw', True).valid

    assert valid[118, 160] and valid[118, 160 + 45]
    assert not valid[118, 160 + 70] and not valid[118, 160 + 110]


def test_a_fisheye_polynomial_that_turns_back_has_no_second_image_either():
    # angle (1 - 0.5 angle^2) turns back at 0.816, that is 64 px off the centre.
    very_wide = np.array([[60.0, 0, 160], [0, 60, 118], [0, 0, 1]])
    camera = model(
        D=(-0.5, 0.0, 0.0, 0.0), P=projection(very_wide), distortion_model='equidistant'
    )

    valid = image_geometry_for(camera, 'raw', True).valid

    assert valid[118, 160 + 60] and not valid[118, 160 + 68 :].any()


def test_rays_from_behind_the_camera_have_no_source():
    camera = model(D=HARDLY_ANY, R=rotation(0.0, np.pi), P=projection(K))

    geometry = image_geometry_for(camera, 'raw', True)

    assert not geometry.valid.any()
    assert 'No pixel of the rectified image has a source' in geometry.note


def test_a_picture_that_fills_the_rectified_image_has_no_mask():
    narrow = np.array([[400.0, 0, 160], [0, 420, 118], [0, 0, 1]])

    assert image_geometry_for(model(D=BARREL, P=projection(narrow)), 'raw', True).valid is None


def test_distortion_that_stays_is_noted_with_its_pixels():
    # At the corner (0, 0) r^2 = 0.64 + 0.3157 = 0.956; -0.1 r^2 moves its (160, 118) px by 9.6 %.
    geometry = image_geometry_for(model(D=(-0.1, 0.0, 0.0, 0.0, 0.0)), 'raw', False)

    assert geometry.maps is None
    np.testing.assert_array_equal(geometry.K_out, K)
    assert 'off by up to 19 px' in geometry.note


@pytest.mark.parametrize(
    ('camera', 'note'),
    [
        (model(), '^$'),
        (model(D=FISHEYE, distortion_model='equidistant'), r'off by up to \d+ px'),
        (model(D=(0.1,), distortion_model='thin_prism'), "distorted by 'thin_prism' and stays so"),
    ],
)
def test_without_rectification_the_note_fits_the_model(camera, note):
    assert re.search(note, image_geometry_for(camera, 'raw', False).note)


def test_an_image_of_another_size_than_its_camera_info_is_refused():
    geometry = image_geometry_for(model(D=BARREL), 'raw', True)

    with pytest.raises(ValueError, match='Image is 20x10, but its camera_info is for 320x240'):
        rectify_image(np.zeros((10, 20, 3), np.uint8), geometry)


@pytest.mark.parametrize(('fx', 'fy'), [(0.58, 1.92), (1.6, 5.2), (0.3, 0.3)])
def test_intrinsics_in_parts_of_the_image_are_refused(fx, fy):
    """The first are KITTI's, as papers print them; the second a long lens, known by its centre."""
    K = [fx, 0, 0.49, 0, fy, 0.52, 0, 0, 1]

    with pytest.raises(ValueError, match='multiply its first row by the width'):
        camera_model(640, 192, K, (), [0] * 9, [0] * 12, 'plumb_bob')


def test_p_is_all_that_a_rectified_image_needs():
    P = projection(np.array([[180.0, 0, 150], [0, 190, 110], [0, 0, 1]]))
    only_p = model(K=np.zeros((3, 3)), P=P)

    np.testing.assert_array_equal(image_geometry_for(only_p, 'rectified', True).K_out, P[:, :3])
    with pytest.raises(ValueError, match='input:=rectified'):
        image_geometry_for(only_p, 'raw', True)


def test_a_camera_without_k_and_p_is_not_calibrated():
    with pytest.raises(ValueError, match=r'K is all zero\. Run camera_calibration'):
        model(K=np.zeros((3, 3)), P=np.zeros((3, 4)))


def test_images_that_were_rectified_already_are_suspected():
    """The raw calibration of a strongly distorted lens, beside images that need none of it."""
    shifted = projection(np.array([[90.0, 0, 40], [0, 90, 30], [0, 0, 1]]))

    geometry = image_geometry_for(model(D=BARREL, P=shifted), 'raw', True)

    assert geometry.valid is not None
    assert 1 - geometry.valid.mean() > 0.2
    assert 'rectified already? Then set input:=rectified' in geometry.note
