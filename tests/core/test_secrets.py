"""Command lines as they are recorded: without what looks like a secret."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.secrets import MASK, is_secret, masked

SECRET = "hunter2"
NAMES = ["password", "db-passwd", "passphrase", "token", "api-key", "apiKey", "client_secret"]
NAMES += ["AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "HF_TOKEN", "credential", "spark.auth.secret"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_secret_is_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer", "max-tokens", "password-file", "token-path"),
        *("key", "keyboard", "passes", "compass", "bypass", "author", "lr", "", "123"),
    ],
)
def test_a_name_that_only_sounds_alike_is_not(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"mysql --password={SECRET} -h db", "mysql --password=*** -h db"),
        (f"mysql --password {SECRET} -h db", "mysql --password *** -h db"),
        (f"java -Ddb.password={SECRET} -jar a", "java -Ddb.password=*** -jar a"),
        (f"env PASSWORD={SECRET} x", "env PASSWORD=*** x"),
        (f"env 'PASSWORD={SECRET} {SECRET}' x", "env PASSWORD=*** x"),
        (f"git clone https://me:{SECRET}@h/x", "git clone https://me:***@h/x"),
        (f"psql postgres://:{SECRET}@h", "psql postgres://:***@h"),
        (f"x https://me:a@{SECRET}@h/", "x https://me:***@h/"),
        (f"curl h/x?token={SECRET}&b=1".replace("&", "\\&"), "curl h/x?token=***&b=1"),
        (f"curl -H 'Authorization: Bearer {SECRET}'", "curl -H Authorization: ***"),
        (f"sh -c 'export A_TOKEN={SECRET}; run'", "sh -c export A_TOKEN=***; run"),
        (f"sh -c 'login --password {SECRET} --me x'", "sh -c login --password *** --me x"),
        (f"sh -c 'PASSWORD=\"{SECRET} b\" run'", "sh -c PASSWORD=*** run"),
        (f"sh -c 'get \"Authorization: Basic {SECRET}\"'", 'sh -c get "Authorization: ***"'),
        (f'post \'{{"token": "{SECRET}", "n": 1}}\'', 'post {"token": ***, "n": 1}'),
    ],
)
def test_a_secret_is_masked_and_nothing_else(line: str, shown: str) -> None:
    assert " ".join(masked(shlex.split(line))) == shown


@pytest.mark.parametrize(
    "line",
    [
        "mysql -p hunter2",
        "mysql --password -h db",
        "mysql --password",
        "mysql --password=",
        "python train.py --tokenizer bert --max-tokens 100 --token-file f",
        "git clone ssh://git@host/x",
        "curl http://h:80/a@b",
        "echo the token is lost",
        "passwd root",
        "make pass all",
    ],
)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    assert masked(shlex.split(line)) == shlex.split(line)


values = st.text(st.characters(exclude_characters="-*"), min_size=1).map(lambda text: f"§{text}")


@given(st.sampled_from(NAMES), values, st.lists(st.text(), max_size=3))
def test_whatever_the_value_of_an_option_is_it_is_gone(
    name: str, value: str, others: list[str]
) -> None:
    assert masked([f"--{name}={value}", *others])[0] == f"--{name}={MASK}"
    assert masked(["x", f"--{name}", value, *others])[2] == MASK


words = st.lists(
    st.text()
    | st.sampled_from([f"--{name}" for name in NAMES])
    | st.from_regex(r"[-a-z:/@=\"' ]*(token|password|://)[-a-z:/@=\"' ]*", fullmatch=True)
)


@given(words)
def test_masking_twice_is_masking_once(command: list[str]) -> None:
    once = masked(command)
    assert masked(once) == once


@given(words)
def test_there_are_as_many_words_as_before(command: list[str]) -> None:
    assert len(masked(command)) == len(command)


@given(st.lists(st.text(st.characters(exclude_characters=":="))))
def test_without_a_name_or_an_address_nothing_changes(command: list[str]) -> None:
    plain = [word for word in command if not word.startswith("-")]
    assert masked(plain) == plain


@pytest.mark.parametrize(
    "word",
    [
        *("a" * 131_072, "token " * 20_000, "password=" * 14_000, 'token="' * 18_000),
        *("https://a:" * 13_000, "password" + " " * 131_000, "token" + "A " * 65_000),
    ],
    ids=lambda word: word[:9],
)
def test_the_longest_words_are_read_in_one_go(word: str) -> None:
    # 128 KiB is the longest a word may be. To go back over what was read would take minutes.
    assert len(masked([f"{word}://", f"--{word}"])) == 2
