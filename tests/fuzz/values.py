"""What nobody means well with: values for options, fields and custom ids, also what Discord would refuse."""

from hypothesis import strategies as st

BEYOND = [0, -1, 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30]

#: Texts that mean something somewhere: to Discord, a database, a formatter, a file system, a parser.
MEANT = (
    "",
    " ",
    "\u200b\u2060\ufeff",
    "\u3164",
    "\u00ad" * 40,
    "x" * 6000,
    "é" * 101,
    "👩‍👩‍👧‍👦" * 60,
    "\u202e\u2066gnirts\u2069",
    "a\u0301" * 400,
    "Z" + "\u0335\u0489" * 80,
    "\n" * 50,
    "line\r\nline\u2028line",
    "@everyone",
    "@here <@&1> <@1> <#1>",
    "</setup:1> <id:customize>",
    "<:a:1> <a:b:2>",
    "<t:99999999999999:R>",
    "**a** __b__ ~~c~~ ||d|| `e` ```f",
    "[free](https://a.b) [\nx](<https://c.d>)",
    "# h\n-# s\n> q\n1. l\n- m",
    "'; DROP TABLE groups; --",
    '" OR ""="',
    "%_%",
    "\\",
    "%s %d %n",
    "{0.__class__} {user}",
    "${7*7} {{7*7}}",
    "../../etc/passwd",
    "C:\\con",
    "file:///etc/passwd",
    "http://[::1",
    "https://user:pw@host/",
    "javascript:alert(1)",
    "\x00",
    "a\x00b",
    "\x1b[31m",
    "\x7f\x85",
    "\ufffe\uffff",
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "٣",
    "１２",
    "0x10",
    "1_000",
    "true",
    "null",
    "[]",
    "{}",
    "=1+1",
    "+1",
    "@SUM(A1)",
    "1" * 5000,
    "18446744073709551616",
    "-9223372036854775809",
    "2026-02-30 25:61",
    "in 9999999999 hours",
    "9999-12-31 23:59",
    "0001-01-01 00:00",
    "tomorrow " * 300,
    "Europe/../../../etc/localtime",
    "Europe/Berlin\x00",
    "fastai-2019@999",
    "fastai-2019:lesson-1",
    ":",
    "@",
    "#",
    "$\\frac{1}{" * 40,
    "$" * 200,
    "\\(" * 100,
    "{{c1::" * 90,
    "{{c1::a}}",
    "<img src=x onerror=alert(1)>",
)
#: Half of a character: JSON can carry it, UTF-8 cannot.
HALVES = ("\ud800", "a\udfffb", "\udc00\ud83d")

texts = st.one_of(
    st.sampled_from(MEANT),
    st.sampled_from(HALVES),
    st.text(max_size=200),
    st.text(min_size=1990, max_size=2010, alphabet=st.sampled_from("*_`[\\\u0301👍 ")),
    st.lists(st.sampled_from(MEANT), min_size=2, max_size=3).map("".join).map(lambda text: text[:6000]),
)
integers = st.one_of(st.sampled_from(BEYOND), st.integers(-5, 60), st.integers())
numbers = st.one_of(st.floats(), integers)
#: What stands where another kind of value belongs; nothing of Discord's sends it.
wrong_kinds = st.one_of(
    st.none(), st.booleans(), integers, st.floats(), texts, st.just([]), st.just({}), st.just(["a"])
)
names = st.one_of(
    st.sampled_from(
        [
            "../../x.png",
            "a\x00.png",
            "x" * 300 + ".png",
            "con.yaml",
            ".png",
            "",
            "deck.apkg",
            "deck.colpkg",
            "a.csv",
            "a.tsv",
            "course.yaml",
            "course.yml",
            "images.zip",
            "a.gif",
            "a.webp",
            "‮gpj.exe",
            "a b.jpg",
            "a.svg",
        ]
    ),
    st.text(max_size=30),
)
sizes = st.sampled_from([None, 0, -1, 1, 8 * 2**20 + 1, 2**31, 2**63, 2**70])
contents = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"\x89PNG\r\n\x1a\n" + bytes(64),
            b"\xff\xd8\xff\xe0" + bytes(64),
            b"GIF89a" + bytes(40),
            b"RIFF0000WEBPVP8 ",
            b"PK\x03\x04" + bytes(60),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"front,back\na,b\n",
            b"\xff\xfe\x00",
            b"id: x\ntitle: y\n",
            b"a: &a [*a, *a]\n",
            b"!!python/object/apply:os.system ['id']",
            b"%PDF-1.7",
            b"[" * 9000,
        ]
    ),
)
