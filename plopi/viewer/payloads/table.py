"""The answer to the table view."""

from __future__ import annotations

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import Index, Weighed, search
from plopi.viewer.analysis import table as tables
from plopi.viewer.analysis.columns import Ids, column
from plopi.viewer.payloads.common import Json, head, indexed, rows_of, weighed_of
from plopi.viewer.view import Sort, View


def table(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """A page of the function table."""
    about = indexed(profile)
    weighed = weighed_of(about, view)
    numbers = weighed.numbers
    found = search.search(about.profile, about.texts, view.q) if view.q else None
    wanted = numbers.present & found.functions if found else numbers.present
    backwards = (view.order == "desc") == (view.sort == "name")
    page = tables.page_of(_order(about, weighed, view.sort), wanted, view.page, view.per, backwards)
    return {
        **head(about.profile, view, numbers, revision),
        "shown": page.shown,
        "cut": found is not None and found.cut,
        "functions": int(np.count_nonzero(numbers.present)),
        "page": page.page,
        "pages": page.pages,
        "rows": rows_of(about, numbers, page.rows),
    }


def _order(about: Index, weighed: Weighed, sort: Sort) -> Ids:
    """Functions by name from the first, by anything else from the most."""
    if sort == "name":
        return about.by_name
    if sort == "calls" and about.by_calls is not None:
        return about.by_calls
    if sort == "percall" and about.profile.calls is not None:
        return tables.order_by_length_of_calls(weighed.numbers.cum, column(about.profile.calls.primitive))
    return weighed.by_cum if sort == "cum" else weighed.by_self
