#!/usr/bin/env python3
"""Goal: the program's counts are those of tiktoken, OpenAI's own tokenizer, token for token.
Method: texts of every kind, the repository's own files and seeded random ones, counted by both.

    tokens.py COUNT [SEED]   compare with COUNT, the program test/oracle/count_tokens.c
    tokens.py --golden       print test/golden/tokens.jsonl: text, how often, counts of both
    tokens.py --classes      print src/wire/tokens_classes.txt as tiktoken reads Unicode

Needs tiktoken (.sdks/python) and the vocabularies (.deps), which tools/setup test brings; without
them it is skipped.
"""
import base64
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VOCABULARIES = ROOT / ".deps/gpt-tokenizer-4.0.0"
PIECE_BYTES_MAX = 4096  # of what no pattern cuts; the program counts longer ones part by part
LONG = re.compile(rf"[^\W\d]{{{PIECE_BYTES_MAX // 4},}}|\s{{{PIECE_BYTES_MAX // 4},}}|[^\w\s]{{{PIECE_BYTES_MAX // 4},}}")
ENCODINGS = ("o200k_base", "cl100k_base")

PYTHON = ROOT / ".sdks/python/bin/python"

try:
    import tiktoken
    import tiktoken_ext.openai_public as public
except ImportError:
    tiktoken = None

SENTENCES = """The budget of this workflow has no room for another call; ask its owner to raise it.
I'll say what they've said: you're late, he'd GO, it's John's, WE'LL see, don't DON'T, 'tis y'all's
Die Kosten eines Vorgangs setzen sich aus allen Versuchen zusammen, größtenteils überflüssig.
Le coût d’un dossier comprend chaque essai, même l’échec ; à vérifier aujourd’hui : « où » ?
El coste de cada caso reúne todos los intentos. ¿Cuánto falta? ¡Mañana más, señor Ñuñoa!
Koszt każdej sprawy składa się ze wszystkich prób, także nieudanych: zażółć gęślą jaźń.
Стоимость каждого случая складывается из всех попыток, в том числе и неудачных; Ёлка, объём.
Το κόστος κάθε υπόθεσης αποτελείται από όλες τις προσπάθειες, ακόμη και τις αποτυχημένες.
עלות כל מקרה מורכבת מכל הניסיונות, גם אלה שנכשלו. שָׁלוֹם
تتكون تكلفة كل حالة من جميع المحاولات، بما فيها الفاشلة. السَّلَامُ عَلَيْكُمْ ١٢٣٤٥
每个案例的成本由所有尝试组成，包括失败的尝试，以及人工处理的时间。第１２３章
案件ごとの費用は、失敗したものも含めてすべての試行からなります。お誕生日おめでとう。
각 사례의 비용은 실패한 것을 포함한 모든 시도로 구성됩니다. 안녕하세요 여러분!
प्रत्येक मामले की लागत सभी प्रयासों से मिलकर बनती है, असफल भी। १२३४
ต้นทุนของแต่ละกรณีประกอบด้วยความพยายามทั้งหมด รวมถึงที่ล้มเหลวด้วย ๑๒๓
Chi phí của mỗi trường hợp bao gồm tất cả các lần thử, kể cả những lần thất bại.
Her vakanın maliyeti tüm denemelerden oluşur; İSTANBUL ısı, ğüşöç.
Ամեն դեպքի արժեքը բաղկացած է բոլոր փորձերից։ საქმის ღირებულება ყველა ცდისგან შედგება.
እያንዳንዱ ጉዳይ ᚠᚢᚦᚨᚱᚲ ᏣᎳᎩ ꮳꮃꭹ ǅ ǈ ᾈ ᾳ ﬁ ﬀ ſ'ſ 'ſ ʰʱ ªº ⅷⅧ ①② ½ ²³ ೧೨
👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷 ❤️ 1️⃣ ☕︎ 🧑🏿‍🚀🧑🏻‍💻 é é ä̈ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!
<|endoftext|><|im_start|>system<|im_sep|>x<|im_end|> <|fim_prefix|> <|endofprompt|><|start|>
int main(void)\t{\treturn 0;\t}  // comment /* x */ #include <stdio.h> a->b++ && !c || ~d; x<<=2;
{"model":"gpt-4.1","max_tokens":100,"n":[1,2.5,-3e-7,null,true],"q":"\\"\\u00e9\\n"}
https://example.com/a/b?c=d&e=%20#f user@example.com 10.0.0.1:8080 2026-11-22T09:00:00.123Z ////
SELECT a.*, COUNT(*) FROM "t" WHERE x<>'y' AND z LIKE '%''s' GROUP BY 1; -- $1,234,567.89
camelCaseWord HTTPServer XMLHttpRequest snake_case SCREAMING_SNAKE iPhone12Pro aBcDeFgHiJ ABCdef
aGVsbG8gd29ybGQhIFRoaXMgaXMgYmFzZTY0IQ== deadbeef0123456789abcdef 0x7fffffffffffffff""".split("\n")

PIECES = ([" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\u00a0", "\u2003", "\u3000",
           "\u0085", "\ufeff", "\u200b", "\u200d", "\x00", "\x1b", "\x7f", "'", "'s", "'LL", "'ſ", "’s",
           "/", "//", "...", "!", "?!", "(", ")", "_", "-", "--", "=", "====", "#", "\"", "a", "A", "aa",
           "AB", "Ab", "aB", "é", "É", "ß", "ʰ", "ª", "ー", "中", "文字", "ひ", "カ", "한", "я", "Я", "ω",
           "ا", "ִ", "\u0301", "\u0308\u0301", "\u20dd", "1", "12", "123", "1234", "٣", "½", "Ⅷ", "🙂",
           "👍🏽", "🇩🇪", "\ufffd", "\U000e0041", "\U0010ffff", "\ue000", "ǅ", "ᾈ", "𝒜", "𝟘", "𐐀", "𐐨",
           "<|endoftext|>", "the", " the", "The", "function", "return", "http", ".com"])


def runs():
    """A unit and how often, of what a piece may hold whole."""
    units = ("a", "A", " ", "\n", "=", "0", "é", "中", "🙂", "ab", "aA", "\t", "\u0301", "\r\n", "'s")
    for size in (1, 2, 3, 7, 47, 48, 49, 50, 127, 128, 129, 1000, 4095, 4096):
        for unit in units:
            yield unit, min(size, PIECE_BYTES_MAX // len(unit.encode()))


def kinds():
    for sentence in SENTENCES:
        yield sentence
        yield sentence.upper()
        yield sentence.replace(" ", "\n")
        yield "  " + sentence.replace(" ", "   ") + "  "


def fixed():
    """Texts with names, in an order that stays."""
    for number, text in enumerate(kinds()):
        yield f"kind {number}", text
    yield "all sentences", "\n".join(SENTENCES)
    for unit, count in runs():
        yield f"{count} of {unit!a}", unit * count
    for first in PIECES:
        for second in PIECES:
            yield f"pair {first!a} {second!a}", first + second


def sampled(seed):
    rng = random.Random(seed)
    for number in range(3000):
        yield f"pieces {number}", "".join(rng.choices(PIECES, k=rng.randrange(1, 40)))
    for number in range(1000):
        yield f"words {number}", "".join(
            rng.choice(PIECES[:12]) + rng.choice(rng.choice(SENTENCES).split(" "))
            for _ in range(rng.randrange(1, 60)))
    for number in range(1500):
        top = rng.choice((0x80, 0x250, 0x800, 0x3100, 0x10000, 0x110000))
        yield f"points {number}", "".join(
            chr(point) for point in (rng.randrange(top) for _ in range(rng.randrange(1, 80)))
            if not 0xd800 <= point < 0xe000)
    for number in range(300):
        alphabet = rng.choice(("ab", "abc", "etaoin", " \n\t", "\r\n ", "0123456789abcdef", "AaBb'", "中文字元"))
        yield f"runs {number}", "".join(rng.choices(alphabet, k=rng.randrange(1, 1300)))


def files():
    for pattern in ("src/**/*.[ch]", "src/**/*.sql", "docs/**/*.md", "tools/*", "test/**/*.py", "prices/*",
                    "test/golden/*.json", "fuzz/corpus/*/*"):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.stat().st_size < 1 << 20:
                text = path.read_bytes().decode("utf-8", "replace")
                if not LONG.search(text):
                    yield str(path.relative_to(ROOT)), text


def every_character():
    """Each character of Unicode alone between others, many a text."""
    points = [point for point in range(0x110000) if not 0xd800 <= point < 0xe000]
    for at in range(0, len(points), 512):
        yield f"characters from {points[at]:x}", "".join(f"a{chr(point)}B1" for point in points[at:at + 512])


def encodings():
    found = []
    for name in ENCODINGS:
        public.load_tiktoken_bpe = load
        found.append(tiktoken.Encoding(**getattr(public, name)()))
    return found


def load(url, expected_hash=None):
    """The vocabulary that tiktoken would fetch, from the pinned package."""
    path = VOCABULARIES / url.rsplit("/", 1)[1]
    return {base64.b64decode(token): int(rank)
            for token, rank in (line.split() for line in path.read_bytes().splitlines())}


def counts_of(texts, oracle):
    return [tuple(len(encoding.encode_ordinary(text)) for encoding in oracle) for text in texts]


def ours(program, texts):
    data = b"".join(struct.pack("<I", len(text)) + text for text in (text.encode() for text in texts))
    out = subprocess.run([program], input=data, stdout=subprocess.PIPE, check=True).stdout
    return [tuple(map(int, line.split())) for line in out.splitlines()]


def compare(program, seed):
    oracle = encodings()
    failed = 0
    groups = {"fixed": fixed(), f"random of seed {seed}": sampled(seed), "files": files(),
              "every character": every_character()}
    print(f"TAP version 13\n1..{len(groups)}")
    for number, (group, named) in enumerate(groups.items(), 1):
        named = list(named)
        texts = [text for _, text in named]
        wanted, found = counts_of(texts, oracle), ours(program, texts)
        assert len(wanted) == len(found)
        bad = [(name, want, got) for (name, _), want, got in zip(named, wanted, found) if want != got]
        for name, want, got in bad[:20]:
            print(f"# {name}: tiktoken {want}, here {got}")
        size = sum(len(text.encode()) for text in texts)
        print(f"{'not ok' if bad else 'ok'} {number} - {group}: {len(texts)} texts, {size} bytes, "
              f"{sum(want[0] for want in wanted)} and {sum(want[1] for want in wanted)} tokens, "
              f"{len(bad)} differ")
        failed += bool(bad)
    return failed > 0


def matched(pattern):
    """Code points that a pattern of one character matches."""
    alone = tiktoken.Encoding("classes", pat_str=pattern, special_tokens={},
                              mergeable_ranks={bytes([byte]): byte for byte in range(256)})
    points = [point for point in range(0x110000) if not 0xd800 <= point < 0xe000]
    found = set()
    for at in range(0, len(points), 4096):
        text = "".join(map(chr, points[at:at + 4096]))
        found |= set(map(ord, alone.decode(alone.encode_ordinary(text))))
    return found


def print_classes():
    classes = {}
    for name, patterns in {"U": ("Lu", "Lt"), "L": ("Ll",), "B": ("Lm", "Lo"), "M": ("M",), "N": ("N",)}.items():
        for pattern in patterns:
            classes |= dict.fromkeys(matched(rf"\p{{{pattern}}}"), name)
    classes |= dict.fromkeys(matched(r"\s"), "S")
    point = 0
    while point < 0x110000:
        name = classes.get(point)
        end = point
        while classes.get(end) == "U" and classes.get(end + 1) == "L":
            end += 2
        if end - point >= 4:
            name = "A"
        else:
            end = point
            while classes.get(end) == name and end < 0x110000:
                end += 1
        if name:
            print(f"{point:x}-{end - 1:x} {name}" if end - 1 > point else f"{point:x} {name}")
        point = end


def print_golden():
    rows = [(text, 1) for text in kinds()] + list(runs())
    drawn = dict(sampled(1))
    rows += [(drawn[f"{kind} {number}"], 1) for kind in ("pieces", "points", "words") for number in range(50)]
    counts = counts_of([text * count for text, count in rows], encodings())
    for (text, count), (o200k, cl100k) in zip(rows, counts):
        print(json.dumps([text, count, o200k, cl100k], ensure_ascii=False))


def main():
    if tiktoken is None and PYTHON.exists() and pathlib.Path(sys.prefix) != PYTHON.parent.parent:
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    if tiktoken is None or not (VOCABULARIES / "o200k_base.tiktoken").exists():
        print("TAP version 13\n1..0 # SKIP needs tiktoken and the vocabularies: tools/setup test")
        return 0
    if sys.argv[1] == "--classes":
        return print_classes()
    if sys.argv[1] == "--golden":
        return print_golden()
    return compare(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20261122)


if __name__ == "__main__":
    sys.exit(main())
