"""The table of fitted rates shows what was fitted, and belongs to the rows that it was fitted to."""

import pytest

from figures import recipe, support_rates
from qtheory.errors import SchemaError
from qtheory.results import Table, read_table


@pytest.fixture(scope="module")
def tables(results):
    folder = results / "low-dimensional-support"
    return [read_table(folder / f"{name}.csv") for name in ("paper", "paper-rates")]


def written(figure):
    """Slopes and errors by row and column."""
    places = {}
    for text in figure.texts:
        x, y = text.get_position()
        places.setdefault((round(y, 6), round(x, 6)), []).append(text.get_text().replace("−", "-"))
    return list(places.values())


def test_every_slope_is_written_with_its_error(tables):
    cells = written(recipe.draw(support_rates.RECIPE, tables))
    frame = tables[1].frame
    shown = frame[frame["method"].isin(["vq", "sq-pca", "opq-4", "pq-2", "pq-4", "pq-8", "sq"])]
    assert len(shown) == len(frame)
    expected = [[f"{row.slope:.3f}", f"± {row.standard_error:.3f}"] for row in shown.itertuples()]
    found = [cell for cell in cells if len(cell) == 2]
    assert sorted(found) == sorted(expected)


def test_slopes_near_the_limit_are_shaded(tables):
    figure = recipe.draw(support_rates.RECIPE, tables)
    near = tables[1].frame.apply(support_rates.near_limit, axis=1)
    assert 0 < near.sum() < len(near)
    assert len(figure.artists) == near.sum()


def test_rates_of_other_rows_are_refused(tables):
    table, rates = tables
    other = Table(table.frame, {**table.manifest, "sha256": "0"}, table.path)
    with pytest.raises(SchemaError, match="must come from"):
        recipe.draw(support_rates.RECIPE, [other, rates])
