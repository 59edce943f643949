"""What the personas say."""

import json

from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.bot import Ask, answer
from krawall.mockbot.personas import PERSONAS, Message
from krawall.mockbot.spread import count


def talk(persona: str, *prompts: str, seed: int = 0, tokens: str = "24") -> list[str]:
    """Play a conversation with history and return the replies."""
    messages: list[Message] = []
    replies = []
    for prompt in prompts:
        messages.append(Message("user", prompt))
        replies.append(answer(Ask(list(messages)), persona, seed, count(tokens)).text)
        messages.append(Message("assistant", replies[-1]))
    return replies


def test_the_default_persona_takes_up_the_prompt_and_answers_what_it_can() -> None:
    late, known, total, name = talk(
        "default", "Parcel 4711 is late", "my name is Ada", "What is 3 plus 4?", "what is my name?"
    )
    assert "4711" in late
    assert known.startswith("Noted, your name is Ada.")
    assert total == "3 plus 4 is 7."
    assert name == "Your name is Ada."


def test_rate_limited_and_flaky_speak_like_the_default_but_with_their_own_words_drawn() -> None:
    assert PERSONAS["rate-limited"] is PERSONAS["flaky"] is PERSONAS["default"]


def test_support_escalates_with_the_third_message_and_keeps_the_ticket() -> None:
    first, second, third, fourth = talk("support", "My login fails", "Nothing helps", "It still fails", "And now?")
    assert "escalat" not in first + second
    ticket = json.loads(third[third.index("{") :])["ticket"]["id"]
    assert ticket.startswith("PH-")
    assert len(ticket) == 7
    assert ticket in fourth


def test_support_escalates_at_once_when_asked() -> None:
    assert "escalated" in talk("support", "Please escalate this")[0]


def test_the_shop_names_a_price_and_takes_an_order() -> None:
    price, order = talk("shop", "How much is the lamp?", "I will buy the lamp")
    assert "24.90 EUR" in price
    assert "SO-" in order
    assert "24.90 EUR" in order


@given(st.integers(0, 9), st.integers(1, 60))
def test_each_answer_of_code_is_longer_than_the_one_before(seed: int, tokens: int) -> None:
    replies = talk("code", "Write a parser", "Now faster", "And tested", seed=seed, tokens=str(tokens))
    lengths = [len(reply) for reply in replies]
    assert all(reply.endswith("\n```") for reply in replies)
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_repetitive_repeats_and_echo_echoes() -> None:
    assert len(set(talk("repetitive", "a", "b", "c"))) == 1
    assert talk("echo", " Grüße \n", "", "שלום") == [" Grüße \n", "(empty)", "שלום"]
