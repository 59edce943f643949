"""What can be added: one file per kind; the file name is the kind. Here is all that the author of a plugin imports.

A package brings kinds by entry points; `docs/guide/plugins.md` shows how. What is not named here may change at any time.
"""

from krawall.model.base import Document, Duration, Money, Rate, Size
from krawall.model.check import Expectation
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import (
    Check,
    Checked,
    Dropped,
    Exchange,
    Fault,
    FaultKind,
    Message,
    Prompt,
    Reply,
    TargetFault,
    Told,
    Usage,
)
from krawall.model.exchange import Line as LogLine
from krawall.model.hook import Fetch, Fetched, Hook, Hooked, Surroundings
from krawall.model.policy import Timeouts
from krawall.model.scorer import Context, Score, Scorer
from krawall.model.sink import Basin, Sink, SinkKind
from krawall.model.spread import Spread, SpreadValue
from krawall.model.step import Conversation, Step
from krawall.model.target import Target
from krawall.model.text import Expression, Text
from krawall.plugins.fitting import API

__all__ = [
    "API",
    "Basin",
    "Channel",
    "Check",
    "Checked",
    "Connector",
    "Context",
    "Conversation",
    "Document",
    "Dropped",
    "Duration",
    "Exchange",
    "Expectation",
    "Expression",
    "Fault",
    "FaultKind",
    "Fetch",
    "Fetched",
    "Gate",
    "Hook",
    "Hooked",
    "Line",
    "LogLine",
    "Mark",
    "Message",
    "Money",
    "Prompt",
    "Rate",
    "Reply",
    "Score",
    "Scorer",
    "Secrets",
    "Sink",
    "SinkKind",
    "Size",
    "Spread",
    "SpreadValue",
    "Step",
    "Surroundings",
    "Tap",
    "Target",
    "TargetFault",
    "Text",
    "Timeouts",
    "Told",
    "Usage",
]
