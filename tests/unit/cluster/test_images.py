import threading
import time
from pathlib import Path

import pytest

from hack.cluster.borrowed import IMAGE_VARIABLES, TEST_IMAGE_VARIABLES, NamedContext
from hack.cluster.caches import locked
from hack.cluster.dockerfile import content_tag, parse_stages, sources_of
from hack.cluster.images import TARGETS, TEST_TARGETS, Buildah, build_image, reference_of
from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError

ROOT = Path(__file__).resolve().parents[3]

DOCKERFILE = """\
ARG BASE_IMAGE=somewhere/python:3
# FROM nowhere AS comment
FROM ${BASE_IMAGE} AS dependencies
COPY requirements.lock /build/
RUN one \\
    && two
FROM ${BASE_IMAGE} AS application
COPY --chown=1:1 pyproject.toml \\
     src /app/
FROM ${BASE_IMAGE} AS product
COPY --from=dependencies /opt /opt
COPY --from=application /app /app
FROM other AS database
COPY start.sh /start.sh
FROM database
ADD ["a b", "/x"]
"""


@pytest.mark.parametrize(
    ("target", "sources"),
    [
        pytest.param("product", ["pyproject.toml", "requirements.lock", "src"], id="through COPY --from"),
        pytest.param("dependencies", ["requirements.lock"], id="one stage alone"),
        pytest.param("database", ["start.sh"], id="another branch"),
        pytest.param("4", [".", "start.sh"], id="through FROM, and the JSON form counts everything in"),
    ],
)
def test_sources_of_a_target_are_what_its_stages_copy(target: str, sources: list[str]) -> None:
    assert sources_of(parse_stages(DOCKERFILE), target) == sources


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("a")
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "other.txt").write_text("o")
    return tmp_path


def test_tag_is_twelve_hex_digits_and_repeats(tree: Path) -> None:
    tag = content_tag(tree, ["src"], "base")
    assert len(tag) == 12
    assert int(tag, 16) >= 0
    assert content_tag(tree, ["src", "src/a.py"], "base") == tag


def test_tag_ignores_bytecode_and_what_is_not_copied(tree: Path) -> None:
    tag = content_tag(tree, ["src"])
    (tree / "src" / "__pycache__" / "a.pyc").write_text("y")
    (tree / "other.txt").write_text("changed")
    assert content_tag(tree, ["src"]) == tag


def test_tag_follows_content_name_mode_and_base(tree: Path) -> None:
    tags = {content_tag(tree, ["src"], "base"), content_tag(tree, ["src"], "other base")}
    (tree / "src" / "a.py").write_text("b")
    tags.add(content_tag(tree, ["src"], "base"))
    (tree / "src" / "a.py").chmod(0o755)
    tags.add(content_tag(tree, ["src"], "base"))
    (tree / "src" / "a.py").rename(tree / "src" / "b.py")
    tags.add(content_tag(tree, ["src"], "base"))
    assert len(tags) == 5


class FullStorage(Buildah):
    """A storage that has every image, with its own lock."""

    def __init__(self, lock: Path) -> None:
        super().__init__()
        self.lock = lock

    def has_image(self, reference: str) -> bool:
        return True


def test_sources_that_change_while_another_build_is_waited_for_are_in_the_tag(
    tree: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (target,) = TEST_TARGETS
    context = tree / target.context
    context.mkdir(parents=True)
    (context / "Dockerfile").write_text(f"FROM base AS {target.name}\nCOPY program.py /\n")
    (context / "program.py").write_text("before")
    buildah = FullStorage(tmp_path / "lock")
    built: list[str] = []
    build = threading.Thread(target=lambda: built.append(build_image(target, tree, buildah, "product:1")))
    with locked(buildah.lock, "images"):
        build.start()
        said, give_up_at = "", time.monotonic() + 60
        while "-- waiting for another process that works on images" not in said:
            assert time.monotonic() < give_up_at
            said += "".join(capfd.readouterr())
            time.sleep(0.01)
        (context / "program.py").write_text("after")
    build.join(60)
    assert built == [reference_of(target, tree, "product:1")]


def test_an_image_for_tests_is_built_on_the_product_and_is_not_shipped() -> None:
    (target,) = TEST_TARGETS
    first, second = (reference_of(target, ROOT, product) for product in ("backfleet:1", "backfleet:2"))
    assert first != second
    assert first.startswith("localhost/backfleet-lean-stand-in:")
    assert "stand_in" not in (ROOT / "Dockerfile").read_text() + (ROOT / ".dockerignore").read_text()
    assert target.name not in {each.name for each in TARGETS}


@pytest.mark.parametrize("for_tests", [False, True])
def test_the_user_names_the_images_for_their_own_cluster(
    for_tests: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = NamedContext(Layout("mine", tmp_path), "mine")
    for variable in IMAGE_VARIABLES.values():
        monkeypatch.setenv(variable, "registry.example/it:1")
    (variable,) = TEST_IMAGE_VARIABLES.values()
    monkeypatch.delenv(variable, raising=False)
    if for_tests:
        with pytest.raises(ClusterError, match=f"tests/lean_stand_in/Dockerfile, .*{variable}"):
            cluster.build_images(ROOT, for_tests=True)
        monkeypatch.setenv(variable, "registry.example/stand-in:1")
    assert set(cluster.build_images(ROOT, for_tests=for_tests)) == {
        *IMAGE_VARIABLES, *(TEST_IMAGE_VARIABLES if for_tests else ()),
    }  # fmt: skip
