"""Alerts by mail, always over TLS with a verified certificate."""

import ssl
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiosmtplib

from counterseal.adapters.alert_thread import silence
from counterseal.adapters.home import HomeError
from counterseal.adapters.tls import client_context
from counterseal.core.alerts.model import Failure, Message
from counterseal.core.config.model import AlertChannel
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

_PORTS = {"starttls": 587, "implicit": 465}


class Mail:
    """Sends through one server; a new connection each time. `password` is None for a server without login."""

    def __init__(self, channel: AlertChannel, password: Secret | None, ca_file: Path | None) -> None:
        silence("mail.log")
        try:
            # Mail servers in companies are slow to learn TLS 1.3.
            self._context = client_context(ca_file, tls12=True)
        except (OSError, ssl.SSLError):
            raise HomeError(f"{ca_file} holds no certificates that can be read; see ca_file of the channel") from None
        self._channel = channel
        self._password = password
        self._domain = (channel.sender or "").rpartition("@")[2]

    async def send(self, message: Message) -> None:
        """Send one mail to all recipients. Raises SinkError unless the server took it for at least one."""
        await self._converse(lambda client: client.send_message(self._mail(message)))

    async def probe(self) -> bool:
        """Log in, name sender and recipients, and take it back before anything is written. Raises SinkError."""

        async def ask(client: aiosmtplib.SMTP) -> None:
            await client.mail(self._channel.sender or "")
            for recipient in self._channel.recipients:
                await client.rcpt(recipient)
            await client.rset()

        await self._converse(ask)
        return True

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _converse(self, talk: Any) -> None:
        channel = self._channel
        implicit = channel.tls == "implicit"
        client = aiosmtplib.SMTP(
            hostname=channel.host, port=channel.port or _PORTS[channel.tls], timeout=channel.timeout_s,
            use_tls=implicit, start_tls=not implicit, tls_context=self._context, local_hostname=self._domain,
        )  # fmt: skip
        try:
            await client.connect()
            if channel.user is not None and self._password is not None:
                await client.login(channel.user, self._password.reveal().decode("utf-8"))
            await talk(client)
        except aiosmtplib.SMTPException as fault:
            raise _judged(fault) from None
        except ssl.SSLCertVerificationError:
            raise SinkError(Failure.TRANSIENT, "its certificate is not accepted") from None
        except OSError:
            raise SinkError(Failure.TRANSIENT, "no connection") from None
        finally:
            await _leave(client)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.headline
        mail["From"] = self._channel.sender or ""
        mail["To"] = ", ".join(self._channel.recipients)
        mail["Date"] = formatdate(message.at_ms / 1000)
        mail["Message-ID"] = f"<{message.key.replace(' ', '-')}.{message.at_ms}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        return mail


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye: what was taken stays taken, whatever becomes of that."""
    try:
        if client.is_connected:
            await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        client.close()


def _judged(fault: aiosmtplib.SMTPException) -> SinkError:
    """Say whose fault it was without the server's words, which may repeat what it was told."""
    if isinstance(fault, aiosmtplib.SMTPAuthenticationError):
        return SinkError(Failure.REFUSED, f"login not accepted ({fault.code})")
    if isinstance(fault, aiosmtplib.SMTPRecipientsRefused):
        codes = [each.code for each in fault.recipients]
        return _by_code(max(codes, default=550), "no recipient accepted")
    if isinstance(fault, aiosmtplib.SMTPTimeoutError):
        return SinkError(Failure.TRANSIENT, "no answer in time")
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return _by_code(fault.code, "not accepted")
    if isinstance(fault.__cause__, ssl.SSLCertVerificationError):
        return SinkError(Failure.TRANSIENT, "its certificate is not accepted")
    # The library has no kind of its own for a server that lacks STARTTLS or AUTH.
    if isinstance(fault, aiosmtplib.SMTPNotSupported) or type(fault) is aiosmtplib.SMTPException:
        return SinkError(Failure.REFUSED, "the server offers no TLS or no login")
    return SinkError(Failure.TRANSIENT, "no connection")


def _by_code(code: int, what: str) -> SinkError:
    kind = Failure.REFUSED if code >= 500 else Failure.TRANSIENT
    return SinkError(kind, f"{what} ({code})")
