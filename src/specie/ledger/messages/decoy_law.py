"""The start law of decoys: how old outputs are when they are spent (LEDGER section 10).

A log-gamma law (shape 9.6866, rate 1.1024 of the natural logarithm of the age in seconds), fitted to simulated retail
payments and to nothing else: `tools/fit_decoys.py` makes the payments and this table again. Bucket k holds the ages
from 2^(26k/40) to 2^(26(k+1)/40) seconds; younger ones count as 0, older ones as 39.
"""

from __future__ import annotations

BUCKETS = 40
START_VERSION = 1

START_LAW: tuple[int, ...] = (
    *(1, 1, 7, 67, 341, 1_151, 2_943, 6_153, 11_048, 17_611),
    *(25_514, 34_177, 42_882, 50_902, 57_613, 62_574, 65_549, 66_510, 65_597, 63_075),
    *(59_280, 54_573, 49_303, 43_784, 38_275, 32_978, 28_037, 23_543, 19_543, 16_050),
    *(13_050, 10_512, 8_394, 6_648, 5_224, 4_075, 3_157, 2_430, 1_859, 5_573),
)
"""Weight of each bucket, u32; only their proportions matter."""

EDGES_MS: tuple[int, ...] = (
    *(1_000, 1_569, 2_462, 3_863, 6_062, 9_513, 14_928, 23_425),
    *(36_758, 57_680, 90_509, 142_024, 222_860, 349_706, 548_748, 861_077),
    *(1_351_176, 2_120_222, 3_326_985, 5_220_600, 8_192_000, 12_854_625, 20_171_070, 31_651_801),
    *(49_667_000, 77_935_877, 122_294_500, 191_900_640, 301_124_381, 472_514_802, 741_455_200, 1_163_467_918),
    *(
        1_825_676_854,
        2_864_794_056,
        4_495_343_721,
        7_053_950_396,
        11_068_834_616,
        17_368_863_244,
        27_254_667_800,
        42_767_157_899,
    ),
    67_108_864_000,
)
"""Milliseconds where the buckets begin, and where the last one ends: 1000 * 2^(26k/40), rounded down."""
