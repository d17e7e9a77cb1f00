"""Which package each file belongs to, and which packages are worth a colour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plopi.errors import FormatError
from plopi.model import GC_FUNCTION, TRUNCATED_FUNCTION, Profile
from plopi.viewer.analysis.columns import Ids, Ints, column, sums_by_id

COLOURS = 8
GC_COLOUR = 8
"""Its own, so that it looks alike in every profile."""
DOMINANT = 0.5
"""A package that owns more than this share of the self time is told apart by its modules."""
STDLIB, BUILT_IN, OTHER = "stdlib", "built-in", "other"
GENERATED, FROM_STRING, NO_FILE = "generated code", "code from strings", "unknown file"
SPECIAL = {GC_FUNCTION: "garbage collection", TRUNCATED_FUNCTION: "truncated stacks"}
"""Functions that stand for no code, by name: without a file, a group each."""

_INSTALLED = re.compile(r"(?:^|/)(?:site|dist)-packages/(?P<inside>.+)$")
_LIBRARY = re.compile(r"(?:^|/)(?:lib(?:64)?/(?:python|pypy)\d[\d.]*t?|Python\d+/Lib)/(?P<inside>.+)$", re.IGNORECASE)
_TEMPLATE = ".generated.py"  # what Tornado calls the code it makes of a template
_ZIPPED = re.compile(r"(?:^|/)python\d+\.zip/(?P<inside>.+)$")


@dataclass(frozen=True)
class Origin:
    """A package, and the module or subpackage within it ("" where the file is the package)."""

    package: str
    module: str = ""


@dataclass(frozen=True)
class Group:
    """Functions that share a colour (0 to 7, the most self time first; 8 for garbage collection; None for the rest)."""

    name: str
    self: int
    color: int | None


@dataclass(frozen=True)
class Packages:
    """The origin of every file of a profile; that of a function is at ``file_row[function]``.

    ``package`` and ``module`` are rows of ``names``, which are distinct, by file row; the first of these is "": no module.
    """

    names: Sequence[str]
    package: Ids
    module: Ids
    file_row: Ids
    name_modules: Callable[[], Sequence[str]] = tuple

    @classmethod
    def of(cls, found: Sequence[Origin], file_row: Ids, name_modules: Callable[[], Sequence[str]] = tuple) -> Packages:
        numbers = {"": 0}
        package = [numbers.setdefault(origin.package, len(numbers)) for origin in found]
        module = [numbers.setdefault(origin.module, len(numbers)) for origin in found]
        return cls(tuple(numbers), np.array(package, dtype=np.int64), np.array(module, dtype=np.int64), file_row, name_modules)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Dotted names of modules, by file row too: ``flask.json.provider`` of ``.../site-packages/flask/json/provider.py``."""
        found = tuple(self.name_modules())
        if len(found) != len(self.package):
            raise FormatError(f"the profile has {len(found)} files, its packages {len(self.package)}; please report this file")
        return found

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        names = self.names
        return tuple(
            Origin(names[package], names[module]) for package, module in zip(self.package.tolist(), self.module.tolist())
        )

    @property
    def packages(self) -> tuple[str, ...]:
        """Names of packages, by file row."""
        return tuple(origin.package for origin in self.origins)

    def package_of(self, function: int) -> str:
        return self.names[int(self.package[self.file_row[function]])]

    def groups(self, own: Ints) -> tuple[list[Group], Ids]:
        """The groups for self weights by function, heaviest first and the rest last; and each file row's place among them."""
        weights = sums_by_id(self.file_row, own, len(self.package))
        keys, row = np.unique(self._group_keys(weights), return_inverse=True)
        names = [self._group_name(key) for key in keys.tolist()]
        sums: dict[str, int] = {}
        for name, weight in zip(names, sums_by_id(row, weights, len(keys)).tolist()):
            sums[name] = sums.get(name, 0) + weight
        ranked = sorted(sums, key=lambda name: (-sums[name], name))
        collected = SPECIAL[GC_FUNCTION]
        coloured = [name for name in ranked if sums[name] > 0 and name != collected][:COLOURS]
        color = {name: place for place, name in enumerate(coloured)}
        if sums.get(collected, 0) > 0:
            color[collected] = GC_COLOUR
            coloured = [name for name in ranked if name in color]
        groups = [Group(name, sums[name], color[name]) for name in coloured]
        rest = [name for name in ranked if name not in coloured]
        if rest:
            groups.append(Group(OTHER, sum(sums[name] for name in rest), None))
        place = {name: i for i, name in enumerate(coloured)}
        return groups, np.array([place.get(name, len(coloured)) for name in names], dtype=np.int64)[row]

    def _group_keys(self, weights: Ints) -> Ints:
        """By file row: the row of its package's name; in the dominant package, that of its module's and more."""
        keys = column(self.package)
        dominant = self._dominant(weights)
        if dominant is None:
            return keys
        apart = (keys == dominant) & (self.module != 0)
        return np.where(apart, len(self.names) * (dominant + 1) + self.module, keys)

    def _dominant(self, weights: Ints) -> int | None:
        """The package that owns most, where it has more than one module."""
        sums = sums_by_id(self.package, weights, len(self.names))
        for package in np.flatnonzero(sums > int(weights.sum()) * DOMINANT).tolist():
            if len(np.unique(self.module[self.package == package])) > 1:
                return int(package)
        return None

    def _group_name(self, key: int) -> str:
        split, row = divmod(key, len(self.names))
        if not split:
            return self.names[row]
        package = self.names[split - 1]
        return self.names[row] if package == STDLIB else f"{package}.{self.names[row]}"


def packages(profile: Profile) -> Packages:
    """Place every file of the profile in a package."""
    file = np.asarray(profile.functions.file)
    used = np.zeros(len(profile.strings), dtype=np.bool_)
    used[file] = True
    file_row = (np.cumsum(used, dtype=np.int64) - 1)[file]
    texts = [profile.strings[file] for file in np.flatnonzero(used).tolist()]
    found = origins(texts)
    special: list[str] = []
    if "" in texts:
        names = np.asarray(profile.functions.name)
        fileless = np.flatnonzero(file_row == texts.index(""))
        for name in np.unique(names[fileless]).tolist():
            if group := SPECIAL.get(profile.strings[name]):
                file_row[fileless[names[fileless] == name]] = len(found)
                found.append(Origin(group))
                special.append(group)
    return Packages.of(found, file_row, lambda: [*module_names(texts), *special])


def origins(files: Sequence[str]) -> list[Origin]:
    """The origin of each file. What is neither installed nor of the standard library is the project: its packages are what lies
    below the directory that all of its files have in common."""
    paths = [file.replace("\\", "/") for file in files]
    known = [_known_origin(path) for path in paths]
    root = _common_directory(path for path, origin in zip(paths, known) if origin is None)
    return [origin or _origin_inside(path[len(root) :]) for path, origin in zip(paths, known)]


def module_names(files: Sequence[str]) -> list[str]:
    """What each file is imported as, as far as its path tells; of what is no module, the package's name."""
    paths = [file.replace("\\", "/") for file in files]
    known = [_known_origin(path) for path in paths]
    root = _common_directory(path for path, origin in zip(paths, known) if origin is None)
    return [_module_name(path, origin, root) for path, origin in zip(paths, known)]


def _module_name(path: str, origin: Origin | None, root: str) -> str:
    if path.startswith("<frozen ") and path.endswith(">"):
        return path[len("<frozen ") : -1]
    found = _INSTALLED.search(path) or _LIBRARY.search(path) or _ZIPPED.search(path)
    if origin is not None and (found is None or path.endswith(_TEMPLATE)):
        return origin.package
    inside = found["inside"] if found else path[len(root) :]
    steps = [step for step in inside.split("/") if step and step != "."]
    if not steps:
        return path or BUILT_IN
    steps[-1] = _stem(steps[-1])
    return ".".join(steps[:-1] if steps[-1] == "__init__" and len(steps) > 1 else steps)


def _known_origin(path: str) -> Origin | None:
    if path == "~":
        return Origin(BUILT_IN)
    if path == "":
        return Origin(NO_FILE)
    if path.startswith("<frozen ") and path.endswith(">"):
        return Origin(STDLIB, path[len("<frozen ") : -1].split(".")[0])
    if path == "<string>":
        return Origin(FROM_STRING)
    if path.startswith("<") or path.endswith(_TEMPLATE):
        return Origin(GENERATED)
    if found := _INSTALLED.search(path):
        return _origin_inside(found["inside"])
    if found := _LIBRARY.search(path) or _ZIPPED.search(path):
        return Origin(STDLIB, _origin_inside(found["inside"]).package)
    return None


def _origin_inside(path: str) -> Origin:
    steps = [step for step in path.split("/") if step and step != "."]
    if not steps:
        return Origin(path or BUILT_IN)
    package = steps[0] if len(steps) > 1 else _stem(steps[0])
    module = _stem(steps[1]) if len(steps) > 1 else ""
    return Origin(package, "" if module == "__init__" else module)


def _stem(name: str) -> str:
    return name.split(".")[0] or name


def _common_directory(paths: Iterable[str]) -> str:
    """The longest directory, with its slash, that begins all paths."""
    found = list(paths)
    if not found:
        return ""
    first, last = min(found), max(found)
    alike = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, alike) + 1]


def shares(groups: Sequence[Group], total: int) -> list[Mapping[str, str | int | float | None]]:
    """The groups as they cross the wire."""
    return [
        {"name": g.name, "self": g.self, "share": round(g.self / total, 6) if total else 0.0, "color": g.color} for g in groups
    ]
