"""The waveform cache: what was put comes back exactly, or nothing does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auscult.data import WaveformCache, default_cache_folder, waveform_key
from auscult.errors import InputError, OutputError

KEY = "0123456789abcdef"


@pytest.fixture
def cache(tmp_path) -> WaveformCache:
    return WaveformCache(tmp_path / "cache")


def file_of(cache: WaveformCache) -> Path:
    (path,) = cache.folder.glob("*/*.npy")
    return path


@given(arrays(np.float32, st.integers(1, 300), elements=st.floats(width=32)))
@settings(deadline=None, max_examples=50)
def test_any_samples_come_back_bit_for_bit(tmp_path_factory, samples):
    cache = WaveformCache(tmp_path_factory.mktemp("cache"))
    cache.put(KEY, samples)
    assert cache.get(KEY).tobytes() == samples.tobytes()


def test_what_comes_back(cache):
    samples = np.linspace(-1, 1, 1000, dtype=np.float32)
    assert KEY not in cache
    assert cache.get(KEY) is None
    cache.put(KEY, samples[::2])
    assert KEY in cache
    found = cache.get(KEY)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, samples[::2])
    assert not found.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0
    # A plain .npy file, in a folder of its first two characters.
    path = cache.folder / "01" / f"{KEY}.npy"
    np.testing.assert_array_equal(np.load(path), samples[::2])


def test_another_process_sees_it(cache):
    cache.put(KEY, np.ones(3, np.float32))
    assert WaveformCache(cache.folder).get(KEY).tolist() == [1, 1, 1]


def test_putting_again_replaces_and_leaves_readers_alone(cache):
    cache.put(KEY, np.zeros(5, np.float32))
    before = cache.get(KEY)
    cache.put(KEY, np.ones(3, np.float32))
    assert before.tolist() == [0] * 5
    assert cache.get(KEY).tolist() == [1] * 3


def test_every_cut_counts_as_absent(cache):
    samples = np.arange(20, dtype=np.float32)
    cache.put(KEY, samples)
    path = file_of(cache)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert KEY not in cache
        assert cache.get(KEY) is None
    for tail in (b"\0", b"\0\0\0\0"):
        path.write_bytes(whole + tail)
        assert cache.get(KEY) is None
    cache.put(KEY, samples)
    np.testing.assert_array_equal(cache.get(KEY), samples)


def test_every_damaged_header_counts_as_absent(cache):
    cache.put(KEY, np.arange(20, dtype=np.float32))
    path = file_of(cache)
    whole = path.read_bytes()
    for position in range(len(whole) - 20 * 4):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert KEY not in cache
        assert cache.get(KEY) is None


@pytest.mark.parametrize("other", [np.arange(4), np.zeros((2, 2), np.float32), np.zeros(4, ">f4")])
def test_another_npy_file_counts_as_absent(cache, other):
    cache.put(KEY, np.zeros(4, np.float32))
    np.save(file_of(cache), other)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((1, 3), np.float32), np.zeros(0, np.float32)])
def test_what_cannot_be_put(cache, array):
    with pytest.raises(ValueError, match="must be float32 with axes"):
        cache.put(KEY, array)
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


def test_blocks_are_the_whole(cache):
    samples = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    cache.put_blocks(KEY, np.split(samples, [1, 1, 700, 9_999]))
    assert np.array_equal(cache.get(KEY), samples)
    assert np.array_equal(np.load(file_of(cache)), samples)


def test_a_sound_that_ends_in_the_middle_leaves_nothing(cache):
    def blocks():
        yield np.ones(100, np.float32)
        raise InputError("a.wav", "damaged", "it is cut off", "copy it again")

    with pytest.raises(InputError, match="cut off"):
        cache.put_blocks(KEY, blocks())
    assert KEY not in cache
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("key", ["", "ab", "../../etc/passwd", "0123456789ABCDEF", "g" * 16, KEY + "\n"])
def test_keys_that_are_none(cache, key):
    for use in (cache.get, cache.__contains__, lambda k: cache.put(k, np.ones(1, np.float32))):
        with pytest.raises(ValueError, match="8 to 64 hexadecimal digits"):
            use(key)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    cache = WaveformCache(tmp_path / "cache")
    assert cache.get(KEY) is None
    with pytest.raises(OutputError, match=r"cannot be written.*AUSCULT_HOME"):
        cache.put(KEY, np.ones(3, np.float32))


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a matter of POSIX")
def test_a_write_that_fails_half_way_leaves_nothing(cache):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="free some space, or set AUSCULT_HOME"):
            cache.put(KEY, np.ones(50_000, np.float32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert KEY not in cache
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


def test_two_writers_and_a_reader(cache):
    arrays = [np.full(50_000, value, np.float32) for value in (1, 2)]
    done = threading.Event()
    seen: set[float] = set()

    def write(array):
        for _ in range(40):
            cache.put(KEY, array)

    def read():
        while not done.is_set():
            if (found := cache.get(KEY)) is not None:
                seen.update(np.unique(found).tolist() if len(np.unique(found)) == 1 else [-1.0])

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(array,)) for array in arrays]
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert seen <= {1.0, 2.0}
    assert cache.get(KEY)[0] in (1.0, 2.0)


WRITER = """
import sys, numpy as np
from auscult.data.cache import WaveformCache
cache = WaveformCache(sys.argv[1])
print("ready", flush=True)
for i in range(100_000):
    cache.put(f"{i % 50:08x}", np.full(200_000, i % 50, np.float32))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_kills_leave_whole_files_only(cache):
    draw = random.Random(0)
    for _ in range(5):
        command = [sys.executable, "-c", WRITER, str(cache.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(draw.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        for path in cache.folder.glob("??/*.npy"):
            assert path.stat().st_size == 128 + 200_000 * 4
            assert (cache.get(path.stem) == int(path.stem, 16)).all()
    assert any(cache.folder.glob("??/*.npy"))


def test_what_killed_writers_left_is_removed_later(cache):
    cache.put(KEY, np.ones(3, np.float32))
    old, new = cache.folder / "unfinished" / "old", cache.folder / "unfinished" / "new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    WaveformCache(cache.folder)
    assert not old.exists()
    assert new.exists()


def test_keys_tell_apart_all_that_samples_depend_on():
    plain = ("ab12", None, None, "mean", 16000, "soundfile 1, soxr 1")
    changes = ("ab13", 0, 16000, 0, 22050, "soundfile 2, soxr 1")
    keys = {waveform_key(*plain)}
    keys |= {waveform_key(*plain[:i], change, *plain[i + 1 :]) for i, change in enumerate(changes)}
    assert len(keys) == 7
    assert waveform_key(*plain) == waveform_key(*plain)
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in keys)


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "waveforms"
    monkeypatch.delenv("AUSCULT_HOME")
    found = default_cache_folder()
    assert found.is_absolute()
    assert "auscult" in found.parts
    assert found.name == "waveforms"
