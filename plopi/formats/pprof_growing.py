"""Following a recording while it grows: what was appended, at the cost of what was appended."""

from __future__ import annotations

from plopi.errors import FormatError
from plopi.formats.fragments import extent, is_recording
from plopi.formats.limits import Limits
from plopi.formats.pprof_reader import Appended, Rows
from plopi.formats.progress import Report, silent


class GrowingReader:
    """Reads one recording (``.pb.part``), each byte of its whole fragments once.

    Whoever has the file hands over what stands in it from ``offset`` to its end, whenever it has grown. A torn tail is not kept
    here, since a recorder whose write failed cuts its file back and writes other bytes there: it is to be handed over again.
    When the recorder begins anew (it does whenever it coarsens its windows) it puts another file in this one's place: another
    inode, or less than ``offset`` bytes. Then begin anew, with another reader. After a ``FormatError`` there is no going on.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._rows = Rows(self._limits)
        self.offset = 0
        """Where the whole fragments that were read end, in bytes from the start of the file."""
        self.fragments = 0

    def feed(self, data: bytes, report: Report = silent) -> Appended | None:
        """The rows that ``data``, the file's bytes from ``offset`` on, adds; None while it holds no further whole fragment."""
        self._limits.check("bytes", self.offset + len(data))
        if not self.fragments and len(data) >= 16 and not is_recording(data):
            raise FormatError("the file is no recording of plopi; read it as a whole")
        found = extent(data, 0, self.fragments)
        if found.fragments == self.fragments:
            return None
        appended = self._rows.add(data[: found.whole], report, found.torn)
        self.offset += found.whole
        self.fragments = found.fragments
        return appended
