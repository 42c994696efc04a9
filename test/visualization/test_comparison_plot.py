"""Circles stand where their values are, and names can be read."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from mono_depth_ros.visualization.comparison_plot import WIDTH, Mark, Panel, draw_plot

SVG, HREF = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}href'
FAST, MIDDLE, SLOW = (
    Mark('fast', 50, 0.12, 4.0),
    Mark('mid', 100, 0.11, 1.0),
    Mark('slow', 200, 0.10, 16.0),
)


def draw(*panels):
    return ElementTree.fromstring(draw_plot(panels, 'latency [ms]'))


def circles(svg):
    """Return the circles of networks by name: color, x, y and radius."""
    shapes = {path.get('id'): path.get('d') for path in svg.iter(f'{SVG}path')}
    found = {}
    for group in svg.iter(f'{SVG}g'):
        title = group.find(f'{SVG}title')
        if title is not None:
            use = group.find(f'.//{SVG}use')
            color = re.search(r'fill: ([^;]+)', use.get('style'))[1]
            radius = max(map(float, re.findall(r'[\d.]+', shapes[use.get(HREF)[1:]])))
            x, y = float(use.get('x')), float(use.get('y'))
            found[title.text.partition(':')[0]] = color, x, y, radius
    return found


def texts(svg):
    return {text.text: text for text in svg.iter(f'{SVG}text')}


def test_latency_is_logarithmic_along_and_accuracy_linear_up():
    marks = circles(draw(Panel('', [FAST, MIDDLE, SLOW])))

    (_, x1, y1, _), (_, x2, y2, _), (_, x3, y3, _) = (marks[n] for n in ('fast', 'mid', 'slow'))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and 0 < x1 < x3 < WIDTH
    assert y2 - y1 == pytest.approx(y3 - y2, abs=0.2) and y1 < y3


def test_the_area_is_the_parameters():
    marks = circles(draw(Panel('', [FAST, MIDDLE, SLOW])))

    radii = [marks[name][3] for name in ('mid', 'fast', 'slow')]
    assert [radius / radii[0] for radius in radii] == pytest.approx([1, 2, 4], rel=0.02)


def test_labels_of_the_axis_stand_at_their_values():
    svg = draw(Panel('', [FAST, MIDDLE, SLOW]))

    assert float(texts(svg)['100'].get('x')) == pytest.approx(circles(svg)['mid'][1], abs=0.2)
    assert float(texts(svg)['0.11'].get('y')) - 4.9 == pytest.approx(
        circles(svg)['mid'][2], abs=0.2
    )


def test_panels_share_latency_but_not_accuracy():
    other = Mark('card', 100, 0.5, 2.0)
    svg = draw(Panel('as published', [FAST, MIDDLE, SLOW]), Panel('on 20 images', [other]))
    marks = circles(svg)

    assert marks['card'][1] == marks['mid'][1] and marks['card'][2] > marks['slow'][2]
    assert marks['card'][0] != marks['mid'][0] == marks['slow'][0]
    height = float(svg.get('viewBox').split()[3])
    assert marks['card'][2] < float(texts(svg)['100'].get('y')) < height
    assert 'AbsRel on 20 images' in texts(svg)


def test_names_neither_hide_each_other_nor_leave_the_drawing():
    crowd = [Mark(f'network_{n}', 300 + 9 * n, 0.1 + 0.003 * (n % 3), 10.0) for n in range(6)]
    svg = draw(Panel('', [*crowd, SLOW]))

    boxes = [
        (float(text.get('x')), float(text.get('y')) - 12, 7.3 * len(text.text))
        for name, text in texts(svg).items()
        if name.startswith('network_')
    ]
    assert len(boxes) == 6
    for number, (x, y, width) in enumerate(boxes):
        assert x >= 0 and x + width <= WIDTH
        for other_x, other_y, other_width in boxes[:number]:
            assert x >= other_x + other_width or other_x >= x + width or abs(y - other_y) >= 15


def test_a_single_circle_and_names_with_signs_can_be_drawn():
    svg = draw(Panel('on <20> images', [Mark('a & b', 80, 0.2, 3.0)]), Panel('nothing', []))

    ((_, x, y, _),) = circles(svg).values()
    assert math.isfinite(x) and math.isfinite(y)
    assert {'a & b', 'AbsRel on <20> images'} <= set(texts(svg))
    assert 'AbsRel nothing' not in texts(svg)


def test_nothing_cannot_be_drawn():
    with pytest.raises(ValueError, match='no network has both latency and accuracy'):
        draw_plot([Panel('', [])], 'latency [ms]')


def test_the_same_marks_are_the_same_file():
    panel = Panel('', [FAST, MIDDLE, SLOW])

    first, second = (draw_plot([panel], 'latency [ms]') for _ in range(2))

    assert first == second and 'date' not in first


def test_names_are_text_and_colors_are_those_of_light_and_dark_pages():
    drawing = draw_plot([Panel('', [FAST])], 'latency [ms]')

    assert '>fast</text>' in drawing and 'prefers-color-scheme: dark' in drawing
    assert set(re.findall('(?<=: )#[0-9a-f]{6}', drawing)) == set(
        re.findall('(?<=--)(?:ink|dim|line|sheet|s0|s1): (#[0-9a-f]{6})', drawing)
    )
