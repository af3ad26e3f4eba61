"""The SHA-256 chain over exported rows."""

import csv
import hashlib
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.chain import FORMATS, SEED, Format, cell, flat, verdict, written

Rows = list[dict[str, Any]]
EVERY = pytest.mark.parametrize("kind", FORMATS)


def made(*texts: str | None) -> Rows:
    return [
        {"schema": 1, "row": n, "rows": len(texts), "name": text, "g": {"a": 1.5, "b": None}}
        for n, text in enumerate(texts, start=1)
    ]


TEMPLATE = made("x")[0]
RISKY = "=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20"


def file_of(kind: str, rows: Rows) -> bytes:
    format_: Format = kind  # type: ignore[assignment]
    return b"".join(written(format_, rows, TEMPLATE))


def fault(data: bytes) -> str | None:
    return verdict(io.BytesIO(data)).fault


texts = st.lists(
    st.none() | st.text(st.characters(codec=None), max_size=20), min_size=1, max_size=5
)


@EVERY
@given(texts=texts)
def test_what_was_written_is_whole(kind: str, texts: list[str | None]) -> None:
    found = verdict(io.BytesIO(file_of(kind, made(*texts))))
    assert (found.fault, found.rows) == (None, len(texts))


@EVERY
@given(texts=texts, data=st.data())
def test_no_byte_can_be_changed_unnoticed(
    kind: str, texts: list[str | None], data: st.DataObject
) -> None:
    whole = file_of(kind, made(*texts))
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    spoilt = whole[:place] + bytes([other]) + whole[place + 1 :]
    # An end of line may become that of another system on the way.
    if spoilt.splitlines() != whole.splitlines():
        assert fault(spoilt) is not None


@EVERY
@given(texts=texts, data=st.data())
def test_no_file_can_be_cut_short_unnoticed(
    kind: str, texts: list[str | None], data: st.DataObject
) -> None:
    whole = file_of(kind, made(*texts))
    assert fault(whole[: data.draw(st.integers(0, len(whole) - 1))]) is not None


@EVERY
@pytest.mark.parametrize("order", [[0, 2], [0, 2, 1], [0, 1, 1, 2], [0, 1]], ids=str)
def test_rows_cannot_be_moved_repeated_or_left_out(kind: str, order: list[int]) -> None:
    lines = file_of(kind, made("a", "b", "c")).splitlines(keepends=True)
    head = {"csv": 1, "json": 1, "jsonl": 0}[kind]
    body = lines[head : head + 3]
    spoilt = [*lines[:head], *(body[n] for n in order), *lines[head + 3 :]]
    assert fault(b"".join(spoilt)) is not None


@EVERY
def test_other_ends_of_lines_do_no_harm(kind: str) -> None:
    assert fault(file_of(kind, made("a", "b")).replace(b"\n", b"\r\n")) is None


@EVERY
def test_a_file_without_rows_vouches_for_nothing(kind: str) -> None:
    assert fault(file_of(kind, [])) is not None


@pytest.mark.parametrize("data", [b"", b"\n", b"hello\n", b"\x00" * 100, b'{"schema":1}\n'])
def test_what_is_no_export_is_told(data: bytes) -> None:
    assert fault(data) is not None


def test_an_auditor_can_follow_the_chain_of_lines_with_any_tool() -> None:
    previous = SEED
    for line in file_of("jsonl", made("a", "b")).decode().splitlines():
        text, _, _ = line.rpartition(',"sha256":"')
        previous = hashlib.sha256(f"{previous}{text}}}".encode()).hexdigest()
        assert json.loads(line)["sha256"] == previous


def test_an_auditor_can_follow_the_chain_of_cells_with_any_tool() -> None:
    heading, *lines = file_of("csv", made("a", "b")).decode().splitlines()
    previous = hashlib.sha256(f"{SEED}{heading}".encode()).hexdigest()
    for line in lines:
        text, _, found = line.rpartition(",")
        previous = hashlib.sha256(f"{previous}{text}".encode()).hexdigest()
        assert found == previous


def test_one_document_is_json() -> None:
    document = json.loads(file_of("json", made("a", "b")))
    assert [row["name"] for row in document["runs"]] == ["a", "b"]


def test_one_document_of_nothing_is_json_too() -> None:
    assert json.loads(file_of("json", [])) == {"schema": 1, "runs": []}


@given(text=st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_comes_back_from_csv(text: str) -> None:
    (row,) = csv.reader(io.StringIO(cell(text), newline=""), strict=True)
    assert row[0].removeprefix("'" if text[0] in RISKY else "") == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_a_text_is_no_formula(text: str) -> None:
    (row,) = csv.reader(io.StringIO(cell(text), newline=""))
    assert row[0] == "'" + text


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (-1.5, "-1.5"), (3, "3"), (True, "true"), ([], "[]"), (0.0, "0.0")],
)
def test_what_is_no_text_stays_as_json_has_it(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_nested_fields_are_flattened() -> None:
    assert dict(flat({"a": {"b": {"c": 1}}, "d": None})) == {"a_b_c": 1, "d": None}
