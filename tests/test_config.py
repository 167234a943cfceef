"""hms-orch.toml, its HMS_* twins, secrets."""

import re
from pathlib import Path

import pytest

from hms_orch_cli import config as config_room
from hms_orch_cli.config import Config, load
from hms_orch_cli.config.environment import Terminal, state_folders, terminal
from hms_orch_cli.config.settings import SETTINGS
from hms_orch_cli.errors import ConfigError
from hms_orch_cli.ports.services import Service

AT_2 = "FILE:2: "
URL_OR_TABLE = "must be a URL or a table with url and audience"
NUMBER = "a whole number"
HOW_TO_WRITE_A_URL = "write it as http://HOST:PORT"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working folder two below the one that may have the file, so that no file above it is found by chance."""
    folder = tmp_path / "shop" / "sub"
    folder.mkdir(parents=True)
    return folder


def write(here: Path, text: str | bytes) -> Path:
    """hms-orch.toml in the folder above `here`."""
    file = here.parent / "hms-orch.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def refused(here: Path, text: str | bytes, **environ: str) -> tuple[str, str]:
    """Message (without the folder) and hint of what `load` says of a file."""
    file = write(here, text)
    with pytest.raises(ConfigError) as caught:
        load(here, environ)
    return caught.value.message.replace(str(file), "FILE"), caught.value.hint


class TestDefaults:
    def test_without_a_file_the_defaults_serve_from_the_working_folder(self, here: Path) -> None:
        assert load(here, {}) == Config(
            root=here,
            file=None,
            store_url="sqlite:///.hms/events.db",
            store_base=here,
            bus_url="log:",
            services={},
            host="127.0.0.1",
            port=7600,
            public_url=None,
            tokens=(),
            named_tokens={},
            issuer="hms-orch",
            keys_folder=here / ".hms/keys",
            calls=256,
            calls_per_service=64,
            event_bytes=1 << 20,
            backlog=100_000,
            hitl_webhook=None,
            secrets_folder=None,
            log_format="text",
            traces_url=None,
            url=None,
            token=None,
            environ={},
        )

    def test_the_table_in_the_documentation_names_every_setting_and_its_twin(self) -> None:
        words = (config_room.__doc__ or "").split()
        for key, setting in SETTINGS.items():
            assert words[words.index(key) + 1] == setting.twin


class TestFile:
    def test_the_file_above_is_found_and_its_paths_are_relative_to_it(self, here: Path) -> None:
        write(here, '[store]\nurl = "sqlite:///data/x.db"\n[secrets]\nfolder = "s"\n[auth]\nkeys = "k"\n')
        found = load(here, {})
        assert (found.root, found.file) == (here.parent, here.parent / "hms-orch.toml")
        assert found.store_path == here.parent / "data/x.db"
        assert (found.secrets_folder, found.keys_folder) == (here.parent / "s", here.parent / "k")

    def test_the_nearest_file_wins(self, here: Path) -> None:
        write(here, "[server]\nport = 1\n")
        (here / "hms-orch.toml").write_text("[server]\nport = 2\n")
        assert load(here, {}).port == 2

    def test_the_default_store_lies_beside_the_file(self, here: Path) -> None:
        write(here, "")
        assert load(here, {}).store_path == here.parent / ".hms/events.db"

    def test_every_key_can_be_written(self, here: Path) -> None:
        write(
            here,
            '[store]\nurl="sqlite:////var/x.db"\n[bus]\nurl="log:"\n[server]\nhost="0.0.0.0"\nport=1\n'
            'publicUrl="https://x.example/"\ntokens=["a","b"]\n[auth]\nissuer="me"\nkeys="/k"\n'
            "[limits]\ncalls=1\ncallsPerService=2\neventBytes=3\n"
            '[hitl]\nwebhook="http://h/w"\n[secrets]\nfolder="/s"\n'
            '[log]\nformat="json"\n[traces]\nurl="http://c:4318/"\n'
            '[services]\na="http://a:1/"\nb={url="https://b/x", audience="bee"}\n',
        )
        found = load(here, {})
        assert (found.host, found.port, found.public_url, found.tokens) == (
            "0.0.0.0",
            1,
            "https://x.example",
            ("a", "b"),
        )
        assert (found.issuer, found.keys_folder, found.store_path) == ("me", Path("/k"), Path("/var/x.db"))
        assert (found.calls, found.calls_per_service, found.event_bytes) == (1, 2, 3)
        assert (found.hitl_webhook, found.secrets_folder) == ("http://h/w", Path("/s"))
        assert (found.log_format, found.traces_url) == ("json", "http://c:4318")
        assert found.services == {"a": Service("http://a:1"), "b": Service("https://b/x", "bee")}

    def test_a_byte_order_mark_is_no_mistake(self, here: Path) -> None:
        write(here, b"\xef\xbb\xbf[server]\r\nport = 9\r\n")
        assert load(here, {}).port == 9

    def test_tokens_are_not_shown(self, here: Path) -> None:
        environ = {"HMS_SERVER_TOKENS": "s3cret", "HMS_TOKEN": "s3cret", "X": "s3cret"}
        assert "s3cret" not in repr(load(here, environ))


class TestTwins:
    def test_a_twin_wins_over_the_file(self, here: Path) -> None:
        write(here, "[server]\nport = 1\n")
        assert load(here, {"HMS_SERVER_PORT": "2"}).port == 2

    def test_an_empty_twin_counts_as_unset(self, here: Path) -> None:
        write(here, "[server]\nport = 1\n")
        assert load(here, {"HMS_SERVER_PORT": "", "HMS_SERVICES": "", "HMS_SERVICES_A": ""}).port == 1

    def test_a_store_from_the_environment_is_relative_to_the_working_folder(self, here: Path) -> None:
        write(here, '[store]\nurl = "sqlite:///a.db"\n')
        found = load(here, {"HMS_STORE_URL": "sqlite:///b.db"})
        assert (found.store_path, found.keys_folder) == (here / "b.db", here / "keys")

    @pytest.mark.parametrize(
        ("twin", "text", "field", "value"),
        [
            ("HMS_BUS_URL", "log:x", "bus_url", "log:x"),
            ("HMS_SERVER_HOST", "::", "host", "::"),
            ("HMS_SERVER_PUBLIC_URL", "http://x", "public_url", "http://x"),
            ("HMS_SERVER_TOKENS", "a, b c", "tokens", ("a", "b", "c")),
            ("HMS_SERVER_TOKENS", ' ["a", "b c"]', "tokens", ("a", "b c")),
            ("HMS_SERVER_TOKENS", "[]", "tokens", ()),
            ("HMS_AUTH_ISSUER", "me", "issuer", "me"),
            ("HMS_AUTH_KEYS", "/k", "keys_folder", Path("/k")),
            ("HMS_LIMITS_CALLS", "7", "calls", 7),
            ("HMS_LIMITS_CALLS_PER_SERVICE", "7", "calls_per_service", 7),
            ("HMS_LIMITS_EVENT_BYTES", "7", "event_bytes", 7),
            ("HMS_HITL_WEBHOOK", "http://w", "hitl_webhook", "http://w"),
            ("HMS_SECRETS_FOLDER", "/s", "secrets_folder", Path("/s")),
            ("HMS_LOG_FORMAT", "json", "log_format", "json"),
            ("HMS_TRACES_URL", "http://c:4318", "traces_url", "http://c:4318"),
            ("HMS_URL", "http://up:7600/", "url", "http://up:7600"),
            ("HMS_TOKEN", "t", "token", "t"),
        ],
    )
    def test_each_key_has_its_twin(self, here: Path, twin: str, text: str, field: str, value: object) -> None:
        assert getattr(load(here, {twin: text}), field) == value

    def test_services_of_the_environment_are_laid_over_the_file(self, here: Path) -> None:
        write(here, '[services]\npay-svc = "http://file"\nkept = "http://kept"\nb.url = "http://file"\n')
        environ = {
            "HMS_SERVICES": '{"pay-svc": "http://json", "new": {"url": "http://new", "audience": "n"}}',
            "HMS_SERVICES_PAY_SVC": "http://twin",
            "HMS_SERVICES_MAIL_SVC": '{"url": "http://mail", "audience": "m"}',
        }
        assert load(here, environ).services == {
            "pay-svc": Service("http://twin"),
            "kept": Service("http://kept"),
            "b": Service("http://file"),
            "new": Service("http://new", "n"),
            "mail-svc": Service("http://mail", "m"),
        }

    def test_a_twin_that_can_mean_two_services_is_refused(self, here: Path) -> None:
        text = '[services]\n"a.b" = "http://1"\na-b = "http://2"\n'
        assert refused(here, text, HMS_SERVICES_A_B="http://3") == (
            "HMS_SERVICES_A_B can mean a-b and a.b",
            "use HMS_SERVICES with a JSON object",
        )


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            ("[server]\n\nprot = 1\n", "FILE:3: 'prot' is no key of [server]", "did you mean port?"),
            ("[server]\npublicurl = 1\n", AT_2 + "'publicurl' is no key of [server]", "did you mean publicUrl?"),
            ("x = 1\n", "FILE:1: there is no table ['x']", None),
            ("\n[sevrer]\n", AT_2 + "there is no table ['sevrer']", "did you mean server?"),
            ("store = 1\n", "FILE:1: store must be a table, not a whole number", None),
            ("[server]\nport = '1'\n", AT_2 + "server.port must be a whole number, not a text", None),
            ("[server]\nport = true\n", AT_2 + "server.port must be a whole number, not true or false", None),
            ("[server]\nport = 1.5\n", AT_2 + "server.port must be a whole number, not a number", None),
            ("[server]\nport = 65536\n", AT_2 + "server.port is 65536; it must be from 0 to 65535", None),
            ("[server]\nhost = 1979-05-27\n", AT_2 + "server.host must be a text, not a date or time", None),
            ("[server]\ntokens = 'a'\n", AT_2 + "server.tokens must be a list, not a text", None),
            (
                "[server]\ntokens = ['a', 1]\n",
                AT_2 + f"server.tokens must be a list of texts, with {NUMBER} in it",
                None,
            ),
            ("[server]\ntokens = ['']\n", AT_2 + "server.tokens is empty or holds a control character", None),
            ('[server]\nhost = "\\u001b"\n', AT_2 + "server.host is empty or holds a control character", None),
            ("[limits]\ncalls = 0\n", AT_2 + "limits.calls is 0; it must be from 1 to 65536", None),
            ("[services]\na = 1\n", AT_2 + f"services.a {URL_OR_TABLE}, not {NUMBER}", None),
            ("[services]\na = {uri='x'}\n", AT_2 + "services.a: 'uri' is no key of a service", "did you mean url?"),
            ("[services]\na = {audience='x'}\n", AT_2 + "services.a has no url", 'write it as { url = "http://…" }'),
            ("[services]\na = 'ftp://x'\n", AT_2 + "services.a: 'ftp://x' is no http or https URL", HOW_TO_WRITE_A_URL),
            ("[services]\na = 'http://x:99999'\n", AT_2 + "services.a: 'http://x:99999' is no http or https URL", None),
            ("[services]\na = 'http://u:p@x'\n", AT_2 + "services.a: the URL has a user, a query or a fragment", None),
            ("[services]\n'a b' = 'http://x'\n", "FILE: 'a b' is no name of a service", None),
            ("[server]\nport = \n", "FILE:2:8: this is not TOML: Invalid value", None),
            ("port = 1\nport = 2\n", "FILE:2:9: this is not TOML: Cannot overwrite a value", None),
        ],
    )  # fmt: skip
    def test_the_message_names_file_line_and_key(self, here: Path, text: str, message: str, hint: str | None) -> None:
        said = refused(here, text)
        assert said[0] == message
        assert said[1] if hint is None else said[1] == hint

    @pytest.mark.parametrize(
        ("twin", "text", "message"),
        [
            ("HMS_SERVER_PORT", "tcp://10.0.0.1:80", "HMS_SERVER_PORT must be a whole number, not a text"),
            ("HMS_SERVER_PORT", "-1", "HMS_SERVER_PORT is -1; it must be from 0 to 65535"),
            ("HMS_SERVER_PORT", "٣", "HMS_SERVER_PORT must be a whole number, not a text"),
            ("HMS_SERVER_TOKENS", '["a", "b"', "HMS_SERVER_TOKENS must be a list, not a text"),
            ("HMS_SERVICES", "[]", "HMS_SERVICES must be a JSON object, not a list"),
            ("HMS_SERVICES", "{", "HMS_SERVICES is not JSON"),
            ("HMS_SERVICES", "[" * 100_000, "HMS_SERVICES is not JSON"),
            ("HMS_SERVICES_A", "nope", "HMS_SERVICES_A: 'nope' is no http or https URL"),
            ("HMS_SERVICES_", "http://x", "HMS_SERVICES_: '' is no name of a service"),
            ("HMS_URL", "localhost:7600", "HMS_URL: 'localhost:7600' is no http or https URL"),
            ("HMS_STORE_URL", "sqlite:///", "'sqlite:///' names no file"),
            ("HMS_STORE_URL", "sqlite://x", "'sqlite://x' names no file"),
            ("HMS_STORE_URL", "sqlite:///:memory:", "'sqlite:///:memory:' names no file"),
        ],
    )
    def test_the_message_names_the_twin(self, here: Path, twin: str, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            load(here, {twin: text})

    def test_hostile_files(self, here: Path) -> None:
        assert refused(here, b"\xff\xfe")[0] == "FILE is not UTF-8: byte 0 is 0xff"
        assert refused(here, b"#" * (1 << 20) + b"\n")[0] == "FILE is over 1048576 bytes"
        assert refused(here, "x = " + "[" * 100_000)[0] == "FILE: this is nested too deeply"
        assert "\x1b" not in refused(here, '["\\u001b[2J"]\n')[0]
        assert "\x1b" not in refused(here, '[server]\n"\\u001b[2J" = 1\n')[0]

    def test_a_folder_of_that_name(self, here: Path) -> None:
        (here / "hms-orch.toml").mkdir()
        with pytest.raises(ConfigError, match="is not a file"):
            load(here, {})

    def test_another_kind_of_store_says_what_this_version_can_do(self, here: Path) -> None:
        found = load(here, {"HMS_STORE_URL": "postgresql://db/x"})
        with pytest.raises(ConfigError, match="this version has no store for 'postgresql://db/x'") as caught:
            _ = found.store_path
        assert caught.value.hint == "use sqlite:///PATH"


class TestSecrets:
    def test_the_order_is_prefixed_variable_plain_variable_file(self, here: Path) -> None:
        folder = here / "secrets"
        folder.mkdir()
        (folder / "KEY").write_text("from file\r\n\n")
        environ = {"HMS_SECRETS_FOLDER": str(folder)}
        assert load(here, environ).secret("KEY") == "from file\r\n"
        assert load(here, environ | {"KEY": "plain"}).secret("KEY") == "plain"
        assert load(here, environ | {"KEY": "plain", "HMS_SECRET_KEY": "own"}).secret("KEY") == "own"

    def test_one_line_end_is_taken_off(self, here: Path) -> None:
        (here / "A").write_bytes(b"x\r\n")
        assert load(here, {"HMS_SECRETS_FOLDER": "."}).secret("A") == "x"

    @pytest.mark.parametrize("name", ["../A", "/etc/passwd", "a/b", "", ".", "a\0b", "a-b", "A" * 129, "ä"])
    def test_a_name_is_no_path(self, here: Path, name: str) -> None:
        (here / "A").write_text("x")
        folder = here / "secrets"
        folder.mkdir()
        with pytest.raises(ConfigError, match="is no name of a secret"):
            load(here, {"HMS_SECRETS_FOLDER": str(folder)}).secret(name)

    def test_a_missing_secret_is_named(self, here: Path) -> None:
        with pytest.raises(ConfigError, match="there is no secret TOP") as caught:
            load(here, {}).secret("TOP")
        assert caught.value.hint == "set HMS_SECRET_TOP"

    def test_a_secret_that_is_not_text_is_refused_without_its_bytes(self, here: Path) -> None:
        (here / "A").write_bytes(b"\xffhidden")
        with pytest.raises(ConfigError) as caught:
            load(here, {"HMS_SECRETS_FOLDER": "."}).secret("A")
        assert "hidden" not in caught.value.message

    def test_a_huge_secret_is_refused(self, here: Path) -> None:
        (here / "A").write_bytes(b"x" * (64 * 1024 + 1))
        with pytest.raises(ConfigError, match="is over 65536 bytes"):
            load(here, {"HMS_SECRETS_FOLDER": "."}).secret("A")


class TestSurroundings:
    @pytest.mark.parametrize(
        ("environ", "wanted"),
        [
            ({}, Terminal(True, None)),
            ({"NO_COLOR": ""}, Terminal(True, None)),
            ({"NO_COLOR": "0"}, Terminal(False, None)),
            ({"TERM": "dumb"}, Terminal(False, None)),
            ({"COLUMNS": "100"}, Terminal(True, 100)),
            ({"COLUMNS": "wide"}, Terminal(True, None)),
        ],
    )
    def test_colour_is_never_against_no_color_and_dumb(self, environ: dict[str, str], wanted: Terminal) -> None:
        assert terminal(environ) == wanted

    def test_reports_go_to_the_state_folder_first(self) -> None:
        assert state_folders({"XDG_STATE_HOME": "/s", "HOME": "/h"})[0] == Path("/s/hms-orch")
        assert state_folders({"XDG_STATE_HOME": "s", "HOME": "/h"})[0] == Path("/h/.local/state/hms-orch")
