"""What the author of a plugin tests: it loads, it does what it says, by the same suites as the built-ins."""

from krawall_parlour.scorer import Brevity

from krawall.model.scorer import Context
from krawall.plugins import registry
from krawall.services.plugins import check
from krawall.testing.playing import plan_of, play

SCENARIO = """
name: A visit
target: {preset: parlour-bot, hooks: [{stamp: hello}], options: {sayings: ["One.", "Two words."]}}
steps: [{whisper: GOOD MORNING}, {message: and now?}]
"""


async def test_a_conversation():
    played = await play(plan_of(SCENARIO))
    assert [each.said for each in played.exchanges] == ["(good morning)", "and now?"]
    assert [each.heard for each in played.exchanges] == ["One.", "Two words."]


def test_every_plugin_is_fit_for_use():
    assert check("krawall-parlour") == (6, [])
    assert registry.origin("steps", "whisper").package == "krawall-parlour"


def test_a_score():
    assert Brevity(words=2).score("", "one two three four", Context()).value == 0.5
