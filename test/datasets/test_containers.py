"""Films are whole or cut by their containers, whatever they announce."""

import pytest
from pictures import encoded, write_film

from mono_depth_ros.datasets.containers import find_break

MISSING = r"its (box 'mdat'|list 'movi'|segment) is to have \d+ bytes, of which \d+ are there"


def box(kind: bytes, content: bytes = b'') -> bytes:
    return (8 + len(content)).to_bytes(4, 'big') + kind + content


def element(identifier: bytes, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return identifier + (size | 1 << 56).to_bytes(8, 'big') + content


HEAD, SEGMENT, CLUSTER = b'\x1a\x45\xdf\xa3', b'\x18\x53\x80\x67', b'\x1f\x43\xb6\x75'
LIVE = (1 << 56) - 1


def broken(tmp_path, content):
    (tmp_path / 'film').write_bytes(content)
    return find_break(tmp_path / 'film')


@pytest.mark.parametrize(
    ('suffix', 'codec'), [('.mp4', 'mp4v'), ('.mov', 'mp4v'), ('.avi', 'MJPG'), ('.mkv', 'mp4v')]
)
def test_a_film_is_whole_until_frames_are_missing(tmp_path, suffix, codec):
    data = write_film(tmp_path / f'film{suffix}', 30, codec).read_bytes()

    assert broken(tmp_path, data) == broken(tmp_path, data + b'appended') == ''
    for share in (0.3, 0.6):
        assert broken(tmp_path, data[: int(share * len(data))])


def test_the_index_of_an_mp4_may_be_missing(tmp_path):
    assert "no box 'moov'" in broken(tmp_path, box(b'ftyp', b'isom') + box(b'mdat', bytes(99)))


def test_the_index_may_come_first_and_the_frames_be_cut(tmp_path):
    film = box(b'ftyp', b'isom') + box(b'moov', bytes(40)) + box(b'mdat', bytes(500))

    assert broken(tmp_path, film) == ''
    assert broken(tmp_path, film[:-100]) == (
        "its box 'mdat' is to have 508 bytes, of which 408 are there"
    )


def test_boxes_of_64_bit_and_to_the_end_are_walked(tmp_path):
    start = box(b'ftyp', b'isom') + box(b'moov', bytes(40))
    long = b'\0\0\0\x01mdat' + (16 + 100).to_bytes(8, 'big') + bytes(100)
    endless = b'\0\0\0\0mdat' + bytes(50)

    assert broken(tmp_path, start + long) == broken(tmp_path, start + endless) == ''
    assert 'of which 96 are there' in broken(tmp_path, start + long[:-20])


def test_a_cut_fragment_is_found_among_whole_ones(tmp_path):
    fragment = box(b'moof', bytes(30)) + box(b'mdat', bytes(300))
    film = box(b'ftyp', b'isom') + box(b'moov', bytes(40)) + 9 * fragment

    assert broken(tmp_path, film) == '' and 'mdat' in broken(tmp_path, film[:-10])


def test_what_comes_behind_the_frames_may_be_cut(tmp_path):
    film = box(b'ftyp', b'isom') + box(b'moov', bytes(40)) + box(b'mdat', bytes(99))

    assert broken(tmp_path, film + box(b'free', bytes(99))[:50]) == ''


def test_a_live_recording_of_matroska_has_no_length_to_miss(tmp_path):
    head = element(HEAD, bytes(20))
    clusters = element(CLUSTER, bytes(50)) + element(CLUSTER, bytes(50))

    assert broken(tmp_path, head + element(SEGMENT, clusters, LIVE)) == ''
    assert 'its cluster is to have 50 bytes, of which 45 are there' in broken(
        tmp_path, head + element(SEGMENT, clusters[:-5], LIVE)
    )
    endless = clusters + element(CLUSTER, bytes(7), LIVE)
    assert broken(tmp_path, head + element(SEGMENT, endless, LIVE)) == ''


def test_an_index_of_an_avi_may_be_cut_but_not_its_frames(tmp_path):
    data = write_film(tmp_path / 'film.avi', 30, 'MJPG').read_bytes()
    index = data.rindex(b'idx1')

    assert broken(tmp_path, data[: index + 20]) == ''
    assert "its list 'movi'" in broken(tmp_path, data[: index - 100])


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'RIFX',
        HEAD,
        b'\0\0\0\0ftyp',
        b'\0\0\0\x02mdat',
        encoded('JPEG'),
        b'\xff' * 99,
        bytes(99),
    ],
    ids=len,
)
def test_of_what_is_no_film_nothing_is_said(tmp_path, content):
    assert broken(tmp_path, content) in ('', "it has no box 'moov', which says where frames are")
