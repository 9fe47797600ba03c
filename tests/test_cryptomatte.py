from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.cryptomatte import CHANNELS, attributes_of, id_of, murmur3_32, ranked_planes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_the_hash_is_murmurhash3(text: str, expected: int) -> None:
    assert murmur3_32(text.encode()) == expected


def test_a_seed_gives_another_hash() -> None:
    assert murmur3_32(b"", seed=1) == 0x514E28B7


@pytest.mark.parametrize(("name", "expected"), [("bunny", "13851a76"), ("default", "42c9679f")])
def test_names_of_the_specifications_manifest_have_its_numbers(name: str, expected: str) -> None:
    assert f"{id_of(name):08x}" == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hello", 6.0705627102400005616e-17), ("равнина", -1.3192631212399999468e-25), ("mädchen", 6.23612982116e25)],
)
def test_numbers_are_the_floats_of_the_reference_implementation(name: str, expected: float) -> None:
    assert np.array(id_of(name), np.uint32).view(np.float32) == np.float32(expected)


def test_no_number_is_infinite_missing_or_denormal() -> None:
    names = [f"name{number}" for number in range(3000)]
    raw = [murmur3_32(name.encode()) for name in names]
    fixed = np.array([id_of(name) for name in names], np.uint32)
    exponents = fixed >> 23 & 0xFF
    assert any(bits >> 23 & 0xFF in (0, 255) for bits in raw)
    assert exponents.min() >= 1 and exponents.max() <= 254
    assert (fixed != raw).sum() == sum(bits >> 23 & 0xFF in (0, 255) for bits in raw)


def test_the_attributes_name_layer_hash_and_manifest() -> None:
    attributes = attributes_of(["anna", "zoë"])
    key = f"cryptomatte/{id_of('CryptoIdentity'):08x}"[:-1]
    assert attributes[f"{key}/name"] == "CryptoIdentity"
    assert attributes[f"{key}/hash"] == "MurmurHash3_32"
    assert attributes[f"{key}/conversion"] == "uint32_to_float32"
    assert json.loads(attributes[f"{key}/manifest"]) == {name: f"{id_of(name):08x}" for name in ("anna", "zoë")}
    assert len(attributes) == 4 and all(name.startswith(f"{key}/") for name in attributes)


def test_planes_hold_number_and_coverage_and_nothing_behind() -> None:
    coverage = np.array([[0, 0.5], [1, 0]], np.float32)
    planes = ranked_planes(coverage, "anna")
    assert planes.shape == (2, 2, len(CHANNELS)) and planes.dtype == np.float32
    numbers = planes[..., 0].copy().view(np.uint32)
    np.testing.assert_array_equal(numbers, np.where(coverage > 0, id_of("anna"), 0))
    np.testing.assert_array_equal(planes[..., 1], coverage)
    assert not planes[..., 2:].any()
