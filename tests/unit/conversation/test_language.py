"""The language of a sentence or two is told in every language of the table; what is too short is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.language import LANGUAGES, guess

SENTENCES = {
    "ar": "صباح الخير، أكتب إليكم بخصوص الطرد الذي كان من المفترض أن يصل يوم الثلاثاء. تقول صفحة التتبع إنه غادر المستودع في هامبورغ، ولكن لم يتغير شيء منذ ذلك الحين.",
    "bg": "Добро утро, пиша относно пратката, която трябваше да пристигне във вторник. Според проследяването тя е напуснала склада в Хамбург, но оттогава нищо не се е променило. Може ли да ми кажете къде е?",
    "cs": "Dobré ráno, píšu kvůli balíku, který měl přijít v úterý. Podle sledování opustil sklad v Hamburku, ale od té doby se nic nezměnilo. Můžete mi říct, kde je?",
    "da": "God morgen, jeg skriver om pakken, der skulle være kommet i tirsdags. Ifølge sporingen har den forladt lageret i Hamborg, men siden er der ikke sket noget. Kan du sige mig, hvor den er?",
    "de": "Guten Morgen, ich schreibe wegen eines Pakets, das am Dienstag hätte ankommen sollen. Laut Sendungsverfolgung hat es das Verteilzentrum in Hamburg verlassen, aber seitdem hat sich nichts geändert.",
    "el": "Καλημέρα, γράφω για το δέμα που έπρεπε να φτάσει την Τρίτη. Η σελίδα λέει ότι έφυγε από την αποθήκη, αλλά από τότε δεν έχει αλλάξει τίποτα. Μπορείτε να μου πείτε πού είναι;",
    "en": "Good morning, I am writing about the parcel that should have arrived on Tuesday. The tracking page says that it left the depot in Hamburg, but since then nothing has changed.",
    "es": "Buenos días, le escribo por el paquete que debía llegar el martes. Según el seguimiento salió del almacén de Hamburgo, pero desde entonces no ha cambiado nada. ¿Puede decirme dónde está?",
    "fa": "صبح بخیر، درباره بسته\u200cای می\u200cنویسم که باید سه\u200cشنبه می\u200cرسید. طبق رهگیری از انبار هامبورگ خارج شده، اما از آن زمان چیزی تغییر نکرده است. ممکن است بگویید کجاست؟",
    "fi": "Hyvää huomenta, kirjoitan paketista, jonka piti saapua tiistaina. Seurannan mukaan se on lähtenyt varastosta, mutta sen jälkeen mikään ei ole muuttunut. Voitteko kertoa, missä se on?",
    "fr": "Bonjour, je vous écris au sujet du colis qui aurait dû arriver mardi dernier. D'après le suivi, il a quitté le dépôt de Lyon, mais depuis rien n'a changé.",
    "he": "בוקר טוב, אני כותב לגבי החבילה שהייתה אמורה להגיע ביום שלישי. לפי המעקב היא עזבה את המחסן.",
    "hi": "सुप्रभात, मैं उस पार्सल के बारे में लिख रहा हूँ जो मंगलवार को आना चाहिए था। ट्रैकिंग के अनुसार वह हैम्बर्ग के गोदाम से निकल चुका है, लेकिन तब से कुछ नहीं बदला है। क्या आप मुझे बता सकते हैं कि वह कहाँ है और मुझे कब मिलेगा? मैं पहले ही दो बार फोन कर चुका हूँ।",
    "hu": "Jó reggelt, a csomag miatt írok, amelynek kedden meg kellett volna érkeznie. A követés szerint elhagyta a hamburgi raktárt, de azóta semmi sem változott. Meg tudja mondani, hol van?",
    "id": "Selamat pagi, saya menulis tentang paket yang seharusnya tiba hari Selasa. Menurut pelacakan, paket itu sudah meninggalkan gudang di Hamburg, tetapi sejak itu tidak ada perubahan. Bisa beri tahu saya di mana paketnya?",
    "it": "Buongiorno, scrivo per il pacco che doveva arrivare martedì. Secondo il tracciamento ha lasciato il deposito di Amburgo, ma da allora non è cambiato nulla. Mi può dire dove si trova?",
    "ja": "おはようございます。火曜日に届くはずだった荷物についてご連絡しました。追跡情報によると、ハンブルクの倉庫を出たあと、何も変わっていません。今どこにあるのか、いつ届くのか教えていただけますか。すでに二回電話しましたが、誰も助けてくれませんでした。紛失した場合は、返金または再送をお願いいたします。",
    "ko": "안녕하세요, 화요일에 도착했어야 할 소포에 대해 문의드립니다. 배송 조회에 따르면 함부르크 창고를 떠났지만 그 이후로 아무 변화가 없습니다. 지금 어디에 있는지, 언제 받을 수 있는지 알려 주시겠어요? 이미 두 번이나 전화했지만 아무도 도와주지 않았습니다. 분실되었다면 환불이나 교환을 원합니다.",
    "nl": "Goedemorgen, ik schrijf over het pakket dat dinsdag had moeten aankomen. Volgens de tracking heeft het het magazijn in Hamburg verlaten, maar sindsdien is er niets veranderd. Kunt u mij zeggen waar het is?",
    "pl": "Dzień dobry, piszę w sprawie paczki, która miała dotrzeć we wtorek. Według śledzenia opuściła magazyn w Hamburgu, ale od tego czasu nic się nie zmieniło.",
    "pt": "Bom dia, escrevo sobre a encomenda que devia ter chegado na terça-feira. Segundo o rastreamento, ela saiu do depósito de Hamburgo, mas desde então nada mudou. Pode me dizer onde está?",
    "ro": "Bună dimineața, scriu în legătură cu coletul care trebuia să ajungă marți. Conform urmăririi, a plecat din depozit, dar de atunci nu s-a schimbat nimic. Îmi puteți spune unde este?",
    "ru": "Доброе утро, я пишу по поводу посылки, которая должна была прийти во вторник. По данным отслеживания она покинула склад в Гамбурге, но с тех пор ничего не изменилось.",
    "sv": "God morgon, jag skriver om paketet som skulle ha kommit i tisdags. Enligt spårningen har det lämnat lagret i Hamburg, men sedan dess har inget hänt. Kan du säga var det är?",
    "th": "สวัสดีครับ ผมเขียนมาเรื่องพัสดุที่ควรจะมาถึงเมื่อวันอังคาร หน้าติดตามบอกว่ามันออกจากคลังสินค้าที่ฮัมบูร์กแล้ว แต่หลังจากนั้นก็ไม่มีอะไรเปลี่ยนแปลง ช่วยบอกได้ไหมครับว่าตอนนี้อยู่ที่ไหน",
    "tr": "Günaydın, salı günü gelmesi gereken paket için yazıyorum. Takip sayfasına göre Hamburg'daki depodan çıkmış ama o zamandan beri hiçbir şey değişmedi. Nerede olduğunu söyleyebilir misiniz? Çok teşekkür ederim, bu benim için önemli.",
    "uk": "Доброго ранку, я пишу щодо посилки, яка мала прийти у вівторок. За даними відстеження вона залишила склад у Гамбурзі, але відтоді нічого не змінилося. Чи не могли б ви сказати, де вона?",
    "ur": "صبح بخیر، میں اس پارسل کے بارے میں لکھ رہا ہوں جو منگل کو آنا چاہیے تھا۔ کیا آپ بتا سکتے ہیں کہ یہ کہاں ہے؟",
    "vi": "Chào buổi sáng, tôi viết về bưu kiện lẽ ra phải đến vào thứ Ba. Trang theo dõi cho biết nó đã rời kho ở Hamburg, nhưng từ đó đến nay không có gì thay đổi.",
    "zh": "早上好，我想询问一下本来应该在星期二送到的包裹。物流信息显示它已经离开了汉堡的仓库，但是从那以后就没有任何变化。请问它现在在哪里，我什么时候可以收到？我已经打过两次电话，没有人能够帮助我。如果包裹丢失了，我希望能够尽快退款或者重新寄送一份。谢谢您的理解，请注意这份订单是一份生日礼物。",
}


def test_every_language_has_a_sentence() -> None:
    assert SENTENCES.keys() == LANGUAGES


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_or_two_is_enough(code: str) -> None:
    assert guess(SENTENCES[code]) == code
    assert guess(SENTENCES[code].upper()) in (code, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "Hello",
        "Danke",
        "17",
        "Hamburg Lyon Kyoto",
        "👍🎉",
        "```\nfor the and of to is\n```",
        "https://the.and/of/to/is",
    ],
)
def test_what_is_too_short_is_not_guessed(text: str) -> None:
    assert guess(text) is None


@given(
    st.sampled_from(sorted(SENTENCES)),
    st.sampled_from(["```python\nfor a in the: is(not)\n```", "\n\n", " 12345 ", " 👍 "]),
)
def test_code_and_numbers_do_not_count(code: str, noise: str) -> None:
    assert guess(noise + SENTENCES[code] + noise) == code


@given(st.text(max_size=200))
def test_any_text_has_a_known_language_or_none(text: str) -> None:
    assert guess(text) in {*LANGUAGES, None}


def test_the_script_that_most_is_written_in_counts() -> None:
    assert guess("Das Wort 你好 steht in diesem Satz, und er ist nicht sehr kurz.") == "de"
    assert guess("我的 iPhone 坏了，请帮我修理一下。") == "zh"
