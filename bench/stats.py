# SPDX-License-Identifier: BSD-2-Clause
"""Medians with an interval that says how sure they are, and verdicts that admit when they are not."""
import math
import statistics


def interval(values):
    """A confidence interval of the median, at least 95 %, from order statistics (no assumption on the distribution;
    below six values it is their whole range)."""
    ordered = sorted(values)
    count = len(ordered)
    rank, miss = 0, 2 / 2 ** count  # how likely the median is outside ordered[rank] .. ordered[-1 - rank]
    while (wider := miss + 2 * math.comb(count, rank + 1) / 2 ** count) <= 0.05:
        rank, miss = rank + 1, wider
    return ordered[rank], ordered[-1 - rank]


def describe(name, values, unit):
    """One line of a table: n, median, its interval, the whole range."""
    low, high = interval(values)
    return (f"  {name:<34} n={len(values):<3} median {statistics.median(values):9.3f} {unit:<8} "
            f"[{low:.3f} .. {high:.3f}]  range {min(values):.3f} .. {max(values):.3f}")


def verdict(what, values, limit, unit, at_least=False):
    """Prints what was measured beside its limit: met, missed, or undecided when the limit is inside the interval.
    Returns False only when it is missed."""
    low, high = interval(values)
    if at_least:
        met, missed = low >= limit, high < limit
    else:
        met, missed = high <= limit, low > limit
    word = "met" if met else "MISSED" if missed else "undecided"
    print(describe(what, values, unit))
    print(f"    limit: at {'least' if at_least else 'most'} {limit:g} {unit}: {word}", flush=True)
    return not missed
