"""`service set`, `list`, `rm`: the address book, and every byte around it that stays."""

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.cli.config_file import with_entry
from hms_orch_cli.cli.service import written_as
from hms_orch_cli.errors import ConfigError
from hms_orch_cli.ports.services import Service
from tests.cli.conftest import Run

FILE = Path("hms-orch.toml")

WRITTEN = """\
# mine
[store]
url = "sqlite:///x.db"   # here

  [services]  # the book
a = "http://a"
  b = "http://b#not-a-comment"   # keep # me
'c' = { url = "http://c", audience = "x" }  # two

# about the server
[server]
port = 1 # one
"""

LOOKS_LIKE_A_TABLE = '[store]\nurl = """\n[services]\nx = 1\n"""\n'


def edited(text: str, name: str, service: Service | None) -> str:
    """The text after an edit."""
    return with_entry(text, FILE, "services", name, written_as(service))


class TestEdit:
    def test_a_new_service_comes_after_the_last_one(self) -> None:
        assert edited(WRITTEN, "d", Service("http://d")) == WRITTEN.replace("# two\n", '# two\nd = "http://d"\n')

    def test_a_changed_one_keeps_its_place_and_its_comment(self) -> None:
        text = edited(WRITTEN, "b", Service("https://n", "bee"))
        assert 'a = "http://a"\nb = { url = "https://n", audience = "bee" }  # keep # me\n\'c\'' in text

    def test_one_in_quotes_is_found(self) -> None:
        assert edited(WRITTEN, "c", Service("http://n")).count("http://n") == 1

    def test_a_removed_one_leaves_the_rest(self) -> None:
        assert edited(WRITTEN, "a", None) == WRITTEN.replace('a = "http://a"\n', "")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", '[services]\nx = "http://x"\n'),
            ("# only\n", '# only\n\n[services]\nx = "http://x"\n'),
            ("[server]\nport = 1", '[server]\nport = 1\n\n[services]\nx = "http://x"\n'),
            ("[services]", '[services]\nx = "http://x"\n'),
            ("[services]\n# none yet\n", '[services]\nx = "http://x"\n# none yet\n'),
            ("\ufeff[services]\r\na = 'http://a'\r\n", "\ufeff[services]\r\na = 'http://a'\r\nx = \"http://x\"\r\n"),
            ("services.x = 'http://y'\n", None),
            ("services = { x = 'http://y' }\n", None),
            ("[services]\nx.url = 'http://y'\n", None),
            ("[services.a]\nurl = 'http://a'\n", "[services.a]\nurl = 'http://a'\n\n[services]\nx = \"http://x\"\n"),
            ("[services]\nx = '''http://y'''\n", '[services]\nx = "http://x"\n'),
            (LOOKS_LIKE_A_TABLE, LOOKS_LIKE_A_TABLE + '\n[services]\nx = "http://x"\n'),
        ],
    )  # fmt: skip
    def test_forms_of_toml(self, before: str, after: str | None) -> None:
        if after is None:
            with pytest.raises(ConfigError, match="in a form that this command cannot edit"):
                edited(before, "x", Service("http://x"))
        else:
            assert edited(before, "x", Service("http://x")) == after

    def test_a_table_of_its_own_is_replaced_whole(self) -> None:
        before = (
            "[services]\na = 'http://a'\n[services.x]\nurl = 'http://y'\naudience = 'y'\n# next\n[server]\nport = 1\n"
        )
        assert tomllib.loads(edited(before, "x", Service("http://x", "z"))) == {
            "services": {"a": "http://a", "x": {"url": "http://x", "audience": "z"}},
            "server": {"port": 1},
        }
        assert "# next\n[server]" in edited(before, "x", Service("http://x", "z"))
        assert "services.x" not in edited(before, "x", None)

    @given(
        names=st.lists(st.from_regex(r"[a-z][a-z0-9.-]{0,5}[a-z]", fullmatch=True), unique=True, max_size=4),
        name=st.from_regex(r"[a-z][a-z0-9.-]{0,5}[a-z]", fullmatch=True),
        comment=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=10),
        audience=st.none() | st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=5),
        newline=st.sampled_from(["\n", "\r\n"]),
    )
    def test_set_then_rm_changes_only_what_is_meant(
        self, names: list[str], name: str, comment: str, audience: str | None, newline: str
    ) -> None:
        lines = [
            "[services]",
            *(f'"{each}" = "http://{i}"  # {comment}' for i, each in enumerate(names)),
            f"# {comment}",
        ]
        before = newline.join([*lines, "", "[server]", "port = 1", ""])
        after = edited(before, name, Service("http://new", audience))
        meant = tomllib.loads(before)
        value = "http://new" if audience is None else {"url": "http://new", "audience": audience}
        meant["services"][name] = value
        assert tomllib.loads(after) == meant
        assert after.count(comment) >= before.count(comment)
        if name not in names:
            assert edited(after, name, None) == before


class TestCommands:
    def test_set_makes_the_file_and_says_what_changed(self, orch: Run, shop: Path) -> None:
        assert orch("service", "set", "pay", "http://a:1/") == (0, "pay is now http://a:1\n", "")
        assert (shop / FILE).read_text() == '[services]\npay = "http://a:1"\n'
        assert orch("service", "set", "pay", "http://a:1") == (0, "pay was http://a:1 already\n", "")
        assert orch("service", "set", "pay", "http://b") == (0, "pay is now http://b (was http://a:1)\n", "")

    def test_the_file_above_is_the_one_that_is_edited(
        self, orch: Run, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (shop / FILE).write_text("# up here\n")
        (shop / "sub").mkdir()
        monkeypatch.chdir(shop / "sub")
        assert orch("service", "set", "pay", "http://a").code == 0
        assert (shop / FILE).read_text() == '# up here\n\n[services]\npay = "http://a"\n'
        assert list((shop / "sub").iterdir()) == []

    def test_list_and_rm(self, orch: Run, shop: Path) -> None:
        (shop / FILE).write_text(WRITTEN.replace("b#not", "b/not"))
        lines = [
            "NAME  URL                     AUDIENCE",
            "a     http://a                a",
            "b     http://b/not-a-comment  b",
            "c     http://c                x",
        ]
        assert orch("service", "list") == (0, "\n".join(lines) + "\n", "")
        assert json.loads(orch("service", "list", "-o", "json").out) == [
            {"name": "a", "url": "http://a", "audience": "a"},
            {"name": "b", "url": "http://b/not-a-comment", "audience": "b"},
            {"name": "c", "url": "http://c", "audience": "x"},
        ]
        assert orch("service", "rm", "a") == (0, "removed a (was http://a)\n", "")
        assert orch("service", "rm", "a") == (1, "", "error: a is not in the address book\nhint: known are b, c\n")

    def test_an_empty_book_is_said_on_stderr(self, orch: Run) -> None:
        ended = orch("service", "list")
        assert (ended.code, ended.out) == (0, "")
        assert orch("service", "list", "-o", "json").out == "[]\n"
        assert "it is empty" in orch("service", "rm", "x").err

    def test_the_mode_of_the_file_stays(self, orch: Run, shop: Path) -> None:
        (shop / FILE).write_text("")
        (shop / FILE).chmod(0o600)
        orch("service", "set", "pay", "http://a")
        assert stat.S_IMODE((shop / FILE).stat().st_mode) == 0o600
        assert [file.name for file in shop.iterdir()] == [FILE.name]

    def test_a_link_stays_a_link(self, orch: Run, shop: Path) -> None:
        (shop / "real.toml").write_text("# real\n")
        (shop / FILE).symlink_to("real.toml")
        orch("service", "set", "pay", "http://a")
        assert (shop / FILE).is_symlink()
        assert "# real" in (shop / "real.toml").read_text()

    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("a b", "http://x"),
            ("\x1b[31m", "http://x"),
            ("-", "http://x"),
            ("x", "ftp://x"),
            ("x", "http://"),
            ("x", "localhost:9001"),
            ("x", "http://u:p@h"),
            ("x", "http://h?q=1"),
            ("x", "http://169.254.169.254"),
            ("x", "http://[::ffff:169.254.169.254]/latest"),
            ("x", "http://metadata.google.internal"),
        ],
    )
    def test_what_cannot_be_a_service_changes_nothing(self, orch: Run, shop: Path, name: str, url: str) -> None:
        ended = orch("service", "set", name, url)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("error: ")
        assert "\x1b" not in ended.err
        assert list(shop.iterdir()) == []

    def test_the_environment_that_wins_is_told(self, orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HMS_SERVICES_PAY", "http://env")
        ended = orch("service", "set", "pay", "http://a")
        assert ended.out == "pay is now http://a\n"
        assert ended.err.startswith("warning: the environment says otherwise of pay, and wins\n")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_cannot_be_written(self, orch: Run, shop: Path) -> None:
        shop.chmod(0o500)
        try:
            ended = orch("service", "set", "pay", "http://a")
        finally:
            shop.chmod(0o700)
        assert ended.err.startswith("error: ")

    def test_a_broken_file_is_not_touched(self, orch: Run, shop: Path) -> None:
        (shop / FILE).write_text("[services\n")
        ended = orch("service", "set", "pay", "http://a")
        assert ended.code == 1
        assert "hms-orch.toml:1:10: this is not TOML" in ended.err
        assert (shop / FILE).read_text() == "[services\n"
