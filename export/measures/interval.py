"""Intervals of 95 %: of a share that was counted, and of figures of pieces, which come and go as wholes."""

from dataclasses import asdict, dataclass
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000  # of the bootstrap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the ends of its interval of 95 %; nan where there is nothing to measure."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return "-" if isnan(self.value) else f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    def to_json(self) -> dict[str, float | None]:
        """Plain values, None for nan."""
        return {name: None if isnan(value) else value for name, value in asdict(self).items()}


def wilson(right: int, count: int) -> tuple[float, float, float]:
    """A share, and the ends of its interval of 95 % (Wilson, Probable inference, 1927); ``count`` is not 0."""
    z, share = 1.96, right / count
    middle, half = share + z * z / (2 * count), z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return share, (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def resampled(count: int, seed: int) -> Floats:
    """How often each of ``count`` pieces is drawn [draws, pieces]: a bootstrap over pieces (Efron, 1979)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)


def summed(values: Floats, places: NDArray[np.int64]) -> Floats:
    """The sums [pieces, ...] of values [stretches, ...], by the number of the piece that each stretch is of."""
    found = np.zeros((places.max() + 1, *values.shape[1:]))
    np.add.at(found, places, values)
    return found


def of_pieces(sums: Floats, weights: Floats, seed: int = 0) -> Estimate:
    """A mean: the sums of the pieces [pieces] by their weights [pieces], with its interval over pieces.

    Draws whose pieces have no weight are left out; without any weight all of it is nan.
    """
    draws = resampled(len(sums), seed)
    drawn = draws @ np.stack([sums, weights], axis=1)  # [draws, 2]
    return estimate(sums.sum() / weights.sum() if weights.any() else np.nan, _ratios(drawn))


def estimate(value: float, drawn: Floats) -> Estimate:
    """A figure, and the interval of 95 % of what was drawn in its place [draws]; nan counts for nothing."""
    known = drawn[~np.isnan(drawn)]
    low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high))


def _ratios(drawn: Floats) -> Floats:
    found: Floats = drawn[drawn[:, 1] > 0]
    return found[:, 0] / found[:, 1]
