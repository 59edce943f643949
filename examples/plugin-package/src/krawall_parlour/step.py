"""The step `whisper`: says something in a low voice."""

from typing import ClassVar, Literal

from krawall.plugins import Conversation, Step, Text


class Whisper(Step):
    """Say something in brackets and small letters."""

    shorthand: ClassVar[str] = "text"
    api: ClassVar[int] = 1
    kind: Literal["whisper"] = "whisper"
    text: Text

    async def run(self, conversation: Conversation, path: str) -> None:
        """Say it; the text is a template like any other, so it stays one here."""
        await conversation.say(f"({self.text.lower()})", path)

    def messages(self) -> tuple[float, float]:
        """One message."""
        return 1, 1
