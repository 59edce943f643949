"""The scorer `brevity`: short replies are good replies."""

from typing import ClassVar, Literal

from krawall.plugins import Context, Score, Scorer


class Brevity(Scorer):
    """Score 1 up to `words` words, and less the longer a reply is; an empty reply has no score."""

    api: ClassVar[int] = 1
    kind: Literal["brevity"] = "brevity"
    words: int = 20

    def score(self, said: str, heard: str, context: Context) -> Score:
        """Return the score of a reply."""
        count = len(heard.split())
        if not count:
            return Score(None, "there is no reply")
        return Score(min(1.0, self.words / count), f"{count} words")
