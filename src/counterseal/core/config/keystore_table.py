"""The settings of the store that holds the exchange's keys."""

from counterseal.core.config import keystore_grammar as grammar
from counterseal.core.config import model
from counterseal.core.config.alerts_grammar import parse_endpoint, parse_region
from counterseal.core.config.grammar import parse_label, parse_path
from counterseal.core.config.parsers import choice, flag, text, whole
from counterseal.core.config.section import Section, Setting

_LABEL = "1 to 32 letters, digits, dots, _ and -"

KEYSTORE = Section(
    "keystore",
    "Where the exchange's keys are kept, sealed to the signer. Wherever that is, nobody there can open them."
    " Needs a restart.",
    (
        Setting(
            "kind",
            choice(model.KEYSTORES),
            "file",
            "`file` is `keys/exchange.age`; `vault` HashiCorp Vault or OpenBao (KV version 2), `aws` AWS Secrets"
            " Manager, `systemd` a credential that systemd gives us, which we can read but not change.",
            '"vault"',
        ),
        Setting(
            "url",
            text(grammar.parse_url, "an https URL of host and port", "https://vault.internal:8200"),
            None,
            "The server of `vault`. Its certificate must be for this host.",
            '"https://vault.internal:8200"',
        ),
        Setting(
            "address",
            text(grammar.parse_address, "IP-address:port", "10.0.0.7:8200"),
            None,
            "Where that server is reached. No name is ever looked up for it.",
            '"10.0.0.7:8200"',
            absent="the address in `url`",
        ),
        Setting(
            "mount",
            text(grammar.parse_place, "a path of words and slashes", "secret"),
            "secret",
            "Where the KV engine is mounted, for `vault`.",
            '"secret"',
        ),
        Setting(
            "path",
            text(grammar.parse_place, "a path of words and slashes", "counterseal/desk"),
            None,
            "The secret below that mount, for `vault`.",
            '"counterseal/desk"',
        ),
        Setting(
            "auth_mount",
            text(grammar.parse_place, "a path of words and slashes", "approle"),
            "approle",
            "Where AppRole is mounted, for `vault`.",
            '"approle"',
        ),
        Setting(
            "role",
            text(parse_label, _LABEL, "counterseal"),
            None,
            "Name of the AppRole, for `vault`: a wrapped secret id that was made for another one is refused.",
            '"counterseal"',
        ),
        Setting(
            "role_id",
            text(grammar.parse_role_id, "an id of an AppRole", "5b8f2c1e-0d53-4f0e-8a0c-6a2f5d1f6f7e"),
            None,
            "Id of that AppRole. It is no secret; the secret id is.",
            '"5b8f2c1e-0d53-4f0e-8a0c-6a2f5d1f6f7e"',
        ),
        Setting(
            "wrapped",
            flag(),
            True,
            "Whether what we log in with is a response-wrapping token that gives the secret id once. With `false` it is"
            " the secret id itself, for `vault`.",
            "true",
        ),
        Setting(
            "login_file",
            text(parse_path, "a path of a file", "/run/counterseal/secret-id"),
            None,
            "File of mode 0600 with what we log in with: the (wrapped) secret id of `vault`; for `aws` an access key's"
            " id and the key, in two lines. A relative path starts in the folder of counterseal.toml.",
            '"/run/counterseal/secret-id"',
            absent="for `aws` the role of the machine",
        ),
        Setting(
            "login_credential",
            text(parse_label, _LABEL, "counterseal-secret-id"),
            None,
            "The systemd credential that holds the same.",
            '"counterseal-secret-id"',
            instead_of="login_file",
        ),
        Setting(
            "ca_file",
            text(parse_path, "a path of a file", "vault-ca.pem"),
            None,
            "Certificates (PEM) that the store is verified with instead of the system's. A relative path starts in the"
            " folder of counterseal.toml.",
            '"vault-ca.pem"',
        ),
        Setting(
            "region",
            text(parse_region, "a name of an AWS region", "eu-central-1"),
            None,
            "AWS region, for `aws`.",
            '"eu-central-1"',
            instead_of="url",
        ),
        Setting(
            "secret_name",
            text(grammar.parse_secret_name, "a name or ARN of a secret", "counterseal/desk"),
            None,
            "Name or ARN of the secret, for `aws`.",
            '"counterseal/desk"',
            instead_of="url",
        ),
        Setting(
            "endpoint",
            text(
                parse_endpoint,
                "an https URL of a host",
                "https://vpce-0a1b.secretsmanager.eu-central-1.vpce.amazonaws.com",
            ),
            None,
            "Another address of the service, such as an endpoint in an own network, for `aws`.",
            '"https://vpce-0a1b.secretsmanager.eu-central-1.vpce.amazonaws.com"',
            absent="the region's own",
            instead_of="url",
        ),
        Setting(
            "credential",
            text(parse_label, _LABEL, "counterseal-keys"),
            None,
            "The systemd credential that holds the sealed keys, for `systemd`.",
            '"counterseal-keys"',
            instead_of="url",
        ),
        Setting(
            "timeout_s",
            whole(1, 6),
            3,
            "How long the store may take for one reading or writing, logging in included.",
            "3",
            "s",
        ),
        Setting(
            "check_minutes",
            whole(1, 60),
            15,
            "How often the store is asked whether it holds something new. That also keeps the login alive.",
            "15",
            "minutes",
        ),
        Setting(
            "max_lease_hours",
            whole(1, 24),
            24,
            "For how long what was read last may be used while the store does not give it. After that orders that raise"
            " risk are refused, and nothing starts.",
            "24",
            "hours",
        ),
    ),
)
