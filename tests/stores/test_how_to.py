"""The how-to pages for Vault and AWS: their commands, run in their order, lead to a signer that has its key."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.homes import HMAC_SECRET, SOURCE, make_home
from tests.stores import services
from tests.stores.opening import Opening
from tests.stores.services import ROOT

from counterseal.adapters.home import Home

pytestmark = pytest.mark.slow
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n[keys.main]\n'
KEY = json.dumps({"apiKey": "A1b2" * 16, "secretKey": HMAC_SECRET.decode()})


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [body for found, body in FENCE.findall(text) if found == language and "pip install" not in body]


def shim(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def folder_of(tmp_path: Path) -> Path:
    """An installation in which `deploy` lies too, as in a clone, and our command on the path."""
    home = make_home(tmp_path / "home").root
    (home / "deploy").symlink_to(ROOT / "deploy")
    (home / "main.json").write_text(KEY)
    (tmp_path / "bin").mkdir()
    paths = os.pathsep.join([str(SOURCE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    shim(tmp_path / "bin", "counterseal", f'PYTHONPATH={paths} exec {sys.executable} -m counterseal.cli.main "$@"')
    return home


def bash(home: Path, text: str, **environ: str) -> str:
    """Run one block; it must succeed."""
    path = f"{home.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", text], cwd=home, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": path, "HOME": str(home), "COUNTERSEAL_HOME": str(home), **environ},
    )  # fmt: skip
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    assert HMAC_SECRET.decode() not in done.stdout + done.stderr
    return done.stdout


def test_vault(tmp_path: Path) -> None:
    home = folder_of(tmp_path)
    (tmp_path / "server").mkdir()
    with services.openbao(tmp_path / "server", bare=True) as server:
        shim(tmp_path / "bin", "bao", f'exec {services.require_program("bao")} "$@"')
        environ = {"BAO_ADDR": server.url, "BAO_CACERT": str(server.authority.ca)}
        admin = {**environ, "BAO_TOKEN": server.root_token}
        prepare, operator, log_in, add, rotating, clear, destroy, envelope = blocks("vault.md", "sh")

        role_id = bash(home, prepare, **admin).splitlines()[-1]
        bash(home, operator, **admin)
        settings = blocks("vault.md", "toml")[0]
        for old, new in (
            ("https://vault.internal:8200", server.url), ('address = "10.0.0.7:8200"\n', ""),
            ("5b8f2c1e-0d53-4f0e-8a0c-6a2f5d1f6f7e", role_id), ("vault-ca.pem", str(server.authority.ca)),
        ):  # fmt: skip
            assert old in settings
            settings = settings.replace(old, new)
        (home / "counterseal.toml").write_text(PAPER + settings)

        bash(home, log_in, **environ)
        assert "main" in bash(home, add, **environ)
        assert Opening(Home(home)).refs == ["main"]

        bash(home, rotating, **admin)
        assert "update" in server.client().sys.read_policy("counterseal")["data"]["rules"]

        # A key that lies there in the clear takes the place of it, is sealed, and its versions are destroyed.
        token = {**environ, "BAO_TOKEN": (home / "operator-token").read_text().strip()}
        token["COUNTERSEAL_VAULT_TOKEN_FILE"] = "operator-token"
        bash(home, clear.replace("S3cr3t", "S3cr3t-of-the-page"), **token)
        run = Opening(Home(home))
        assert run.refs == ["main"] and bytes(run.table.keys[0].place) == b"S3cr3t-of-the-page"  # type: ignore[union-attr]
        bash(home, destroy, **token)
        kept = server.client().secrets.kv.v2.read_secret_metadata("counterseal/desk", mount_point="secret")
        versions = kept["data"]["versions"]
        assert [number for number in versions if not versions[number]["destroyed"]] == ["3"]

        bash(home, envelope, **token)
        assert Opening(Home(home)).refs == ["main"]


def aws(line: str, url: str, home: Path) -> Any:
    """Carry out one command of the AWS CLI by the library that it is made of."""
    import boto3

    words = shlex.split(line)
    assert words[0] == "aws"
    client = boto3.client(
        words[1], endpoint_url=url, region_name=services.REGION, aws_access_key_id=services.KEY_ID,
        aws_secret_access_key=services.KEY, config=boto3.session.Config(proxies={}),
    )  # fmt: skip
    operation = client.meta.method_to_api_mapping[words[2].replace("-", "_")]
    shape = client.meta.service_model.operation_model(operation).input_shape
    given: dict[str, Any] = {}
    for option, value in zip(words[3::2], words[4::2], strict=True):
        name = "".join(part.capitalize() for part in option.removeprefix("--").split("-"))
        member = shape.members[name]  # an option that does not exist is none of the service's
        if member.type_name == "list":
            given[name] = [dict(pair.split("=", 1) for pair in value.split(","))]
        else:
            given[name] = (home / value.removeprefix("file://")).read_text() if value.startswith("file://") else value
    return getattr(client, words[2].replace("-", "_"))(**given)


def test_aws(tmp_path: Path, ministack: str) -> None:
    home = folder_of(tmp_path)
    (home / "access-key").write_text(f"{services.KEY_ID}\n{services.KEY}\n")
    (home / "access-key").chmod(0o600)
    make, role, add, clear = blocks("aws.md", "sh")
    (home / "trust.json").write_text(blocks("aws.md", "json")[0])
    name = services.some_name()
    for line in make.replace("counterseal/desk", name).splitlines():
        aws(line, ministack, home)
    arn = aws("aws iam list-policies --scope Local", ministack, home)["Policies"][0]["Arn"]
    for line in role.replace("arn:aws:iam::123456789012:policy/counterseal", arn).splitlines():
        aws(line, ministack, home)
    settings = blocks("aws.md", "toml")[0].replace("counterseal/desk", name)
    more = f'endpoint = "{ministack}"\nlogin_file = "access-key"\n'
    (home / "counterseal.toml").write_text(PAPER + settings + more)

    assert "main" in bash(home, add)
    assert Opening(Home(home)).refs == ["main"]

    manager = services.secrets_manager(ministack)
    plain = KEY.replace(HMAC_SECRET.decode(), "S3cr3t-of-the-page")
    manager.put_secret_value(SecretId=name, SecretString=plain, VersionStages=["AWSCURRENT"])
    imports, remove = clear.splitlines()
    bash(home, imports)
    run = Opening(Home(home))
    assert run.refs == ["main"] and bytes(run.table.keys[0].place) == b"S3cr3t-of-the-page"  # type: ignore[union-attr]
    previous = manager.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["VersionId"]
    aws(remove.replace("counterseal/desk", name).replace("VERSION", previous), ministack, home)
    stages = manager.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert "AWSPREVIOUS" not in [stage for each in stages.values() for stage in each]
