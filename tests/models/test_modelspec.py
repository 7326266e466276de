from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import ModelFileError
from auscult.models.modelspec import FORMAT_VERSION, HeadSpec, ModelSpec, Provenance, UnknownSpec
from auscult.records import Label
from tests.tiny_models import tiny_spec


def changed(**fields: Any) -> str:
    """The JSON of a good description with some top-level fields changed; None takes the field away."""
    values = json.loads(tiny_spec().to_json()) | fields
    return json.dumps({name: value for name, value in values.items() if value is not None})


def changed_head(**fields: Any) -> str:
    head = json.loads(tiny_spec().to_json())["heads"][0] | fields
    return changed(heads=[head])


UNKNOWN = {"label": "late", "rule": "distance", "threshold": 3.5}


def changed_unknown(**fields: Any) -> str:
    """The JSON of a good description whose second label stands for unknown sounds, with fields of that changed."""
    return changed_head(unknown=UNKNOWN | fields)


names = st.text(min_size=1, max_size=8).filter(str.strip)
provenances = st.builds(
    Provenance,
    dataset_digest=st.none() | names,
    split=st.none() | names | st.dictionaries(names, st.integers()),
    seed=st.none() | st.integers(0, 2**63),
    packages=st.dictionaries(names, names, max_size=3),
    metrics=st.dictionaries(names, st.floats(0, 1), max_size=3),
    training_clips=st.lists(names, max_size=4).map(tuple),
    created=st.none() | names,
)


@st.composite
def unknowns(draw: st.DrawFn, ids: list[str]) -> UnknownSpec | None:
    """One of the labels for sounds of no class, or none."""
    chosen = UnknownSpec(
        label=draw(st.sampled_from(ids)),
        rule=draw(names),
        threshold=draw(st.floats(allow_nan=False, allow_infinity=False)),
        found_by=draw(st.text(max_size=5)),
    )
    return draw(st.sampled_from([None, chosen]))


@st.composite
def specs(draw: st.DrawFn) -> ModelSpec:
    ids = draw(st.lists(names, min_size=1, max_size=5, unique_by=lambda text: Label(text).id))
    count = len(ids)
    task = draw(st.sampled_from(["single_label", "multi_label"]))
    head = HeadSpec(
        name="main",
        task=task,
        labels=tuple(Label(one, draw(st.sampled_from(["", "shown"]))) for one in ids),
        thresholds=draw(st.none() | st.lists(st.floats(0, 1), min_size=count, max_size=count).map(tuple)),
        aggregate=draw(st.sampled_from(["mean", "max"])),
        unknown=draw(unknowns(ids)) if task == "single_label" and count > 1 else None,
    )
    window_samples = draw(st.integers(1, 10**7))
    return dataclasses.replace(
        tiny_spec(),
        name=draw(names),
        heads=(head, dataclasses.replace(head, name="other")),
        window_samples=window_samples,
        hop_samples=draw(st.integers(1, window_samples)),
        mono=draw(st.just("mean") | st.integers(0, 9)),
        provenance=draw(provenances),
    )


@given(spec=specs())
@settings(deadline=None)
def test_json_holds_everything(spec: ModelSpec) -> None:
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_keys_of_a_later_version_are_ignored() -> None:
    values = json.loads(tiny_spec().to_json())
    values["shelf_life_years"] = 10
    values["heads"][0]["question"] = "which part is loudest?"
    values["heads"][0]["labels"][0]["picture"] = "early.png"
    values["provenance"]["mood"] = "good"
    assert ModelSpec.from_json(json.dumps(values)) == tiny_spec()


def test_files_from_before_there_was_an_unknown_label() -> None:
    values = json.loads(changed())
    del values["heads"][0]["unknown"]
    (head,) = ModelSpec.from_json(json.dumps(values)).heads
    assert head.unknown is None
    assert head.classes == head.labels


def test_the_label_for_unknown_sounds_is_no_class() -> None:
    (head,) = ModelSpec.from_json(changed_unknown()).heads
    assert head.unknown == UnknownSpec(label="late", rule="distance", threshold=3.5)
    assert [label.id for label in head.labels] == ["early", "late"]
    assert [label.id for label in head.classes] == ["early"]


def test_a_rule_that_this_version_does_not_know_is_no_matter() -> None:
    """The graph computes it; the description only says so. That is why the format's number stays."""
    (head,) = ModelSpec.from_json(changed_unknown(rule="nearest_neighbours", metric="cosine")).heads
    assert head.unknown is not None
    assert head.unknown.rule == "nearest_neighbours"
    assert json.loads(tiny_spec().to_json())["format_version"] == 1


def test_a_front_end_with_unknown_choices_is_refused() -> None:
    features = dict(tiny_spec().features) | {"smear": 3}
    with pytest.raises(ModelFileError, match="unknown: smear"):
        ModelSpec.from_json(changed(features=features))


def test_a_newer_format_is_refused_before_anything_else_is_read() -> None:
    newer = json.dumps({"format_version": FORMAT_VERSION + 1, "everything": "else"})
    with pytest.raises(ModelFileError, match=r"written by a newer auscult \(format 3.*pip install -U auscult"):
        ModelSpec.from_json(newer)


def test_what_may_be_absent() -> None:
    bare = {"id": "early"}
    values = json.loads(changed_head(labels=[bare, {"id": "late"}]))
    values["heads"][0].pop("thresholds")
    values["provenance"] = {}
    spec = ModelSpec.from_json(json.dumps(values))
    assert spec.heads == tiny_spec().heads
    assert spec.provenance == Provenance()


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ModelSpec) if field.name != "picture"])
def test_every_field_must_be_there(field: str) -> None:
    with pytest.raises(ModelFileError, match=f"The field '{field}' is missing"):
        ModelSpec.from_json(changed(**{field: None}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "'description' must be a JSON object. Got 'list'"),
        (changed(format_version="1"), "'format_version' must be a whole number. Got '1'"),
        (changed(format_version=True), "'format_version' must be a whole number. Got True"),
        (changed(format_version=0), "'format_version' must be from 1 to 2. Got 0"),
        (changed(name=" "), "'name' must be a name. Got ' '"),
        (changed(heads=[]), "'heads' must be one head or more"),
        (changed(heads=["main"]), "'heads' must be a list of objects. Got 'main'"),
        (changed(heads=json.loads(changed())["heads"] * 2), "with different names. Got ['main', 'main']"),
        (changed(sample_rate=0), "'sample_rate' must be from 1 to 10000000 Hz. Got 0"),
        (changed(sample_rate=2**31 - 1), "'sample_rate' must be from 1 to 10000000 Hz. Got 2147483647"),
        (changed(sample_rate=8000.5), "'sample_rate' must be a whole number. Got 8000.5"),
        (changed(window_samples=0), "'window_samples' must be 1 or more. Got 0"),
        (changed(hop_samples=801), "'hop_samples' must be from 1 to window_samples (800). Got 801"),
        (changed(padding="repeat"), "'padding' must be 'zeros'. Got 'repeat'"),
        (changed(mono="left"), "'mono' must be 'mean' or the number of a channel, from 0. Got 'left'"),
        (changed(mono=-1), "'mono' must be 'mean' or the number of a channel, from 0. Got -1"),
        (changed(features={}), "A feature spec must have exactly the fields of FeatureSpec"),
        (changed(features=[1]), "'features' must be an object or null. Got [1]"),
        (
            changed(sample_rate=16000),
            "'features.sample_rate' must be the model's own sample_rate (16000). Got 8000",
        ),
        (changed(provenance={"seed": "7"}), "'seed' must be a whole number or null. Got '7'"),
        (changed(provenance={"training_clips": [7]}), "'training_clips' must be a list of clip ids. Got [7]"),
        (changed_head(name="a b"), "'name' must be a name of letters, digits and _. Got 'a b'"),
        (changed_head(task="both"), "'task' must be one of"),
        (changed_head(aggregate="median"), "'aggregate' must be one of ('mean', 'max'). Got 'median'"),
        (changed_head(labels=[]), "'labels' must be at least one label. Got 'none'"),
        (changed_head(labels=["early"]), "'labels' must be a list of objects. Got 'early'"),
        (changed_head(labels=[{"id": "a"}, {"id": "a"}]), "Got \"more than once: ['a']\""),
        (
            changed_head(thresholds=[0.5]),
            "'thresholds' must be None or 2 numbers in [0, 1], one a label. Got (0.5,)",
        ),
        (changed_head(thresholds=[0.5, 2]), "'thresholds' must be None or 2 numbers in [0, 1]"),
        (changed_head(thresholds=[0.5, "1"]), "'thresholds' must be a number. Got '1'"),
        (changed_head(thresholds=[0.5, 10**400]), "'thresholds' must be a number. Got one of 401 digits"),
        (changed_head(unknown="late"), "'unknown' must be an object or null. Got 'late'"),
        (changed_head(unknown={"label": "late"}), "The field 'rule' is missing"),
        (changed_unknown(label="cat"), "'unknown.label' must be the id of a label of the head. Got 'cat'"),
        (changed_unknown(rule=" "), "'unknown.rule' must be a word. Got ' '"),
        (changed_unknown(threshold="3"), "'unknown.threshold' must be a number. Got '3'"),
        (changed_unknown(threshold=1e400), "'unknown.threshold' must be a finite number. Got inf"),
        (
            changed_head(task="multi_label", unknown=UNKNOWN),
            "'unknown' must be null where sounds may have several labels. Got 'late'",
        ),
        (
            changed_head(labels=[{"id": "late"}], unknown=UNKNOWN),
            "'labels' must be a class beside the label for unknown sounds. Got ['late']",
        ),
    ],
)
def test_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        ModelSpec.from_json(text)
    assert message in str(caught.value)
    assert str(caught.value).endswith("or fetch another copy.")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
@settings(deadline=None)
def test_any_value_in_any_field_is_read_or_refused(data: st.DataObject) -> None:
    values = json.loads(tiny_spec().to_json())
    head = values["heads"][0]
    head["unknown"] = dict(UNKNOWN)
    part = data.draw(st.sampled_from([values, head, head["unknown"], values["provenance"], values["features"]]))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(json_values)
    try:
        spec = ModelSpec.from_json(json.dumps(values))
    except ModelFileError:
        return
    assert ModelSpec.from_json(spec.to_json()) == spec
