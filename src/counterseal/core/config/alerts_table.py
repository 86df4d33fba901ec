"""The settings of alerts and of the channels that carry them."""

from counterseal.core.alerts.model import SEVERITIES, Detail
from counterseal.core.alerts.routing import KINDS
from counterseal.core.config import alerts_grammar as grammar
from counterseal.core.config.grammar import parse_label, parse_name, parse_path
from counterseal.core.config.parsers import choice, text, texts, whole, words
from counterseal.core.config.section import Required, Section, Setting

TLS = ("starttls", "implicit")
_DETAILS = tuple(detail.value for detail in Detail)

ALERTS = Section(
    "alerts",
    "How people are told. Channels are sections of their own; without one, alerts stand in the log and in"
    " `counterseal alert list` alone. Needs a restart.",
    (
        Setting(
            "label",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "desk-eu"),
            "counterseal",
            "How this installation is called in messages.",
            '"desk-eu"',
        ),
        Setting(
            "detail",
            choice(_DETAILS),
            "none",
            "What leaves this machine. `none` is what happened in general words, `symbols` names the symbols too,"
            " `full` the alert's own words, with bots, quantities and prices.",
            '"symbols"',
        ),
        Setting(
            "order",
            texts(parse_name, "a name of a channel", "sms"),
            (),
            "Which channel is tried next for a critical alert that nobody answers. Those not named come after them, in"
            " the order of the file.",
            '["mail"]',
        ),
        Setting(
            "escalate_after_s",
            whole(30, 86_400),
            300,
            "After how long without an answer a critical alert is told again, on the next channel.",
            "300",
            "s",
        ),
        Setting(
            "dedupe_s",
            whole(1, 86_400),
            300,
            "For how long what happens again is only counted, and not told again.",
            "300",
            "s",
        ),
        Setting(
            "heartbeat_minutes",
            whole(1, 10_080),
            1_440,
            "How often each channel has to prove that it works. It does so at every start, too.",
            "1440",
            "minutes",
        ),
        Setting(
            "outside_s",
            whole(10, 86_400),
            None,
            "How often the URL in `alerts/outside.secret` is called while all is well, so that somebody outside notices"
            " when nothing can be told any more.",
            "60",
            "s",
            "never",
        ),
    ),
)

ALERT_CHANNELS = Section(
    "alert_channels",
    "One way to tell people. What is secret about it (a URL, a routing key, a password, access keys) stands in the file"
    " `alerts/NAME.secret` of the home, of mode 0600. Needs a restart.",
    (
        Setting(
            "kind",
            choice(tuple(KINDS)),
            Required,
            "By what it is told.",
            '"smtp"',
        ),
        Setting(
            "min_severity",
            choice(SEVERITIES),
            None,
            "From which severity on it is told. From `high` on an alert goes to every channel when those that it is"
            " meant for do not take it.",
            '"info"',
            absent="`critical` for sms, `high` for sns and pagerduty, `info` for smtp, `medium` for the others",
        ),
        Setting(
            "severities",
            words(SEVERITIES),
            (),
            "Exactly which severities are told, where that is no matter of the least one.",
            '["medium", "info"]',
            instead_of="min_severity",
        ),
        Setting(
            "digest_minutes",
            whole(0, 1_440),
            60,
            "How long alerts of severity `info` are collected before they are told in one message.",
            "60",
            "minutes",
        ),
        Setting(
            "timeout_s",
            whole(1, 60),
            10,
            "How long one message may take. A critical one does not wait that long: after 2 s it goes to the others.",
            "10",
            "s",
        ),
        Setting(
            "credential",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "counterseal-mail"),
            None,
            "Name of the systemd credential that holds what is secret.",
            '"counterseal-mail"',
            absent="the file `alerts/NAME.secret`",
        ),
        Setting(
            "host",
            text(grammar.parse_host_name, "a name of a host", "smtp.example.com"),
            None,
            "Mail server, for `smtp`. Its certificate is verified.",
            '"smtp.example.com"',
        ),
        Setting(
            "port",
            whole(1, 65_535),
            None,
            "Its port.",
            "587",
            absent="587, with implicit TLS 465",
        ),
        Setting(
            "tls",
            choice(TLS),
            "starttls",
            "How the connection to the mail server is encrypted.",
            '"starttls"',
        ),
        Setting(
            "user",
            text(grammar.parse_words, "1 to 128 printable characters", "alerts@example.com"),
            None,
            "User at the mail server; the password is the secret.",
            '"alerts@example.com"',
            absent="no login",
        ),
        Setting(
            "sender",
            text(grammar.parse_mail, "a mail address", "alerts@example.com"),
            None,
            "Whom mails are from, for `smtp`.",
            '"alerts@example.com"',
        ),
        Setting(
            "recipients",
            texts(grammar.parse_mail, "a mail address", "desk@example.com"),
            (),
            "Who gets them, for `smtp`.",
            '["desk@example.com"]',
        ),
        Setting(
            "region",
            text(grammar.parse_region, "a name of an AWS region", "eu-central-1"),
            None,
            "AWS region, for `sns` and `sms`.",
            '"eu-central-1"',
            instead_of="host",
        ),
        Setting(
            "topic",
            text(grammar.parse_topic, "the ARN of an SNS topic", "arn:aws:sns:eu-central-1:123456789012:alerts"),
            None,
            "SNS topic to publish to, for `sns`.",
            '"arn:aws:sns:eu-central-1:123456789012:alerts"',
            instead_of="host",
        ),
        Setting(
            "phones",
            texts(grammar.parse_phone, "a telephone number with + and country", "+4930901820"),
            (),
            "Numbers that get an SMS by SNS, for `sms`.",
            '["+4930901820"]',
            instead_of="host",
        ),
        Setting(
            "endpoint",
            text(grammar.parse_endpoint, "an https URL of a host", "https://events.eu.pagerduty.com"),
            None,
            "Another address of the service: of a region, or of an endpoint in an own network. For `pagerduty`, `sns`"
            " and `sms`.",
            '"https://events.eu.pagerduty.com"',
            absent="the service's own",
            instead_of="host",
        ),
        Setting(
            "ca_file",
            text(parse_path, "a path of a file", "mail-ca.pem"),
            None,
            "Certificates (PEM) that the other side is verified with instead of the system's. A relative path starts in"
            " the folder of counterseal.toml.",
            '"mail-ca.pem"',
        ),
    ),
    named=True,
    within=("alerts", "channels"),
)
