"""Quintic splines and low passes of pictures: the loops over pixels that `resample` is made of.

A spline is kept as coefficients, `LANES` to a pixel, with a border of `PAD` pixels that repeats the picture's own. Its
values are codes, asinh(light / knee).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from understudy.compiled import compiled

__all__ = ["LANES", "PAD", "fill_coefficients", "fill_from_spline", "fill_low_passed", "fill_with_means"]

PAD = 12
"""Pixels after which a quintic spline hardly feels its neighbours: 0.43 to the 12th is 4e-5."""

LANES = 3
"""Channels that are worked on side by side."""

_POLES = (
    math.sqrt(67.5 - math.sqrt(4436.25)) + math.sqrt(26.25) - 6.5,
    math.sqrt(67.5 + math.sqrt(4436.25)) - math.sqrt(26.25) - 6.5,
)
"""Of the recursive filters that turn samples into coefficients: Unser, table 2, degree 5."""

_GAIN = math.prod((1 - pole) * (1 - 1 / pole) for pole in _POLES)

_TILE = 16
"""Side of the squares in which a picture is sampled: what one of them reads stays in the nearest cache however a face
is turned."""

_Floats = npt.NDArray[np.float32]

_F = np.float32
"""Python's own floats are doubles: what shall stay in single precision must be said."""


@compiled
def fill_coefficients(light: _Floats, knee: np.float32, coefficients: _Floats) -> None:
    """Fills `coefficients` with the spline through asinh(light / knee).

    Both ways of the filter go once through memory: down with each row as it comes, and up.

    Args:
        light: (H, W, LANES) float32, contiguous, finite.
        knee: Light about which codes pass from linear to logarithmic.
        coefficients: (H + 2 PAD, W + 2 PAD, LANES) float32; its old values do not matter.
    """
    height, width, _ = light.shape
    wide = width + 2 * PAD
    row = np.zeros((wide, LANES), np.float32)
    scratch = np.zeros((4, width * LANES), np.float32)
    once, twice = np.zeros(wide * LANES, np.float32), np.zeros(wide * LANES, np.float32)
    for y in range(height):
        _encode(light[y].reshape(-1), knee, row[PAD : PAD + width].reshape(-1), scratch)
        for x in range(PAD):
            row[x] = row[PAD]
            row[PAD + width + x] = row[PAD + width - 1]
        _filter_along(row)
        if y == 0:
            _begin_down(row.reshape(-1), once, twice)
            for above in range(PAD):
                coefficients[above].reshape(-1)[:] = twice
        _filter_down(row.reshape(-1), once, twice, coefficients[PAD + y].reshape(-1))
    for y in range(PAD + height, PAD + height + PAD):
        _filter_down(row.reshape(-1), once, twice, coefficients[y].reshape(-1))
    _filter_up(coefficients.reshape(coefficients.shape[0], -1), once, twice)


@compiled
def fill_from_spline(
    coefficients: _Floats,
    light: _Floats,
    knee: np.float32,
    most: np.float32,
    source_from_target: npt.NDArray[np.float64],
    out: _Floats,
) -> None:
    """Fills `out` with the picture's values at the places that a transform names, scene-linear again.

    No value leaves the range of the 3x3 pixels around it by more than half that range, nor by more than a share.

    Args:
        coefficients: As `fill_coefficients` left them.
        light: (H, W, C) float32: the picture itself, at least 3x3 pixels.
        knee: As above.
        most: The share of a value that interpolation may go beyond the pixels around.
        source_from_target: (2, 3) float64: from indices (x, y) of `out` to indices of `light`.
        out: (h, w, C) float32.
    """
    height, width, _ = out.shape
    rows, columns = np.zeros(_TILE, np.float64), np.zeros(_TILE, np.float64)
    codes, values = np.zeros(_TILE * LANES, np.float32), np.zeros(_TILE * LANES, np.float32)
    scratch = np.zeros((4, _TILE * LANES), np.float32)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            count = min(_TILE, width - left)
            for y in range(top, min(top + _TILE, height)):
                _place(source_from_target, left, y, light.shape[0], light.shape[1], rows, columns)
                _sample(coefficients, rows, columns, codes, scratch[0])
                _decode(codes, knee, values, scratch[0])
                _hold(light, rows, columns, knee, most, values)
                out[y, left : left + count].reshape(-1)[:] = values[: count * LANES]


@compiled
def fill_low_passed(light: _Floats, across: _Floats, down: _Floats, around: tuple[int, int], out: _Floats) -> None:
    """Fills `out` with the picture after a separable filter, held to the range of the pixels around; borders repeat.

    Args:
        light: (H, W, LANES) float32, contiguous.
        across: (2 N + 1,) float32: weights of the pixels from N to the left to N to the right.
        down: (2 M + 1,) float32: likewise from above to below.
        around: How many columns and rows on each side count as around, at most N and M.
        out: (H, W, LANES) float32.
    """
    height, width, _ = light.shape
    beside, count = (len(across) // 2) * LANES, width * LANES
    # Three arrays, not one of three rows: only of a contiguous part can the compiler tell that it is contiguous.
    totals, lows, highs = (
        np.zeros(count + 2 * beside, np.float32),
        np.zeros(count + 2 * beside, np.float32),
        np.zeros(count + 2 * beside, np.float32),
    )
    first, last = beside, beside + count
    for y in range(height):
        _combine_rows(light, y, down, around[1], totals[first:last], lows[first:last], highs[first:last])
        for values in (totals, lows, highs):
            for k in range(beside):
                values[k] = values[first + k % LANES]
                values[last + k] = values[last - LANES + k % LANES]
        _combine_columns(totals, lows, highs, across, around[0], out[y].reshape(-1))


@compiled
def _combine_rows(
    light: _Floats, y: int, weights: _Floats, around: int, total: _Floats, low: _Floats, high: _Floats
) -> None:
    """Fills total, low and high (N,): weighted sum, least and largest of the rows about `y`."""
    reach = len(weights) // 2
    here = light[y].reshape(-1)
    for k in range(len(here)):
        total[k], low[k], high[k] = _F(0), here[k], here[k]
    for step in range(-reach, reach + 1):
        row = light[min(max(y + step, 0), light.shape[0] - 1)].reshape(-1)
        weight = weights[step + reach]
        for k in range(len(row)):
            total[k] += weight * row[k]
        if -around <= step <= around:
            for k in range(len(row)):
                low[k] = row[k] if row[k] < low[k] else low[k]
            for k in range(len(row)):
                high[k] = row[k] if row[k] > high[k] else high[k]


@compiled
def _combine_columns(
    totals: _Floats, lows: _Floats, highs: _Floats, weights: _Floats, around: int, out: _Floats
) -> None:
    """Fills out (N,) with the weighted sum along `totals`, held between the least and the largest around."""
    reach, count = len(weights) // 2, len(out)
    low, high = np.empty(count, np.float32), np.empty(count, np.float32)
    middle = reach * LANES
    for k in range(count):
        out[k], low[k], high[k] = _F(0), lows[middle + k], highs[middle + k]
    for step in range(-reach, reach + 1):
        weight, start = weights[step + reach], middle + step * LANES
        total, lower, higher = totals[start : start + count], lows[start : start + count], highs[start : start + count]
        for k in range(count):
            out[k] += weight * total[k]
        if -around <= step <= around:
            for k in range(count):
                low[k] = lower[k] if lower[k] < low[k] else low[k]
            for k in range(count):
                high[k] = higher[k] if higher[k] > high[k] else high[k]
    for k in range(count):
        value = low[k] if out[k] < low[k] else out[k]
        out[k] = high[k] if value > high[k] else value


@compiled
def fill_with_means(light: _Floats, source_from_target: npt.NDArray[np.float64], samples: int, out: _Floats) -> None:
    """Fills `out` with means of samples x samples values in each pixel, interpolated linearly.

    Args:
        light: (H, W, C) float32.
        source_from_target: (2, 3) float64: from indices (x, y) of the samples to indices of `light`.
        samples: On each axis of a pixel of `out`.
        out: (h, w, C) float32.
    """
    height, width, channels = out.shape
    below, right = light.shape[0] - 1, light.shape[1] - 1
    share = np.float32(1 / (samples * samples))
    total = np.zeros(channels, np.float32)
    for y in range(height):
        for x in range(width):
            total[:] = 0
            for j in range(y * samples, (y + 1) * samples):
                for i in range(x * samples, (x + 1) * samples):
                    column, row = _at(source_from_target, i, j, below, right)
                    first, second = int(column), int(row)
                    next_first, next_second = min(first + 1, right), min(second + 1, below)
                    across, down = np.float32(column - first), np.float32(row - second)
                    for lane in range(channels):
                        upper = light[second, first, lane]
                        upper += across * (light[second, next_first, lane] - upper)
                        lower = light[next_second, first, lane]
                        lower += across * (light[next_second, next_first, lane] - lower)
                        total[lane] += upper + down * (lower - upper)
            for lane in range(channels):
                out[y, x, lane] = total[lane] * share


@compiled
def _at(source_from_target: npt.NDArray[np.float64], x: int, y: int, below: int, right: int) -> tuple[float, float]:
    """Column and row of a place, brought to the border where it lies outside."""
    column = source_from_target[0, 0] * x + source_from_target[0, 1] * y + source_from_target[0, 2]
    row = source_from_target[1, 0] * x + source_from_target[1, 1] * y + source_from_target[1, 2]
    return min(max(column, 0.0), float(right)), min(max(row, 0.0), float(below))


@compiled
def _place(
    source_from_target: npt.NDArray[np.float64],
    left: int,
    y: int,
    height: int,
    width: int,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
) -> None:
    for x in range(_TILE):
        columns[x], rows[x] = _at(source_from_target, left + x, y, height - 1, width - 1)


@compiled
def _weights(after: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]:
    """The quintic B-spline at -2 - after, ..., 3 - after, for 0 <= after < 1."""
    before = _F(1) - after
    near, far = after * after, before * before
    first = before * far * far * _F(1 / 120)
    sixth = after * near * near * _F(1 / 120)
    third = _F(11 / 20) - near * (_F(1 / 2) - near * (_F(1 / 4) - after * _F(1 / 12)))
    fourth = _F(11 / 20) - far * (_F(1 / 2) - far * (_F(1 / 4) - before * _F(1 / 12)))
    t = _F(1) + after
    second = _F(17 / 40) + t * (_F(5 / 8) + t * (_F(-7 / 4) + t * (_F(5 / 4) + t * (_F(-3 / 8) + t * _F(1 / 24)))))
    return first, second, third, fourth, _F(1) - first - second - third - fourth - sixth, sixth


@compiled
def _sample(
    coefficients: _Floats,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    codes: _Floats,
    sums: _Floats,
) -> None:
    """Fills codes (_TILE * LANES,): the spline at these places. `sums` is scratch."""
    flat = coefficients.reshape(-1)
    stride = np.uint64(coefficients.shape[1] * LANES)
    for x in range(_TILE):
        column, row = int(columns[x]), int(rows[x])
        a, b, c, d, e, f = _weights(_F(rows[x] - row))
        # Unsigned indices spare the test for Python's negative ones, and let six rows be summed side by side.
        start = np.uint64((row + PAD - 2) * coefficients.shape[1] * LANES + (column + PAD - 2) * LANES)
        second, third = start + stride, start + stride + stride
        fourth, fifth, sixth = third + stride, third + stride + stride, third + stride + stride + stride
        for k in range(np.uint64(6 * LANES)):
            sums[k] = (
                a * flat[start + k]
                + b * flat[second + k]
                + c * flat[third + k]
                + d * flat[fourth + k]
                + e * flat[fifth + k]
                + f * flat[sixth + k]
            )
        a, b, c, d, e, f = _weights(_F(columns[x] - column))
        for k in range(LANES):
            codes[x * LANES + k] = (
                a * sums[k]
                + b * sums[k + LANES]
                + c * sums[k + 2 * LANES]
                + d * sums[k + 3 * LANES]
                + e * sums[k + 4 * LANES]
                + f * sums[k + 5 * LANES]
            )


@compiled
def _hold(
    light: _Floats,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    knee: np.float32,
    most: np.float32,
    values: _Floats,
) -> None:
    """Keeps values (_TILE * LANES,) near the range of the 3x3 pixels around their places."""
    height, width, _ = light.shape
    flat = light.reshape(-1)
    stride = np.uint64(width * LANES)
    for x in range(_TILE):
        top = min(max(int(rows[x] + 0.5) - 1, 0), height - 3)
        left = min(max(int(columns[x] + 0.5) - 1, 0), width - 3)
        start = np.uint64((top * width + left) * LANES)
        for k in range(np.uint64(LANES)):
            low = high = flat[start + k]
            for row in (start + k, start + k + stride, start + k + stride + stride):
                for pixel in (row, row + np.uint64(LANES), row + np.uint64(2 * LANES)):
                    near = flat[pixel]
                    low = near if near < low else low
                    high = near if near > high else high
            value = values[x * LANES + k]
            if value < low or value > high:
                swing = (high - low) * _F(1 / 2)
                lowest = low - min(swing, most * math.sqrt(low * low + knee * knee))
                highest = high + min(swing, most * math.sqrt(high * high + knee * knee))
                values[x * LANES + k] = min(max(value, lowest), highest)


@compiled
def _filter_along(row: _Floats) -> None:
    """The filter along a row (W, LANES), in place, there and back; beyond its ends a row is constant.

    The lanes are written out: each pole of each is a chain of its own, and a processor works on several at once.
    """
    y, z, gain = _F(_POLES[0]), _F(_POLES[1]), _F(_GAIN)
    first, second = gain / (_F(1) - y), _F(1) / (_F(1) - z)
    a, b, c = row[0, 0] * first, row[0, 1] * first, row[0, 2] * first
    d, e, f = a * second, b * second, c * second
    last = row.shape[0] - 1
    for x in range(last + 1):
        a, b, c = gain * row[x, 0] + y * a, gain * row[x, 1] + y * b, gain * row[x, 2] + y * c
        d, e, f = a + z * d, b + z * e, c + z * f
        row[x, 0], row[x, 1], row[x, 2] = d, e, f
    first, second = -y / (_F(1) - y), -z / (_F(1) - z)
    a, b, c = d * first, e * first, f * first
    d, e, f = a * second, b * second, c * second
    for back in range(last + 1):
        x = last - back
        a, b, c = y * (a - row[x, 0]), y * (b - row[x, 1]), y * (c - row[x, 2])
        d, e, f = z * (d - a), z * (e - b), z * (f - c)
        row[x, 0], row[x, 1], row[x, 2] = d, e, f


@compiled
def _begin_down(row: _Floats, once: _Floats, twice: _Floats) -> None:
    """What the filter's way down is at a row (N,) above which all rows are the same."""
    first, second = _F(_GAIN) / (_F(1) - _F(_POLES[0])), _F(1) / (_F(1) - _F(_POLES[1]))
    for k in range(row.shape[0]):
        once[k] = row[k] * first
        twice[k] = once[k] * second


@compiled
def _filter_down(row: _Floats, once: _Floats, twice: _Floats, out: _Floats) -> None:
    """One step down: a row (N,), and what both poles have kept of the rows above."""
    y, z, gain = _F(_POLES[0]), _F(_POLES[1]), _F(_GAIN)
    for k in range(row.shape[0]):
        once[k] = gain * row[k] + y * once[k]
        twice[k] = once[k] + z * twice[k]
        out[k] = twice[k]


@compiled
def _filter_up(coefficients: _Floats, once: _Floats, twice: _Floats) -> None:
    """The way up, in place; below the last row of (H, N) all rows are the same."""
    y, z = _F(_POLES[0]), _F(_POLES[1])
    height, count = coefficients.shape
    for k in range(count):
        once[k] = coefficients[height - 1, k] * (-y / (_F(1) - y))
        twice[k] = once[k] * (-z / (_F(1) - z))
    for back in range(height):
        row = coefficients[height - 1 - back]
        for k in range(count):
            once[k] = y * (once[k] - row[k])
            twice[k] = z * (twice[k] - once[k])
            row[k] = twice[k]


@compiled
def _encode(light: _Floats, knee: np.float32, codes: _Floats, scratch: _Floats) -> None:
    """Fills codes (N,) with asinh(light / knee), to the last digits of a float also near 0.

    asinh(a) = log(1 + m) with m = a + a^2 / (1 + sqrt(1 + a^2)); the logarithm is that of a mantissa between sqrt(1/2)
    and sqrt(2), by the series of artanh, and the exponent. Three loops, because a processor does eight or sixteen at
    once only where it need not wonder whether floats and their bits are the same memory.
    """
    count = light.shape[0]
    exponents, mantissas = scratch[0].view(np.int32), scratch[1].view(np.int32)
    fractions, rounding = scratch[1], scratch[2]
    for i in range(count):
        a = min(abs(light[i]) / knee, _F(1e15))
        more = a + a * a / (_F(1) + math.sqrt(_F(1) + a * a))
        whole = _F(1) + more
        codes[i] = whole
        rounding[i] = (more - (whole - _F(1))) / whole
    bits = codes.view(np.int32)
    for i in range(count):
        exponents[i] = (bits[i] - 0x3F3504F3) >> 23
        mantissas[i] = bits[i] - (exponents[i] << 23)
    for i in range(count):
        s = (fractions[i] - _F(1)) / (fractions[i] + _F(1))
        t = s * s
        series = s * (_F(2) + t * (_F(2 / 3) + t * (_F(2 / 5) + t * (_F(2 / 7) + t * _F(2 / 9)))))
        code = exponents[i] * _F(0.6931471805599453) + (series + rounding[i])
        codes[i] = code if light[i] >= 0 else -code


@compiled
def _decode(codes: _Floats, knee: np.float32, light: _Floats, scales: _Floats) -> None:
    """Fills light (N,) with sinh(codes) * knee; inverse of `_encode`, as exact, up to codes of 80.

    exp(c) - 1 from c = n log 2 + r with a polynomial in r; log 2 is subtracted in two parts (Cody and Waite 1980).
    """
    count = codes.shape[0]
    powers = scales.view(np.int32)
    for i in range(count):
        code = min(abs(codes[i]), _F(80))
        turns = np.floor(code * _F(1.4426950408889634) + _F(0.5))
        r = code - turns * _F(0.693359375) + turns * _F(2.12194440e-4)
        light[i] = r * (
            _F(1) + r * (_F(1 / 2) + r * (_F(1 / 6) + r * (_F(1 / 24) + r * (_F(1 / 120) + r * _F(1 / 720)))))
        )
        powers[i] = (np.int32(turns) + 127) << 23
    for i in range(count):
        more = scales[i] * light[i] + (scales[i] - _F(1))
        value = _F(0.5) * knee * (more + more / (_F(1) + more))
        light[i] = value if codes[i] >= 0 else -value
