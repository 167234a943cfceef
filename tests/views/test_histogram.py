"""Where a value falls."""

from __future__ import annotations

import pytest

from hms_orch_cli.views.histogram import Histogram


@pytest.mark.parametrize(("value", "place"), [(0, 0), (1, 0), (1.5, 1), (2, 1), (2.1, 2), (1e9, 2)])
def test_a_value_falls_into_the_first_bucket_that_holds_it(value: float, place: int) -> None:
    histogram = Histogram((1, 2))
    histogram.observe(value)
    assert histogram.buckets == [int(n == place) for n in range(3)]
    assert histogram.sum == value
