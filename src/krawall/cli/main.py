"""The command `krawall`: which subcommands there are, errors to exit codes. Commands load when they are called."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError

from krawall.errors import KrawallError
from krawall.version import __version__

HELP = """Load, cost and quality testing for conversational AI.

Plays many real, multi-turn conversations against a chatbot and says how fast it answered, what it cost and whether its limits hold.
Begin with `krawall demo`."""

EPILOGUE = """Exit codes: 0 passed · 2 usage · 10 performance, 11 quality, 12 cost threshold failed · 20 cap, 21 protection, 22 person
stopped it · 30 unreachable or not allowed · 31 invalid, the generator was the bottleneck · 70 internal."""

COMMANDS = {
    "demo": ("krawall.cli.demo:demo", "Play a session against the built-in mock bot: no key, no network."),
    "run": ("krawall.cli.run:run", "Play a scenario file, or `template:NAME`, against a chatbot."),
    "validate": ("krawall.cli.validate:validate", "Check scenario files; nothing is sent."),
    "templates": ("krawall.cli.templates:templates", "List the scenarios that come with Krawall, or print one."),
    "init": ("krawall.cli.init:init", "Write a commented scenario file to start from."),
    "import": ("krawall.cli.importing:import_file", "Turn a scenario file of the original product into one of ours."),
    "mock": ("krawall.cli.mock:mock", "Serve the mock bot on loopback."),
    "report": ("krawall.cli.report:report", "Write the report of a session: one HTML file, no network."),
    "recount": ("krawall.cli.recount:recount", "Compute a session's result again, from its log alone."),
    "schema": ("krawall.cli.schema:schema", "Print the JSON Schema of scenario files."),
}


def make_app() -> App:
    """Return the command tree."""
    app = App(name="krawall", help=HELP, help_epilogue=EPILOGUE, version=__version__, help_format="markdown")
    for name, (where, words) in COMMANDS.items():
        app.command(where, name=name, help=words)
    app.register_install_completion_command(help="Install shell completion for bash, zsh or fish.")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    from krawall.cli.output import print_error

    try:
        code = make_app()(arguments, exit_on_error=False)
    except CycloptsError:
        sys.exit(2)  # cyclopts has said what is wrong and where
    except KrawallError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
