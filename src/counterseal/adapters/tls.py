"""TLS towards the exchange: 1.3, full verification, nothing taken from the environment."""

import ssl
from pathlib import Path


def client_context(ca_file: Path | None, *, tls12: bool = False) -> ssl.SSLContext:
    """Make the context for one host.

    `ca_file` replaces the system's trust (paper exchange only). Raises OSError or ssl.SSLError when it cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Without names of hosts in a certificate the library would believe its common name, which no authority vouches for.
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if tls12 else ssl.TLSVersion.TLSv1_3
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cafile=str(ca_file))
    return context
