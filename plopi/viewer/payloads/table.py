"""The answer to the table view."""

from __future__ import annotations

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import Index, search
from plopi.viewer.analysis import table as tables
from plopi.viewer.analysis.columns import Ids, column
from plopi.viewer.payloads.common import Json, Look, base_head, head, indexed, look_at, rows_of
from plopi.viewer.view import Sort, View


def table(profile: Profile | Index, view: View, revision: str = "") -> Json:
    """A page of the function table."""
    about = indexed(profile)
    look = look_at(about, view)
    present = look.present
    found = search.search(about.profile, about.texts, view.q) if view.q else None
    wanted = present & found.functions if found else present
    backwards = (view.order == "desc") == (view.sort == "name")
    page = tables.page_of(_order(about, look, view.sort), wanted, view.page, view.per, backwards)
    return {
        **head(about.profile, view, look.numbers, revision),
        **base_head(about, look),
        "shown": page.shown,
        "cut": found is not None and found.cut,
        "functions": int(np.count_nonzero(present)),
        "page": page.page,
        "pages": page.pages,
        "rows": rows_of(about, look, page.rows),
    }


def _order(about: Index, look: Look, sort: Sort) -> Ids:
    """Functions by name from the first, by anything else from the most."""
    if sort == "name":
        return about.by_name
    if sort == "calls" and about.by_calls is not None:
        return about.by_calls
    if sort == "percall" and about.profile.calls is not None:
        return tables.order_by_length_of_calls(look.numbers.cum, column(about.profile.calls.primitive))
    if look.sides is None:
        return look.weighed.by_cum if sort == "cum" else look.weighed.by_self
    if sort == "delta":
        return tables.order_by_weight(look.numbers.self - look.sides.base.self)
    return tables.order_by_weight(look.numbers.cum if sort == "cum" else look.numbers.self)
