"""The interval of a share that was counted."""

from math import sqrt


def wilson(right: int, count: int) -> tuple[float, float, float]:
    """A share, and the ends of its interval of 95 % (Wilson, Probable inference, 1927); ``count`` is not 0."""
    z, share = 1.96, right / count
    middle, half = share + z * z / (2 * count), z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return share, (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)
