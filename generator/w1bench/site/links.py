"""Where pages lie: at the addresses of a running service, or as the files of a static twin, from which they are relative."""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class ServiceLinks:
    """The addresses of a service's pages."""

    live = True
    home = "/"
    board = "/board"
    pairs = "/pairs"
    rounds = "/rounds"
    submit = "/submit"
    jobs = "/jobs"
    admin = "/admin"
    compare = "/compare"

    def pair(self, name: str) -> str:
        return f"/pairs/{quote(name)}"

    def file(self, pair: str, name: str) -> str:
        return f"/v1/pairs/{quote(pair)}/files/{quote(name)}"

    def submission(self, identity: str) -> str:
        return f"/submissions/{quote(identity)}"

    def receipt(self, identity: str) -> str:
        return f"/v1/submissions/{quote(identity)}"

    def method(self, method: str, user: str) -> str:
        return "/method?" + urlencode({"name": method, "user": user})

    def user(self, user: str) -> str:
        return f"/users/{quote(user)}"

    def static(self, name: str) -> str:
        return f"/static/{name}"

    def choice(self, query: str) -> str:
        return self.board + query


@dataclass(frozen=True)
class TwinLinks:
    """The files of a static twin, from a page whose folder `root` leads out of."""

    root: str = ""
    live = False
    submit = jobs = admin = compare = ""

    @property
    def home(self) -> str:
        return f"{self.root}index.html"

    @property
    def board(self) -> str:
        return f"{self.root}board.html"

    @property
    def pairs(self) -> str:
        return f"{self.root}pairs.html"

    @property
    def rounds(self) -> str:
        return f"{self.root}rounds.html"

    def pair(self, name: str) -> str:
        return f"{self.root}{quote(name)}/index.html"

    def file(self, pair: str, name: str) -> str:
        return f"{self.root}{quote(pair)}/{quote(name)}"

    def submission(self, identity: str) -> str:
        return f"{self.root}submissions/{quote(identity)}.html"

    def receipt(self, identity: str) -> str:
        return f"{self.root}v1/submissions/{quote(identity)}"

    def method(self, method: str, user: str) -> str:
        return f"{self.root}methods/{slug(method, user)}.html"

    def user(self, user: str) -> str:
        return f"{self.root}users/{slug(user)}.html"

    def static(self, name: str) -> str:
        return f"{self.root}static/{name}"

    def choice(self, query: str) -> str:
        """The boards of a twin are files: of a track, a view and a family."""
        return f"{self.root}{board_file(query)}"


Links = ServiceLinks | TwinLinks


def board_file(query: str) -> str:
    """The file of a board's address: its track, view and family; the rest is a matter of the page itself."""
    given = dict(part.split("=", 1) for part in query.removeprefix("?").split("&") if "=" in part)
    words = [given[name] for name in ("track", "view", "family") if name in given]
    return "-".join(["board", *words]) + ".html"


def linked_back(page: bytes, home: str) -> bytes:
    """A page of the built documentation with its way to the boards, whose first page is `home` in the folder that the documentation's lies in."""
    before, opened, rest = page.partition(b"<!--w1bench ")
    way, closed, after = rest.partition(b" w1bench-->")
    return before + way.replace(b"HOME", home.encode()) + after if opened and closed else page


def slug(*names: str) -> str:
    """A file's name for a method or user: what letters it has, and a digest that tells it from others."""
    plain = re.sub(r"[^a-z0-9]+", "-", names[0].lower()).strip("-")[:40]
    return f"{plain or 'x'}-{hashlib.sha256('/'.join(names).encode()).hexdigest()[:8]}"
