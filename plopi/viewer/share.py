"""A page of the viewer as one HTML file that works offline, opened from a disk, with the answers that it needs inside.

Browsers let no page at ``file://`` import a module from a file beside it. So every module stands in the page as a ``data:`` URL,
and an import map says which is which; relative imports, which such a module cannot make, are rewritten to names of that map
(https://html.spec.whatwg.org/multipage/webappapis.html#import-maps). No other thing is changed, and nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from plopi.errors import PlopiError

OFFLINE_ID = "plopi-offline"
"""The element whose JSON ``static/js/offline.js`` reads."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' data:",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}/[^"']+)\2""")
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="(?:\.\./)*static/([^"]+)">')
_PRELOAD = re.compile(r'<link rel="modulepreload"[^>]*>\n?')
_ICON = re.compile(r'<link rel="icon" href="(?:\.\./)*static/([^"]+)"([^>]*)>')
_ENTRY = re.compile(r'<script type="module" src="(?:\.\./)*static/([^"]+)"></script>')
_STYLE_IMAGE = re.compile(r'url\("\.\./([^"]+\.svg)"\)')
_BY_HTTP = re.compile(r'(href)="(?:\.\./)+"')

Json = Mapping[str, Any]
Read = Callable[[str], str]


def bundle(static: Path, page: str, content: Json, title: str) -> bytes:
    """``page`` (a file of ``static``) with its styles, modules and ``content`` inside, which is what ``offline.js`` hands out."""

    def read(name: str) -> str:
        return (static / name).read_text("utf-8")

    html = _PRELOAD.sub("", read(page))
    html = _STYLESHEET.sub(lambda found: f"<style>\n{_styles(found[1], read)}</style>", html)
    html = _ICON.sub(lambda found: f'<link rel="icon" href="{_data_url("image/svg+xml", read(found[1]))}"{found[2]}>', html)
    html = _BY_HTTP.sub(r'\1="#"', html)
    html = re.sub(r"<title>[^<]*</title>", lambda _: f"<title>{escape(title)}</title>", html)
    html = html.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)
    entry = _ENTRY.search(html)
    if entry is None:
        raise PlopiError(f"{page} has no entry module to share; this is a bug of plopi")
    return html.replace(entry[0], _scripts(entry[1], read, content)).encode("utf-8")


def _scripts(entry: str, read: Read, content: Json) -> str:
    imports = {_name(module): _data_url("text/javascript", source) for module, source in modules(entry, read).items()}
    return (
        f'<script type="application/json" id="{OFFLINE_ID}">{_inside_html(content)}</script>\n'
        f'<script type="importmap">{_inside_html({"imports": imports})}</script>\n'
        f'<script type="module">import {json.dumps(_name(entry))};</script>'
    )


def modules(entry: str, read: Read) -> dict[str, str]:
    """Every module that ``entry`` needs, itself first, by path, with its imports rewritten."""
    found: dict[str, str] = {}
    wanted = [entry]
    while wanted:
        path = wanted.pop()
        if path in found:
            continue
        source = read(path)
        needs = [_resolved(path, match[3]) for match in _IMPORT.finditer(source)]
        found[path] = _IMPORT.sub(partial(_renamed, path), source)
        wanted += [need for need in needs if need not in found]
    return found


def _renamed(importer: str, found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{_name(_resolved(importer, found[3]))}{found[2]}"


def _styles(name: str, read: Read) -> str:
    return _STYLE_IMAGE.sub(lambda found: f'url("{_data_url("image/svg+xml", read(found[1]))}")', read(name))


def _resolved(importer: str, specifier: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))


def _name(path: str) -> str:
    return f"plopi/{path}"


def _data_url(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode('utf-8')).decode('ascii')}"


def _inside_html(content: Json) -> str:
    """JSON that cannot end the element it stands in, whatever names it holds."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
