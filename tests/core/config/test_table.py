"""The table of settings, the model and the reference say the same."""

import dataclasses

import pytest
from tests.core.config.texts import ROOT, config_of
from tools.generate_settings_doc import PAGE, render

from counterseal.core.config import model
from counterseal.core.config.cross import RULES
from counterseal.core.config.table import SECTIONS, Section

_MODELS: dict[str, type] = {
    "venue": model.Venue,
    "listen": model.Listen,
    "gateway": model.Gateway,
    "journal": model.Journal,
    "process": model.Process,
    "signer": model.Signer,
    "keys": model.Key,
    "accounts": model.Account,
    "bots": model.Bot,
}


def test_sections_are_the_fields_of_the_configuration() -> None:
    assert list(SECTIONS) == [field.name for field in dataclasses.fields(model.Config)]


@pytest.mark.parametrize("section", SECTIONS.values(), ids=lambda section: section.name)
def test_settings_are_the_fields_of_their_model(section: Section) -> None:
    fields = [field.name for field in dataclasses.fields(_MODELS[section.name])]
    assert (["name"] if section.named else []) + [setting.name for setting in section.settings] == fields


def test_the_reference_is_up_to_date() -> None:
    assert PAGE == ROOT / "docs" / "reference" / "settings.md"
    assert PAGE.read_text(encoding="utf-8") == render(), "run tools/generate_settings_doc.py"


def test_the_reference_holds_every_setting_and_rule() -> None:
    page = render()
    for section in SECTIONS.values():
        assert f"## [{section.header}]" in page
        for setting in section.settings:
            assert f"| `{setting.name}` | {setting.purpose} |" in page
    for rule in RULES:
        assert f"- {(rule.__doc__ or '').splitlines()[0]}" in page


def test_the_examples_of_the_reference_are_one_valid_file() -> None:
    blocks = [part.split("```")[0] for part in render().split("```toml\n")[1:]]
    assert len(blocks) == len(SECTIONS)
    assert set(config_of("".join(blocks)).bots) == {"alpha"}
