"""Which language a text is in, guessed offline: by its script first, then by everyday words and letters of its own.

The table is small on purpose: it tells the major languages apart in a sentence or two, and says None where it cannot.
Relatives that are not in the table (Norwegian, Malay, Serbian) are taken for the nearest that is.
"""

from __future__ import annotations

import re
from collections import Counter

WORDS = {
    "en": "the and of to is you that it for are with this was have not what your can will from would please where how am did do sorry thank",
    "de": "der die das und ist nicht ich sie es ein eine zu mit auf für den dem wir auch wenn haben kann wie bitte sich von",
    "fr": "le la les des et est une je vous que pas pour dans il nous avec sur qui ce mais au du être avez votre où ai fois elle",
    "es": "el los las y es una que en por con para no del se lo su pero como más está usted qué mi ha muy puede",
    "it": "il che di è un una non per sono con del della si mi ma come anche più ha questo gli nel alla può dove",
    "pt": "o os as e é um uma que não para com em do da dos se por mais mas você como está meu isso pode foi ao na",
    "nl": "de het een en van is dat niet ik je met op voor zijn ook maar er wat heb kan naar aan bij nog deze waar wij",
    "sv": "och att det är en som jag inte på av för med har du vi den ett kan om men till vad ska från när också",
    "pl": "i nie się jest na w z że to do jak o ale czy co po tak za ten dla od może być mi gdzie już przez",
    "tr": "ve bir bu için de da ne mi ile çok var değil ama daha gibi olarak ben siz nasıl evet olan kadar nerede benim",
    "cs": "a je se na že v to s z jsem ale jak by do o pro si tak co za by jsou nebo mi kde už není můžete",
    "da": "og det er at en jeg ikke på af for med har du vi den et kan om men til hvad skal fra når også der",
    "fi": "ja on ei että se en hän mutta oli olen kun niin mitä ovat tämä minun sinun voi myös jos kuin missä ole",
    "ro": "și este nu în la o un că de pe cu care mai din sunt pentru dar ce să am fi unde ați poate acest",
    "hu": "a az és nem hogy egy is van de ez meg csak mint kell már vagy ha volt én lehet hol nagyon kérem szépen",
    "id": "yang dan di ini itu tidak saya untuk dengan dari ada anda akan pada ke bisa juga adalah kami sudah atau apa",
    "vi": "và của là không có tôi cho được các một này với bạn trong đã người những để từ khi đó ở vào gì",
    "ru": "и в не на что я он как это но с у вы мы по для так она если уже или где есть мне был когда можно",
    "uk": "і в не на що я він як це але з у ви ми до для так вона якщо вже або де є мені був коли можна та",
    "bg": "и в не на че аз той как това но с от вие ние за да тя ако вече или къде е ми беше кога може са ще се",
}
"""Everyday words by ISO 639-1 code; a word that several languages share counts for each."""

LETTERS = {
    "de": "ßäöü",
    "fr": "œçêèàùëé",
    "es": "ñ¿¡áóí",
    "it": "òàèù",
    "pt": "ãõçâê",
    "sv": "åäö",
    "da": "æøå",
    "fi": "äö",
    "pl": "łąęśżźćń",
    "cs": "řůěščžý",
    "tr": "ğışç",
    "ro": "șțăâîşţ",
    "hu": "őűáéö",
    "vi": "ăđơưạảấầẩậắằặẹẻẽếềểễệịọỏốồổỗộớờởợụủứừửữựỳỵỷ",
    "ru": "ыэёъ",
    "uk": "іїєґ",
    "bg": "ъщ",
}
"""Letters that speak for a language, though others may share them."""

_SCRIPTS = {
    "latin": r"A-Za-zÀ-ɏḀ-ỿ",
    "cyrillic": r"\u0400-\u052f",
    "el": r"\u0370-\u03ff",
    "he": r"\u0590-\u05ff",
    "arabic": r"\u0600-\u06ff\u0750-\u077f",
    "hi": r"\u0900-\u097f",
    "th": r"\u0e00-\u0e7f",
    "kana": r"\u3040-\u30ff",
    "ko": r"\uac00-\ud7af",
    "han": r"\u3400-\u4dbf\u4e00-\u9fff",
}
LANGUAGES = frozenset([*WORDS, "el", "he", "ar", "fa", "ur", "hi", "th", "ja", "ko", "zh"])
"""Every code that `guess` can return."""

_LOOKED_AT = 2_000  # characters
_RUNS = re.compile("|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _SCRIPTS.items()))
_CODE = re.compile(r"```.*?(?:```|\Z)|https?://\S+", re.DOTALL)
_OWNERS: dict[str, list[str]] = {}
for _code, _words in WORDS.items():
    for _word in dict.fromkeys(_words.split()):
        if len(_word) == 1 and _word.isascii():  # `i` is a Polish word and half of English sentences
            continue
        _OWNERS.setdefault(_word, []).append(_code)
_CYRILLIC = frozenset(["ru", "uk", "bg"])
_PERSIAN = re.compile("[پچژگیک]")
_ARABIC = re.compile("[يكةىأإ]")
_URDU = re.compile("[ٹڈڑےں]")


def guess(text: str) -> str | None:
    """Return the ISO 639-1 code of the language of `text`, or None when it is too short or too mixed to tell.

    Code blocks and addresses do not count; the first 2,000 characters do.
    """
    runs: dict[str, list[str]] = {}
    for found in _RUNS.finditer(_CODE.sub(" ", text[: 2 * _LOOKED_AT])[:_LOOKED_AT].lower()):
        runs.setdefault(found.lastgroup or "", []).append(found[0])
    sizes = {script: sum(map(len, found)) for script, found in runs.items()}
    kana = sizes.pop("kana", 0)
    if kana:
        sizes["han"] = sizes.get("han", 0) + kana
    for script in ("han", "ko", "th"):  # one of their characters says more than a letter does
        if script in sizes:
            sizes[script] *= 3
    total = sum(sizes.values())
    if total < 6:
        return None
    script = max(sizes, key=lambda name: sizes[name])
    if sizes[script] < 0.5 * total:
        return None
    if script == "han":
        return "ja" if kana * 3 >= 0.1 * sizes["han"] else "zh"
    if script == "arabic":
        return _arabic("".join(runs[script]))
    if script in ("latin", "cyrillic"):
        return _by_words(runs[script], _CYRILLIC if script == "cyrillic" else WORDS.keys() - _CYRILLIC)
    return script


def _arabic(text: str) -> str:
    if len(_URDU.findall(text)) * 20 >= len(text):
        return "ur"
    return "fa" if len(_PERSIAN.findall(text)) > len(_ARABIC.findall(text)) else "ar"


def _by_words(words: list[str], languages: frozenset[str] | set[str]) -> str | None:
    """Count everyday words (double when one language alone has it) and telling letters; None without a clear winner."""
    scores: Counter[str] = Counter()
    for word in words:
        owners = _OWNERS.get(word, ())
        for language in owners:
            if language in languages:
                scores[language] += 2 if len(owners) == 1 else 1
    letters = Counter("".join(words))
    for language in languages & LETTERS.keys():
        scores[language] += min(len(words), 2 * sum(letters[letter] for letter in LETTERS[language])) // 2
    (best, top), (_, second) = (*scores.most_common(2), ("", 0), ("", 0))[:2]
    if top < 3 or top < 1.25 * second or top * 12 < len(words):
        return None
    return best
