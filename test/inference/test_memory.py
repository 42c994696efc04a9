"""Batches go on in parts when memory runs out, and become whole again."""

import gc
import weakref

import pytest
import torch

from mono_depth_ros.inference.memory import (
    BatchLimit,
    MemoryExhaustedError,
    is_out_of_memory,
)


class Device:
    """Double numbers, at most `room` at once; keep the sizes of the calls."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.calls: list[int] = []

    def __call__(self, batch):
        self.calls.append(len(batch))
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB.')
        return [2 * number for number in batch]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_with_room_enough_a_batch_is_one_call():
    device = Device(room=4)

    assert BatchLimit().run(device, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert device.calls == [4]


def test_without_room_every_image_is_done_once_in_parts():
    device, limit = Device(room=2), BatchLimit()

    assert limit.run(device, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert device.calls == [5, 2, 2, 1] and limit.limit == 2


def test_the_next_batch_starts_with_the_parts_that_fit():
    device, limit = Device(room=1), BatchLimit()
    limit.run(device, [1, 2, 3, 4])
    device.calls.clear()

    limit.run(device, [1, 2, 3, 4])

    assert device.calls == [1, 1, 1, 1]


def test_parts_grow_again_once_memory_is_free():
    clock = Clock()
    device, limit = Device(room=1), BatchLimit(grow_after=60.0, clock=clock)
    limit.run(device, [1, 2, 3, 4])
    device.room, sizes = 4, []

    for clock.now in (59.0, 61.0, 122.0):
        device.calls.clear()
        limit.run(device, [1, 2, 3, 4])
        sizes.append(list(device.calls))

    assert sizes == [[1, 1, 1, 1], [2, 2], [4]] and limit.limit is None


def test_a_single_image_without_room_is_tried_twice_and_then_an_error():
    device = Device(room=0)

    with pytest.raises(MemoryExhaustedError, match='single image: end what else uses the device'):
        BatchLimit().run(device, [1])

    assert device.calls == [1, 1]


def test_what_a_failed_attempt_held_is_free_before_the_next_one():
    held: list[weakref.ref[torch.Tensor]] = []

    def work(batch):
        assert not [ref for ref in held if ref() is not None]
        tensor = torch.ones(3)
        held.append(weakref.ref(tensor))
        if len(batch) > 1:
            raise MemoryError
        return batch

    gc.disable()
    try:
        assert BatchLimit().run(work, [1, 2]) == [1, 2]
    finally:
        gc.enable()


def test_other_errors_pass():
    def work(batch):
        raise RuntimeError('mat1 and mat2 shapes cannot be multiplied')

    with pytest.raises(RuntimeError, match='shapes'):
        BatchLimit().run(work, [1, 2])


@pytest.mark.parametrize(
    'error',
    [
        torch.cuda.OutOfMemoryError('x'),
        MemoryError(),
        RuntimeError('CUDA error: out of memory'),
        RuntimeError('cuDNN error: CUDNN_STATUS_ALLOC_FAILED'),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError('Failed to allocate memory for requested buffer of size 9'),
    ],
    ids=repr,
)
def test_every_engine_s_words_for_no_memory_are_known(error):
    assert is_out_of_memory(error) and not is_out_of_memory(ValueError(str(error)))


@pytest.fixture
def little_memory():
    """Allow this process 1 % of the GPU's memory more than it has."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    room = int(total * 0.01)
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + room) / total)
    yield room
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
def test_real_memory_of_a_gpu_runs_out_and_the_batch_goes_on_in_parts(little_memory):
    values = int(little_memory * 0.3 / 4)
    limit = BatchLimit()

    def work(batch):
        filled = [torch.full((values,), float(number), device='cuda') for number in batch]
        return [float(tensor.mean()) for tensor in filled]

    assert limit.run(work, [1, 2, 3, 4, 5]) == pytest.approx([1, 2, 3, 4, 5])
    assert limit.limit == 2
    assert torch.cuda.memory_allocated() < values
