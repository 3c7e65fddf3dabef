"""Stored coders: what is written is read, yesterday's too, and tomorrow's is refused."""

import io

import numpy as np
import pytest
import torch

from models.coding.coder_arrays import CODER_VERSION
from models.coding.latent_codec import LatentCoder
from models.errors import ModelError
from tests.models.coding.latents import structured_latents

OLD_ARRAYS = {  # as the first version wrote them, of two channels at a step of 0.5
    "step": np.array(0.5),
    "lows": np.array([-2, 0]),
    "sizes": np.array([6, 4]),
    "frequencies": np.array([1, 2, 8, 2, 1, 2, 7, 5, 3, 1], np.uint32) * 2**20,
}
OLD_CODE = "35d19ed301037068601198d29c04"
OLD_LATENT = [[[0.0, -1.0, 100.0]], [[0.5, 0.0, -8.0]]]


@pytest.fixture(scope="module")
def coder() -> LatentCoder:
    return LatentCoder.fit(structured_latents(), [0.5, 0.25, 1.0, 1.0])


def through_a_file(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


def test_a_coder_with_contexts_is_the_same_after_a_file(coder):
    assert len(coder.parts.contexts.in_use)
    restored = LatentCoder.from_arrays(through_a_file(coder.to_arrays()))
    for latent in structured_latents(4, seed=1):
        assert restored.encode(latent) == coder.encode(latent)
        assert torch.equal(restored.decode(coder.encode(latent)), coder.quantise(latent))


def test_arrays_say_their_version(coder):
    assert coder.to_arrays()["version"] == CODER_VERSION


def test_bytes_of_the_first_version_decode_with_its_arrays():
    old = LatentCoder.from_arrays(OLD_ARRAYS)
    assert old.decode(bytes.fromhex(OLD_CODE)).tolist() == OLD_LATENT


def test_a_coder_of_the_first_version_codes_as_it_did():
    old = LatentCoder.from_arrays(OLD_ARRAYS)
    assert old.encode(torch.tensor(OLD_LATENT) + 0.2).hex() == OLD_CODE
    assert old.step == 0.5


def test_a_coder_of_the_first_version_is_written_as_such():
    written = LatentCoder.from_arrays(OLD_ARRAYS).to_arrays()
    assert written.keys() == OLD_ARRAYS.keys()
    for name, array in OLD_ARRAYS.items():
        np.testing.assert_array_equal(written[name], array)


def test_another_version_is_refused(coder):
    arrays = coder.to_arrays() | {"version": np.array(CODER_VERSION + 1)}
    with pytest.raises(ModelError, match="versions 1 and 2 can be read, found version 3"):
        LatentCoder.from_arrays(arrays)


def test_decoding_does_not_depend_on_the_number_of_threads(coder):
    latent = structured_latents(1, seed=2)[0]
    before = torch.get_num_threads()
    try:
        decoded = []
        for num_threads in (1, 2):
            torch.set_num_threads(num_threads)
            code = coder.encode(latent)
            decoded.append((code, coder.decode(code)))
    finally:
        torch.set_num_threads(before)
    assert decoded[0][0] == decoded[1][0]
    assert torch.equal(decoded[0][1], decoded[1][1])
