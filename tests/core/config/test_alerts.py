"""The settings of alerts: how they are written, and what must stand beside what."""

import pytest
from tests.core.config.texts import TESTNET, config_of, fault_of, faults_of

from counterseal.core.config import alerts_grammar as grammar
from counterseal.core.config.summary import summarize

MAIL = (
    '[alerts.channels.mail]\nkind = "smtp"\nhost = "smtp.example.com"\nsender = "a@example.com"\n'
    'recipients = ["b@example.com"]\n'
)
CHAT = '[alerts.channels.chat]\nkind = "slack"\n'
BUS = '[alerts.channels.bus]\nkind = "sns"\nregion = "eu-central-1"\n'
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"


def test_without_settings_there_is_no_channel_and_no_detail() -> None:
    config = config_of(TESTNET)
    assert not config.alert_channels and config.alerts.detail == "none" and config.alerts.outside_s is None


def test_channels_are_read_from_their_own_sections() -> None:
    config = config_of(TESTNET + '[alerts]\ndetail = "full"\norder = ["chat", "mail"]\n' + MAIL + CHAT)
    assert list(config.alert_channels) == ["mail", "chat"] and config.alerts.order == ("chat", "mail")
    mail = config.alert_channels["mail"]
    assert (mail.name, mail.kind, mail.host, mail.tls, mail.port) == (
        "mail", "smtp", "smtp.example.com", "starttls", None,
    )  # fmt: skip


def test_the_summary_names_channels_and_whom_they_reach() -> None:
    phones = '[alerts.channels.sms]\nkind = "sms"\nregion = "eu-central-1"\nphones = ["+4930901820"]\n'
    exact = CHAT + 'severities = ["medium"]\n'
    text = summarize(config_of(TESTNET + MAIL + 'min_severity = "high"\n' + exact + phones))
    assert "mail       smtp   from high on      b@example.com" in text
    assert "chat       slack  medium            -" in text
    assert "sms        sms    from its kind on  +4930901820" in text


@pytest.mark.parametrize(
    ("text", "setting", "cause"),
    [
        (MAIL.replace('host = "smtp.example.com"\n', ""), "host", "is missing; a channel of kind smtp needs it"),
        (MAIL.replace('["b@example.com"]', "[]"), "recipients", "is missing; a channel of kind smtp needs it"),
        (BUS, "topic", "is missing; a channel of kind sns needs it"),
        (BUS.replace("sns", "sms"), "phones", "is missing; a channel of kind sms needs it"),
        (CHAT + 'host = "x"\n', "host", "is no setting of a channel of kind slack"),
        (CHAT + 'endpoint = "https://x"\n', "endpoint", "is no setting of a channel of kind slack"),
        (MAIL + f'topic = "{TOPIC}"\n', "topic", "is no setting of a channel of kind smtp"),
        (CHAT + 'tls = "implicit"\n', "tls", "is no setting of a channel of kind slack"),
        (CHAT.replace("slack", "apprise") + 'ca_file = "x"\n', "ca_file", "is no setting of a channel of kind apprise"),
        (CHAT + 'min_severity = "high"\nseverities = ["info"]\n', "severities", "is given beside min_severity"),
    ],
)  # fmt: skip
def test_each_kind_has_settings_of_its_own(text: str, setting: str, cause: str) -> None:
    fault = fault_of(TESTNET + text)
    assert fault.setting.startswith("alerts.channels.") and fault.setting.endswith(f".{setting}")
    assert fault.cause.startswith(cause)


def test_a_channel_whose_kind_is_unknown_has_that_fault_alone() -> None:
    assert fault_of(TESTNET + '[alerts.channels.x]\nkind = "fax"\nhost = "h"\n').setting == "alerts.channels.x.kind"
    assert fault_of(TESTNET + '[alerts.channels.x]\nhost = "h"\n').setting == "alerts.channels.x.kind"


def test_a_needed_setting_with_a_fault_is_not_missing_besides() -> None:
    assert fault_of(TESTNET + MAIL.replace("smtp.example.com", "no host!")).setting == "alerts.channels.mail.host"


def test_outside_is_no_name_of_a_channel() -> None:
    assert "reserved" in fault_of(TESTNET + CHAT.replace("chat", "outside")).cause


def test_the_order_names_channels_that_exist() -> None:
    assert "did you mean mail?" in fault_of(TESTNET + '[alerts]\norder = ["mial"]\n' + MAIL).remedy
    assert "add a section" in fault_of(TESTNET + '[alerts]\norder = ["zzz"]\n').remedy


def test_names_and_sections_are_checked_as_all_others_are() -> None:
    assert fault_of(TESTNET + '[alerts]\nlable = "x"\n').remedy == "did you mean label?"
    assert "no name that an alert channel can have" in fault_of(TESTNET + CHAT.replace("chat", "Chat")).cause
    assert fault_of(TESTNET + "[alerts]\nchannels = 3\n").setting == "alerts.channels"
    assert fault_of(TESTNET + "[alerts.channels]\nmail = 3\n").setting == "alerts.channels.mail"
    assert [fault.setting for fault in faults_of("alerts = 3\n" + TESTNET)] == ["alerts"]
    assert fault_of(TESTNET + "[alert_channels.x]\n").setting == "alert_channels"


@pytest.mark.parametrize("secret", ["password", "secret", "api_key"])
def test_what_is_secret_is_no_setting(secret: str) -> None:
    fault = fault_of(TESTNET + CHAT + f'{secret} = "hush"\n')
    assert "hush" not in str(fault) and "never stand in this file" in fault.remedy


GOOD_AND_BAD = [
    (
        grammar.parse_host_name,
        ("smtp.example.com", "localhost", "10.0.0.5"),
        ("", "A.example", "-a", "a b", "a/b", "a" * 64),
    ),
    (
        grammar.parse_mail,
        ("a@example.com", "a.b+c@host"),
        ("", "a", "a@", "@b", "A <a@b>", "a@b c", "a@b\n", "a@b,c@d"),
    ),
    (grammar.parse_words, ("u", "x y"), ("", "x" * 129, "a\nb")),
    (grammar.parse_region, ("eu-central-1", "us-gov-west-1"), ("", "eu", "EU-central-1", "eu-central-1.evil.example")),
    (
        grammar.parse_topic,
        (TOPIC, "arn:aws-cn:sns:cn-north-1:123456789012:x"),
        ("", "alerts", TOPIC + ".fifo", TOPIC + " "),
    ),
    (grammar.parse_phone, ("+4930901820",), ("", "030901820", "+0301", "+49 30", "+4930901820123456")),
    (
        grammar.parse_endpoint,
        (
            "https://events.eu.pagerduty.com",
            "https://h:8443",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
        ),
        (
            *("", "http://h", "https://", "https://h/p", "https://h?q", "https://h#f", "https://u:p@h", "https://h:0"),
            *("https://h:x", "https://[", "ftp://h", "https://h\n"),
        ),
    ),
]


@pytest.mark.parametrize(("parse", "good", "bad"), GOOD_AND_BAD, ids=lambda value: getattr(value, "__name__", None))
def test_single_values(parse: object, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert callable(parse)
    assert [parse(text) for text in good] == list(good)
    assert [text for text in bad if parse(text) is not None] == []
