import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.stamp_matching import MAX_WAITING, StampMatcher


def pairs(decisions):
    return [(d.frame, d.reference, d.cause) for d in decisions]


def feed(association, events):
    """Feed ('f' or 'r', stamp) in this order; frames and references are their own stamps."""
    decisions = []
    for kind, stamp in events:
        add = association.add_frame if kind == 'f' else association.add_reference
        decisions += add(stamp, stamp)
    return pairs(decisions + association.finish())


def test_each_frame_gets_the_reference_that_is_nearest_both_ways():
    events = [('f', 100), ('r', 103), ('f', 200), ('r', 196), ('f', 300), ('r', 400)]

    assert feed(StampMatcher(10), events) == [
        (100, 103, ''),
        (200, 196, ''),
        (300, None, 'no_reference'),
    ]


def test_of_two_frames_around_one_reference_the_nearer_gets_it():
    assert feed(StampMatcher(30), [('f', 100), ('r', 118), ('f', 120), ('f', 140)]) == [
        (100, None, 'reference_of_another_frame'),
        (120, 118, ''),
        (140, None, 'reference_of_another_frame'),
    ]


def test_a_slow_reference_serves_every_third_frame_of_a_fast_camera():
    events = sorted(
        [('f', 33 * i) for i in range(9)] + [('r', 99 * i + 5) for i in range(3)],
        key=lambda event: event[1],
    )

    found = [
        (frame, reference)
        for frame, reference, _ in feed(StampMatcher(50), events)
        if reference is not None
    ]

    assert found == [(0, 5), (99, 104), (198, 203)]


@pytest.mark.parametrize('seed', range(8))
def test_arrival_between_the_two_kinds_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(400, 30, replace=False)).tolist()
    references = np.sort(rng.choice(400, 25, replace=False)).tolist()
    in_time = sorted(
        [('f', s) for s in frames] + [('r', s) for s in references], key=lambda event: event[1]
    )
    late = rng.integers(0, 60)
    delayed = sorted(
        [('f', s, s + late) for s in frames] + [('r', s, s) for s in references],
        key=lambda event: event[2],
    )

    expected = feed(StampMatcher(15), in_time)

    assert sum(reference is not None for _, reference, _ in expected) > 5
    assert feed(StampMatcher(15), [event[:2] for event in delayed]) == expected


def test_nothing_is_decided_while_something_nearer_may_come():
    association = StampMatcher(10)
    association.add_reference(95, 'early')

    assert association.add_frame(100, 'frame') == []
    assert association.add_reference(101, 'nearer') == []
    assert association.add_reference(120, 'later') == []
    assert pairs(association.add_frame(200, 'next')) == [('frame', 'nearer', '')]


def test_frames_do_not_pile_up_when_references_fall_silent():
    association = StampMatcher(10)

    decided = [
        decision
        for index in range(3 * MAX_WAITING)
        for decision in association.add_frame(100 * index, index)
    ]

    assert len(decided) == 2 * MAX_WAITING
    assert {decision.cause for decision in decided} == {'no_reference'}


def test_a_frame_that_runs_back_is_told_apart():
    association = StampMatcher(10)
    association.add_frame(100, 'first')

    assert pairs(association.add_frame(90, 'back')) == [('back', None, 'out_of_order')]
