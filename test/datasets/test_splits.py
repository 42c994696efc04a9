import pytest

from mono_depth_ros.datasets.splits import SplitEntry, read_split, write_split

DRIVE = '2011_09_26/2011_09_26_drive_0052_sync'


def split(tmp_path, text):
    path = tmp_path / 'split.txt'
    path.write_text(text)
    return path


def test_lines_are_folder_index_and_side(tmp_path):
    path = split(tmp_path, f'{DRIVE} 12 l\n\n{DRIVE} 0000000007 r\n')

    assert read_split(path) == [SplitEntry(DRIVE, 12, 'l'), SplitEntry(DRIVE, 7, 'r')]


def test_a_line_without_side_means_the_left_camera(tmp_path):
    assert read_split(split(tmp_path, f'{DRIVE} 3\n')) == [SplitEntry(DRIVE, 3, 'l')]


def test_what_was_written_is_read_again(tmp_path):
    entries = [SplitEntry('a/b', 0, 'r'), SplitEntry('a/c', 123456, 'l')]

    write_split(tmp_path / 'written.txt', entries)

    assert read_split(tmp_path / 'written.txt') == entries
    assert str(entries[0]) == 'a/b 0 r'


def test_a_missing_file_names_the_tool_that_makes_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt' does not exist; prepare_split"):
        read_split(tmp_path / 'none.txt')


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"split\.txt' is empty; expected lines 'folder index"):
        read_split(split(tmp_path, '\n \n'))


@pytest.mark.parametrize(
    'line',
    [
        'folder',
        'folder twelve l',
        'folder 12 left',
        'folder 12 l more',
        'folder -1 l',
        'folder 1.5 l',
        'folder ² l',
    ],
)
def test_a_line_of_another_form_is_named(tmp_path, line):
    with pytest.raises(ValueError, match=r"split\.txt:2: '.*' is not of the form"):
        read_split(split(tmp_path, f'{DRIVE} 1 l\n{line}\n'))


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / 'split.txt').write_bytes(b'\x89PNG \xff\xfe l\n')

    with pytest.raises(ValueError, match=r'split\.txt:1: .* is not of the form'):
        read_split(tmp_path / 'split.txt')
