"""The command `krawall`: which subcommands there are, errors to exit codes. Commands load when they are called."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from cyclopts import App, CycloptsError

from krawall.errors import KrawallError, NotFound
from krawall.version import __version__

HELP = (
    "Load, cost and quality testing for conversational AI.\n\n"
    "Plays many real, multi-turn conversations against a chatbot and says how fast it answered, what it cost and whether "
    "its limits hold. Begin with `krawall demo`."
)

EPILOGUE = (
    "Exit codes: 0 passed · 2 usage · 10 performance, 11 quality, 12 cost threshold failed · 20 cap, 21 protection, "
    "22 person stopped it · 30 unreachable or not allowed · 31 invalid, the generator was the bottleneck · 70 internal."
)

Commands = dict[str, tuple[str, str]]
"""Name to where the function is, and what it does."""

_KEPT: Commands = {
    "list": ("list_", "List them by name."),
    "show": ("show", "Print one as YAML."),
    "create": ("create", "Keep a YAML file on the server."),
    "update": ("update", "Replace one by a YAML file, as a new revision."),
    "edit": ("edit", "Change one in your editor."),
    "duplicate": ("duplicate", "Make a copy under another name."),
    "history": ("history", "List the revisions of one."),
    "diff": ("diff", "Print what changed between two revisions."),
    "archive": ("archive", "Put one away: kept, no longer listed."),
    "restore": ("restore", "Take one back from the archive."),
    "delete": ("delete", "Delete one with its history."),
}
"""What documents of every kind have."""


def _of_kind(module: str) -> Commands:
    return {name: (f"krawall.cli.{module}:{function}", words) for name, (function, words) in _KEPT.items()}


GROUPS: dict[str, tuple[str, Commands]] = {
    "sessions": (
        "Start, watch and steer what a server plays.",
        {
            "list": ("krawall.cli.sessions:list_", "List sessions, newest first."),
            "show": ("krawall.cli.sessions:show", "Show a session: its result, or how it is doing."),
            "start": ("krawall.cli.starting:start", "Start a session on a server."),
            "watch": ("krawall.cli.watch:watch", "Watch a session to its end."),
            "stop": ("krawall.cli.sessions:stop", "Stop a session: turns in flight may finish."),
            "cancel": ("krawall.cli.sessions:cancel", "Stop a session at once."),
            "pause": ("krawall.cli.sessions:pause", "Hold back new turns."),
            "resume": ("krawall.cli.sessions:resume", "Go on after a pause."),
            "adjust": ("krawall.cli.sessions:adjust", "Change the load of a running session."),
            "restart": ("krawall.cli.starting:restart", "Start a new session of the same plan."),
            "delete": ("krawall.cli.sessions:delete", "Delete finished sessions with their messages."),
            "export": ("krawall.cli.transfer:export_session", "Write the messages or numbers of a session."),
            "report": ("krawall.cli.transfer:report", "Write the report of a session: one HTML file."),
        },
    ),
    "targets": (
        "Chatbots that a server knows by name.",
        {
            **_of_kind("targets"),
            "confirm": ("krawall.cli.targets:confirm", "Say that you operate a target on a private address."),
            "detect": ("krawall.cli.detecting:detect_", "Find out what a chatbot speaks, and print a target to keep."),
            "test": ("krawall.cli.probing:try_", "Send one message and show every step on the way to its reply."),
        },
    ),
    "scenarios": (
        "Scenarios that a server keeps.",
        {
            **_of_kind("scenarios"),
            "preview": ("krawall.cli.scenarios:preview", "Show what a session would say and cost."),
        },
    ),
    "webhooks": (
        "Who is told of events.",
        {
            **_of_kind("webhooks"),
            "test": ("krawall.cli.webhooks:try_", "Send a trial event."),
            "secret": ("krawall.cli.webhooks:secret", "Make a new signing secret and print it, this once."),
            "deliveries": ("krawall.cli.webhooks:deliveries", "List what was sent, and how it was taken."),
            "resend": ("krawall.cli.webhooks:resend", "Send a delivery once more."),
        },
    ),
    "credentials": (
        "Secrets that targets refer to by name.",
        {
            "list": ("krawall.cli.credentials:list_", "List credentials, without their values."),
            "set": ("krawall.cli.credentials:set_", "Keep a secret; its value comes from a prompt or standard input."),
            "delete": ("krawall.cli.credentials:delete", "Delete a credential."),
            "rotate": ("krawall.cli.credentials:rotate", "Seal all credentials with a new key."),
        },
    ),
    "plugins": (
        "What documents can use on this machine.",
        {
            "list": ("krawall.cli.plugins:list_", "List steps, connectors, hooks, scorers, sinks and presets."),
            "show": ("krawall.cli.plugins:show", "Explain a kind and its settings."),
            "check": ("krawall.cli.plugins:check", "Look whether plugins are fit for use."),
        },
    ),
    "users": (
        "Who may log in. Works on the database itself.",
        {
            "list": ("krawall.cli.users:list_", "List users by name."),
            "create": ("krawall.cli.users:create", "Make a user; the first one is an admin."),
            "role": ("krawall.cli.users:role", "Give a user another role."),
            "password": ("krawall.cli.users:password", "Give a user another password."),
            "disable": ("krawall.cli.users:disable", "Shut a user out."),
            "enable": ("krawall.cli.users:enable", "Let a disabled user in again."),
            "delete": ("krawall.cli.users:delete", "Delete a user with logins and tokens."),
        },
    ),
    "tokens": (
        "Keys to the API for programs. Works on the database itself.",
        {
            "list": ("krawall.cli.tokens:list_", "List tokens, without their secrets."),
            "create": ("krawall.cli.tokens:create", "Make a token and print its secret, this once."),
            "revoke": ("krawall.cli.tokens:revoke", "Revoke a token."),
        },
    ),
}

COMMANDS: Commands = {
    "demo": ("krawall.cli.demo:demo", "Play a session against the built-in mock bot: no key, no network."),
    "run": ("krawall.cli.run:run", "Play a scenario file, or `template:NAME`, against a chatbot."),
    "validate": ("krawall.cli.validate:validate", "Check scenario files; nothing is sent."),
    "templates": ("krawall.cli.templates:templates", "List the scenarios that come with Krawall, or print one."),
    "init": ("krawall.cli.init:init", "Write a commented scenario file to start from."),
    "mock": ("krawall.cli.mock:mock", "Serve the mock bot on loopback."),
    "report": ("krawall.cli.report:report", "Write the report of a session: one HTML file, no network."),
    "recount": ("krawall.cli.recount:recount", "Compute a session's result again, from its log alone."),
    "schema": ("krawall.cli.schema:schema", "Print the JSON Schema of scenario files."),
    "serve": ("krawall.cli.serve:serve", "Serve the API, with a worker that plays sessions."),
    "worker": ("krawall.cli.worker:worker", "Play what is in the queue."),
    "queue": ("krawall.cli.overview:queue", "Show how many jobs of a server wait, run or failed."),
    "workers": ("krawall.cli.overview:workers", "List the workers of a server, and what they play."),
    "doctor": ("krawall.cli.doctor:doctor", "Look whether everything is there that a server or worker needs."),
    "settings": ("krawall.cli.settings:settings", "Show every setting, and where its value comes from."),
    "migrate": ("krawall.cli.migrate:migrate", "Bring the tables of the database up to date."),
    "import": (
        "krawall.cli.importing:import_",
        "Turn a file of the original product into ours; take files into a server.",
    ),
    "export": ("krawall.cli.transfer:export", "Write the documents of a server as YAML files."),
    **{name: ("", words) for name, (words, _) in GROUPS.items()},
}
"""Every word that may follow `krawall`. A group has no function of its own."""


def make_app() -> App:
    """Return the command tree."""
    app = App(name="krawall", help=HELP, help_epilogue=EPILOGUE, version=__version__, help_format="plaintext")
    for name, (where, words) in COMMANDS.items():
        if where:
            app.command(where, name=name, help=words)
    for name, (words, commands) in GROUPS.items():
        group = App(name=name, help=words, help_format="plaintext", version_flags=[])
        for inner, (where, told) in commands.items():
            group.command(where, name=inner, help=told)
        app.command(group)
    app.register_install_completion_command(help="Install shell completion for bash, zsh or fish.")
    return app


def look_for(arguments: Sequence[str]) -> None:
    """Find the command that is called before the library does, which would load all of them to say that there is none.

    Raises:
        NotFound: there is none of this name; the nearest one is named.
    """
    known: Commands = COMMANDS
    for depth, word in enumerate(arguments[:2]):
        if word.startswith("-"):
            return
        if word not in known:
            near = get_close_matches(word, known, n=1, cutoff=0.6)
            hint = f"did you mean `krawall {' '.join([*arguments[:depth], near[0]])}`?" if near else ""
            listed = f"`krawall{' ' + arguments[0] if depth else ''} --help` lists what there is"
            raise NotFound(f"there is no command {' '.join(arguments[: depth + 1])!r}", hint=hint or listed)
        if word not in GROUPS:
            return
        known = GROUPS[word][1]


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    called = sys.argv[1:] if arguments is None else arguments
    if called[:1] in (["serve"], ["worker"]):
        gc.disable()  # loading makes a lot that stays, and to look through it takes a second; `run` collects again
    from krawall.cli.output import print_error

    try:
        look_for(called)
        code = make_app()(called, exit_on_error=False)
    except CycloptsError:
        sys.exit(2)  # cyclopts has said what is wrong and where
    except KrawallError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells have it
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
