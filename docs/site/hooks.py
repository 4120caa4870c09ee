"""What the site has beyond docs/*.md: pages made from the code, notebooks, the data sets' own documents, and pages without inline scripts.

A link in a document leads to a file of the repository, as GitHub shows it; here it is made to lead to that file's page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BESIDE = ("datasets/FORMAT.md", "datasets/catalogue.md", "datasets/results/README.md", "datasets/results/tables.md", "datasets/generators/README.md",
          "datasets/generators/patches32.png", "CHANGELOG.md")  # fmt: skip
ASSETS = ("assets/site.css", "assets/iframe-worker.js")
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
# The way to the boards that a page is served beside, which `w1bench.site.links.linked_back` opens; the built pages alone have none.
_WAY_BACK = '<!--w1bench <a class="md-header__option w1-boards" href="{root}/..HOME">Boards</a> w1bench-->'
_SEARCH = '<label class="md-header__button md-icon" for="__search">'
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_scripts: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """Put every page of a folder where the navigation says `... | folder`."""
    for section in config.nav:
        ((title, entries),) = section.items()
        if isinstance(entries, list):
            section[title] = [found for entry in entries for found in _expanded(entry)]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add what is not in docs/: documents beside the data, assets, and pages made from the code and from notebooks."""
    for path in BESIDE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for path in ASSETS:
        files.append(File.generated(config, path, abs_src_path=str(Path(__file__).parent / path)))
    pages = reference.pages()
    for notebook in sorted((DOCS / "notebooks").glob("*.ipynb")):
        pages |= notebook_pages(notebook)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to files of the repository to their pages; a file that has none is named instead."""
    here = page.file.src_uri
    place = here if here in BESIDE else f"docs/{here}"

    def led(match: re.Match[str]) -> str:
        opening, target, fragment, closing = match.groups()
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target)).removeprefix("docs/")
        if files.get_file_from_path(path) is None:
            return match[0]  # which the strict build refuses
        return opening + posixpath.relpath(path, posixpath.dirname(here) or ".") + (fragment or "") + closing

    head = "---\nsearch:\n  exclude: true\n---\n" if here == "datasets/results/tables.md" else ""
    if head:
        page.meta["search"] = {"exclude": True}
    return _LINK.sub(led, markdown)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Move inline scripts to files, so that the site needs no exception in a Content-Security-Policy, and leave room for a way to the boards."""
    root = posixpath.relpath(".", posixpath.dirname(page.url) or ".")

    def moved(match: re.Match[str]) -> str:
        name = f"assets/inline-{hashlib.sha256(match[1].encode()).hexdigest()[:12]}.js"
        _scripts[name] = match[1]
        return f'<script src="{posixpath.join(root, name)}"></script>'

    return _INLINE.sub(moved, output).replace(_SEARCH, _WAY_BACK.format(root=root) + _SEARCH, 1)


def on_post_build(config: Any) -> None:
    """Write these scripts; what is of use at the root of a host alone goes."""
    site = Path(config.site_dir)
    for name, script in _scripts.items():
        (site / name).write_text(script, encoding="utf-8")
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (site / name).unlink(missing_ok=True)


def notebook_pages(path: Path) -> dict[str, str | bytes]:
    """A notebook as a page, with its pictures as files."""
    name, found = f"notebooks/{path.stem}", dict[str, str | bytes]()
    parts: list[str] = []
    for number, cell in enumerate(json.loads(path.read_bytes())["cells"]):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for k, output in enumerate(cell.get("outputs", ())):
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{number}-{k}.png"
                found[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![Output of the cell above]({posixpath.basename(picture)})")
            elif text := "".join(output.get("text", "") or data.get("text/plain", "")):
                parts.append(f"```text\n{text.rstrip()}\n```")
    parts.append(f"[This notebook as a file]({path.name}){{ download }}")
    found[f"{name}.md"] = "\n\n".join(parts) + "\n"
    return found


def _expanded(entry: Any) -> list[Any]:
    folder = re.fullmatch(r"\.\.\. \| (\w+)", entry) if isinstance(entry, str) else None
    return (
        [f"{folder[1]}/{name}" for name in sorted(path.name for path in (DOCS / folder[1]).iterdir())]
        if folder
        else [entry]
    )
