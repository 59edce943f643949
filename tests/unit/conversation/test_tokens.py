"""Token estimates: deterministic, about right against counts of a public vocabulary, and never smaller for a longer text by much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.tokens import estimate

# (text, tokens of the o200k vocabulary, counted once and written down)
COUNTED = [
    (
        "Good morning, I am writing about the parcel that should have arrived on Tuesday. The tracking page says that it left the depot in Hamburg, but since then nothing has changed. Could you please tell me where it is and when",
        45,
    ),
    (
        "Guten Morgen, ich schreibe wegen eines Pakets, das am Dienstag hätte ankommen sollen. Laut Sendungsverfolgung hat es das Verteilzentrum in Hamburg verlassen, aber seitdem hat sich nichts geändert. Können Sie mir bitte sa",
        48,
    ),
    (
        "Bonjour, je vous écris au sujet du colis qui aurait dû arriver mardi dernier. D'après le suivi, il a quitté le dépôt de Lyon, mais depuis rien n'a changé. Pourriez-vous me dire où il se trouve et quand je peux l'attendre",
        53,
    ),
    (
        "Доброе утро, я пишу по поводу посылки, которая должна была прийти во вторник. По данным отслеживания она покинула склад в Гамбурге, но с тех пор ничего не изменилось. Не могли бы вы сказать, где она находится и когда мне",
        60,
    ),
    (
        "早上好，我想询问一下本来应该在星期二送到的包裹。物流信息显示它已经离开了汉堡的仓库，但是从那以后就没有任何变化。请问它现在在哪里，我什么时候可以收到？我已经打过两次电话，没有人能够",
        63,
    ),
    (
        "おはようございます。火曜日に届くはずだった荷物についてご連絡しました。追跡情報によると、ハンブルクの倉庫を出たあと、何も変わっていません。今どこにあるのか、いつ届くのか教えていただ",
        66,
    ),
    (
        "안녕하세요, 화요일에 도착했어야 할 소포에 대해 문의드립니다. 배송 조회에 따르면 함부르크 창고를 떠났지만 그 이후로 아무 변화가 없습니다. 지금 어디에 있는지,",
        47,
    ),
    (
        "صباح الخير، أكتب إليكم بخصوص الطرد الذي كان من المفترض أن يصل يوم الثلاثاء. تقول صفحة التتبع إنه غادر المستودع في هامبورغ، ولكن لم يتغير شيء منذ ذلك الحين. هل يمكنكم إخباري أين هو ومتى يمكنني أن أتوقع وصوله؟ لقد اتصلت مر",
        71,
    ),
    (
        'def window(messages, size):\n    """Return the last `size` turns."""\n    start = len(messages)\n    for index in range(len(messages) - 1, -1, -1):\n        if messages[index].role == "user":\n            start = index\n      ',
        56,
    ),
    (
        '{"order": 10427, "parcel": {"id": "P-2024-00917", "weight_kg": 2.35, "events": [{"at": "2026-03-01T10:15:00Z", "depot": "Hamburg", "ok": true}, {"at": "2026-03-02T07:40:12Z", "depot": "Lyon", "ok": false}]}, "customer": ',
        102,
    ),
    (
        "# Where is my parcel?\n\n1. **Check the tracking page** at https://example.com/track?id=123456\n2. Call us: +49 40 1234567\n   - Monday to Friday, 9:00-17:00\n   - Saturday, 10:00-14:00\n\n| day | open |\n|-----|------|\n| Mon | ",
        82,
    ),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_estimates_are_about_right(text: str, tokens: int) -> None:
    assert abs(estimate(text) - tokens) <= 0.25 * tokens + 1


@given(st.text())
def test_bounds(text: str) -> None:
    assert estimate(text) == estimate(text)
    assert (estimate(text) == 0) == (text == "")
    assert estimate(text) <= 2 * len(text) + 1


@given(st.text(), st.text())
def test_two_texts_together_have_about_the_tokens_of_both(one: str, other: str) -> None:
    both = estimate(one + " " + other)
    assert abs(both - estimate(one) - estimate(other)) <= 3 + 0.3 * both


def test_lone_surrogates_are_no_mistake() -> None:
    assert estimate("a\ud800b") >= 1
